//! Lengths that no caller should give: every public function that takes a shape refuses them (by a panic) or stays inside
//! its slices, at every level. Run under the address sanitizer, reads count as well as writes.

use super::*;
use proptest::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Small lengths, and those whose multiples wrap to small ones.
fn length() -> impl Strategy<Value = usize> {
    let wrapping =
        (prop::sample::select(vec![2usize, 3, 4, 9, 16, 27, 32, 35, 36, 64, 96, 128, 1024, 3072]), 0usize..3, 0u32..3)
            .prop_map(|(factor, extra, rounding)| {
                let first = (usize::MAX / factor).wrapping_add(1 + extra);
                match rounding {
                    0 => first,
                    1 => first.div_ceil(16).wrapping_mul(16),
                    _ => first.div_ceil(32).wrapping_mul(32),
                }
            });
    prop_oneof![
        6 => 0usize..40,
        3 => (0usize..6).prop_map(|n| 16 * n),
        2 => wrapping,
        1 => (40u32..64).prop_map(|bits| 1usize << bits),
        1 => (0usize..70).prop_map(|less| usize::MAX - less),
    ]
}

/// First rows and columns of tiles.
fn place() -> impl Strategy<Value = isize> {
    prop_oneof![3 => -7isize..7, 1 => any::<isize>(), 1 => Just(isize::MAX), 1 => Just(isize::MIN)]
}

/// Values behind which nothing lies: the sanitizer sees the first one read too far.
fn exactly(len: usize) -> Vec<f32> {
    (0..len).map(|i| i as f32 * 0.5 - 3.0).collect()
}

/// What surrounds an output.
const GUARD: usize = 4096;

/// Calls `work` with an output of `len` values, once in memory of its own and once between guards that must stay whole.
/// Tells whether it was accepted.
fn guarded<T: Copy + PartialEq>(len: usize, fill: T, mut work: impl FnMut(&mut [T])) -> bool {
    let mut own = vec![fill; len];
    let accepted = catch_unwind(AssertUnwindSafe(|| work(&mut own))).is_ok();
    let mut memory = vec![fill; len + 2 * GUARD];
    let again = catch_unwind(AssertUnwindSafe(|| work(&mut memory[GUARD..][..len]))).is_ok();
    assert_eq!(accepted, again, "the same shape is accepted twice or never");
    let whole = memory[..GUARD].iter().chain(&memory[GUARD + len..]).all(|x| *x == fill);
    assert!(whole, "wrote outside its slice");
    accepted
}

/// Panics are what these tests ask for: they are not printed.
fn quietly(test: impl FnOnce()) {
    static QUIET: std::sync::Once = std::sync::Once::new();
    QUIET.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().name().is_none_or(|name| !name.contains("hostile")) {
                before(info);
            }
        }));
    });
    test();
}

#[test]
fn room_is_told_for_any_numbers() {
    let values = [0u8; 100];
    let table = [
        ((0, usize::MAX, usize::MAX), true),
        ((1, usize::MAX, 100), true),
        ((1, 0, 101), false),
        ((2, 50, 50), true),
        ((2, 51, 50), false),
        ((36, usize::MAX / 35 + 1, 1), false),
        ((3, usize::MAX / 2 + 1, 0), false),
        ((2, usize::MAX, 1), false),
        ((2, usize::MAX, 0), false),
        ((usize::MAX, 1, 1), false),
        ((usize::MAX, 0, 100), true),
    ];
    for ((n, stride, len), expected) in table {
        assert_eq!(holds(&values, n, stride, len), expected, "{n} pieces of {len}, {stride} apart");
    }
}

#[test]
fn the_lengths_that_once_wrapped_are_refused() {
    quietly(|| {
        for level in Level::supported() {
            // 9 * width wraps to 16: a filter of sixteen values seemed to hold widths of 2^60.
            let width = (usize::MAX / 9 + 1).div_ceil(16) * 16;
            let filters = exactly(width.wrapping_mul(9) % 4096);
            assert!(!guarded(64, 7.0, |out| winograd_filters(level, &filters, width, 0, out)));
            if level.has_tiles() {
                // The last pixel's place wraps to the start of the output.
                let values = exactly(3 * 32);
                assert!(!guarded(96, 7u16, |out| split_pixels(level, &values, 32, 1 << 63, out)));
                // 3 * channels, and the blocks of a panel, wrap to little.
                let channels = (usize::MAX / 3 + 1).div_ceil(32) * 32;
                for (taps, starts) in [(&[0usize][..], &[0usize][..]), (&[], &[0, 0]), (&[usize::MAX], &[1])] {
                    let rows = SplitRows { values: &[1; 4096], step: 0, taps, channels, height: 1 };
                    let panel = vec![1; SPLIT_BLOCK];
                    assert!(!guarded(64, 7.0, |sums| split_tiles(level, &rows, &panel, starts, sums)));
                }
            }
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn hostile_tiles_of_products(
        (rows, stride, height, depth, panel) in (0usize..300, length(), length(), length(), 0usize..600),
        (start, bias, residual, residual_stride) in (0usize..3, 0usize..40, 0usize..200, length()),
        (out, out_stride, width) in (0usize..300, length(), length()),
    ) {
        quietly(|| {
            let (rows, panel, bias, residual) = (exactly(rows), exactly(panel), exactly(bias), exactly(residual));
            for level in Level::supported() {
                let product = Product { rows: &rows, stride, height, depth, panel: &panel };
                let start = [Start::Zero, Start::Bias(&bias), Start::Output][start];
                let finish = Finish { residual: Some((&residual, residual_stride)), low: -1.0, high: 1.0 };
                guarded(out, 7.0, |out| gemm_tile(level, &product, start, Some(&finish), out, out_stride, width));
                guarded(out, 7.0, |out| gemm_tile(level, &product, start, None, out, out_stride, width));
            }
        });
    }

    #[test]
    fn hostile_tiles_of_bytes(
        rows in 0usize..300, stride in length(), height in length(), depth in length(), panels in 0usize..600,
        out in 0usize..300, out_stride in length(),
    ) {
        quietly(|| {
            let (rows, panels) = (vec![3i8; rows], vec![5u8; panels]);
            for level in ByteLevel::supported() {
                let product = ByteProduct { rows: &rows, stride, height, depth, panels: &panels };
                guarded(out, 7, |out| byte_tile(level, &product, out, out_stride));
            }
        });
    }

    #[test]
    fn hostile_winograd(
        (image, height, width, channels) in (0usize..900, length(), length(), length()),
        (top, left) in (place(), place()),
        (step, values, first, end) in (length(), 0usize..2400, length(), length()),
        (bias, residual) in (0usize..40, prop::option::of(0usize..900)),
    ) {
        quietly(|| {
            let (pixels, products, bias) = (exactly(image), exactly(values), exactly(bias));
            let residual = residual.map(exactly);
            let place = Place { height, width, channels, top, left };
            let ending = Ending { bias: &bias, residual: residual.as_deref(), low: -1.0, high: 1.0 };
            for level in Level::supported() {
                guarded(values, 7.0, |out| winograd_input(level, &pixels, &place, step, out));
                guarded(values, 7.0, |out| winograd_filters(level, &pixels, width, step, out));
                guarded(image, 7.0, |out| winograd_output(level, &products, step, first..end, &ending, &place, out));
            }
        });
    }

    #[test]
    fn hostile_tiles_of_parts(
        (values, channels, stride, out) in (0usize..200, length(), length(), 0usize..600),
        (pixels, step, height, panel, sums) in (0usize..900, length(), length(), 0usize..6200, 0usize..1200),
        taps in prop::collection::vec(length(), 0..3), starts in prop::collection::vec(length(), 0..4),
    ) {
        quietly(|| {
            let (values, pixels, panel) = (exactly(values), vec![0x3f80u16; pixels], vec![0x3f80u16; panel]);
            for level in Level::supported() {
                guarded(out, 7u16, |out| split_pixels(level, &values, channels, stride, out));
                let rows = SplitRows { values: &pixels, step, taps: &taps, channels, height };
                guarded(sums, 7.0, |sums| split_tiles(level, &rows, &panel, &starts, sums));
            }
        });
    }

    #[test]
    fn hostile_rows_to_finish(
        sums in 0usize..300, step in length(), columns in 0usize..70, residual in 0usize..300,
        residual_stride in length(), out in 0usize..300, stride in length(),
    ) {
        quietly(|| {
            let (sums, bias, residual) = (exactly(sums), exactly(columns), exactly(residual));
            let ending = Finish { residual: Some((&residual, residual_stride)), low: -1.0, high: 1.0 };
            for level in Level::supported() {
                guarded(out, 7.0, |out| finish_rows(level, &sums, step, &bias, &ending, out, stride));
            }
        });
    }

    #[test]
    fn hostile_parts_of_a_weight(step in length(), column in length(), block in 0usize..3200) {
        quietly(|| {
            guarded(block, 7u16, |block| pack_split(0.5, step, column, block));
        });
    }

    #[test]
    fn hostile_pairs_of_slices(a in 0usize..70, b in 0usize..70, c in 0usize..70, d in 0usize..70) {
        quietly(|| {
            let [x, y, z, integers] = [exactly(a), exactly(b), exactly(c), exactly(d)];
            let integers: Vec<i32> = integers.iter().map(|i| *i as i32).collect();
            let scale = RowScale { shift: 1, scale: 0.5, offset: 0.25 };
            for level in Level::supported() {
                let mut accepted = vec![
                    (guarded(d, 7.0, |out| multiply_add(level, out, &x, &y)), a == b && b == d),
                    (guarded(d, 7.0, |out| add_assign(level, out, &x)), a == d),
                    (guarded(d, 7.0, |out| add_scaled(level, out, &x, 2.0)), a == d),
                    (guarded(d, 7.0, |out| max_assign(level, out, &x)), a == d),
                    (guarded(d, 7.0, |out| clip(level, out, -1.0, 1.0)), true),
                    (guarded(d, 7.0, |out| scaled_sum(level, &[&x, &y], 2.0, out)), a == d && b == d),
                    (guarded(d, 7.0, |out| blend(level, &[&x, &y, &z, &x], &[0.25; 4], out)), a == b && b == c && c == d),
                    (guarded(d, 7.0, |out| normalize(level, &x, &y, &z, 1e-5, out)), a == b && b == c && c == d),
                    (guarded(d, 7.0, |out| _ = centred(level, &x, &y, 2.0, out)), a == b && b == d),
                    (guarded(d, 7.0, |out| _ = quantize(level, out, 0.5, 2.0)), true),
                    (guarded(d, 7.0, |out| _ = exp_sum(level, out, 9.0, 1.0)), true),
                    (guarded(d, 7.0, |out| gelu(level, out)), true),
                    (guarded(d, 7.0, |out| squared_distances(level, &x, &y, out)), a == b * d),
                ];
                let calls: [(&dyn Fn() -> f32, bool); 3] = [
                    (&|| squared_distance(level, &x, &y), a == b),
                    (&|| dot(level, &x, &y), a == b),
                    (&|| largest(level, &x), true),
                ];
                accepted.extend(calls.map(|(call, fits)| (catch_unwind(AssertUnwindSafe(call)).is_ok(), fits)));
                let scan = |scan: &dyn Fn(&mut Vec<u32>)| catch_unwind(AssertUnwindSafe(|| scan(&mut vec![]))).is_ok();
                accepted.extend([
                    (scan(&|hits| scan_at_most(level, &x, 1.0, 2.0, &y, hits)), a == b),
                    (scan(&|hits| scan_integers_at_most(level, &integers, scale, &x, &y, hits)), a == b && b == d),
                ]);
                for (i, (accepted, fits)) in accepted.into_iter().enumerate() {
                    assert_eq!(accepted, fits, "function {i} of {level:?} with lengths {a} {b} {c} {d}");
                }
            }
        });
    }
}
