//! Products of `f32` by tiles of bf16. A number of 24 bits is the sum of three of eight, exactly; of the nine products of two
//! such numbers the three smallest are below the precision of `f32` and left out. Tiles compute the other six in less than
//! half the time that fused multiply-adds of `f32` take for one.

#[cfg(target_arch = "x86_64")]
use super::amx;
use super::lanes::Lanes;
use super::{Finish, Level, dispatch, holds};

/// Steps of the sums that belong together in a packed panel: channels come in multiples of this many.
pub const SPLIT_STEPS: usize = 32;
/// Columns of a packed panel.
pub const SPLIT_PANEL: usize = 32;
/// Values of a packed panel for [`SPLIT_STEPS`] steps.
pub const SPLIT_BLOCK: usize = 3 * SPLIT_STEPS * SPLIT_PANEL;
/// Largest number of rows of a tile.
pub const SPLIT_ROWS: usize = 16;

/// The three parts of a number: the leading eight bits of what the ones before leave.
fn parts(x: f32) -> [u16; 3] {
    let leading = |x: f32| f32::from_bits(x.to_bits() & 0xffff_0000);
    let (high, rest) = (leading(x), x - leading(x));
    let middle = leading(rest);
    [high, middle, rest - middle].map(|part| (part.to_bits() >> 16) as u16)
}

/// Values of a cache line.
const LINE: usize = 32;

/// Distance between split pixels of `channels` values: their three parts, and an odd number of cache lines, which spreads
/// pixels over all sets of the cache.
#[must_use]
pub fn split_stride(channels: usize) -> usize {
    ((3 * channels).div_ceil(LINE) | 1) * LINE
}

/// Puts the weight of `step` and `column` to its places in a block of a packed panel.
pub fn pack_split(weight: f32, step: usize, column: usize, block: &mut [u16]) {
    // A part has two tiles of sixteen columns; a row of a tile has two steps of each column, next to each other.
    let place = (column / 16 * 16 + step / 2) * 32 + column % 16 * 2 + step % 2;
    for (part, bits) in parts(weight).into_iter().enumerate() {
        block[part * SPLIT_STEPS * SPLIT_PANEL + place] = bits;
    }
}

/// Splits pixels of `channels` values; pixel `i` goes to `out` from `i * stride` on: the high parts of all channels, then the
/// middle ones, then the low ones.
///
/// # Panics
/// Where a slice is too short, the pixels are not whole, or the level has no tiles.
pub fn split_pixels(level: Level, values: &[f32], channels: usize, stride: usize, out: &mut [u16]) {
    let pixel = whole_pixel(level, channels);
    assert!(values.len().is_multiple_of(channels) && stride >= pixel, "whole pixels");
    let n = values.len() / channels;
    assert!(holds(out, n, stride, pixel), "output too short");
    #[cfg(target_arch = "x86_64")]
    // SAFETY: tiles come with AVX-512 and its words; lengths checked above.
    unsafe {
        amx::split_pixels(values.as_ptr(), n, channels, stride, out.as_mut_ptr());
    }
}

/// Number of the parts of a pixel's values.
fn whole_pixel(level: Level, channels: usize) -> usize {
    assert!(level.has_tiles() && channels > 0 && channels.is_multiple_of(SPLIT_STEPS), "whole steps of channels");
    channels.checked_mul(3).expect("a pixel that memory can hold")
}

/// The left factor of products by tiles: pixels split into parts.
#[derive(Clone, Copy)]
pub struct SplitRows<'a> {
    /// Pixels as of [`split_pixels`].
    pub values: &'a [u16],
    /// Between the pixels of a tile's rows.
    pub step: usize,
    /// Where the pixels that each tap looks at are, seen from the start of a tile.
    pub taps: &'a [usize],
    /// Values of a pixel, a multiple of [`SPLIT_STEPS`].
    pub channels: usize,
    /// Rows of every tile, at most [`SPLIT_ROWS`].
    pub height: usize,
}

/// Multiplies tiles of rows that begin at `starts` with a panel ([`SPLIT_BLOCK`] values for each [`SPLIT_STEPS`] channels of
/// each tap) and writes the sums, `[tile, height, SPLIT_PANEL]`. A sum does not depend on its place in a tile, nor on the
/// other tiles.
///
/// # Panics
/// Where a slice is too short for the shape, or the level has no tiles.
pub fn split_tiles(level: Level, rows: &SplitRows<'_>, panel: &[u16], starts: &[usize], sums: &mut [f32]) {
    let SplitRows { values, step, taps, channels, height } = *rows;
    let pixel = whole_pixel(level, channels);
    assert!((1..=SPLIT_ROWS).contains(&height), "tile height");
    let blocks = taps.len().checked_mul(channels / SPLIT_STEPS);
    assert!(blocks.is_some_and(|n| holds(panel, n, SPLIT_BLOCK, SPLIT_BLOCK)), "panel too short");
    assert!(holds(sums, starts.len(), height * SPLIT_PANEL, height * SPLIT_PANEL), "output too short");
    let largest = |values: &[usize]| values.iter().copied().max().unwrap_or(0);
    let last = largest(starts).checked_add(largest(taps)).and_then(|first| values.get(first..));
    assert!(last.is_some_and(|rows| holds(rows, height, step, pixel)), "left factor too short");
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the level has tiles; lengths checked above. The step is used for a second row alone, and then fits into the
    // left factor.
    unsafe {
        let (panel, sums, values) = (panel.as_ptr(), sums.as_mut_ptr(), values.as_ptr());
        let step = step.wrapping_mul(size_of::<u16>());
        amx::split(&amx::Split { values, step, taps, channels, height, panel, starts, sums });
    }
}

dispatch! {
    /// Writes the sums of rows, as wide as `bias`, to `out`, `stride` apart, after bias and residual are added and the bounds
    /// applied. `sums` holds, `step` apart, [`SPLIT_PANEL`] columns of all rows each.
    ///
    /// # Panics
    /// Where a slice is too short.
    pub fn finish_rows(
        sums: &[f32], step: usize, bias: &[f32], ending: &Finish<'_>, out: &mut [f32], stride: usize,
    ) -> () = finish_body
}

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn finish_body<L: Lanes>(
    sums: &[f32],
    step: usize,
    bias: &[f32],
    ending: &Finish<'_>,
    out: &mut [f32],
    stride: usize,
) {
    let columns = bias.len();
    // The last row may end with its values.
    for (row, out) in out.chunks_mut(stride).enumerate() {
        let out = &mut out[..columns];
        let residual = ending.residual.map(|(residual, stride)| {
            let first = row.checked_mul(stride).expect("residual too short");
            &residual[first..][..columns]
        });
        for (panel, first) in (0..columns).step_by(SPLIT_PANEL).enumerate() {
            let width = SPLIT_PANEL.min(columns - first);
            let sums = &sums[panel.checked_mul(step).expect("sums too short")..][row * SPLIT_PANEL..][..SPLIT_PANEL];
            let whole = width / 16 * 16;
            // SAFETY: `c + 16 <= width`, and `first + width <= columns`, the length of all slices but that of the sums.
            unsafe {
                let (low, high) = (L::splat(ending.low), L::splat(ending.high));
                for c in (0..whole).step_by(16) {
                    let mut x = L::load(sums.as_ptr().add(c)).add(L::load(bias.as_ptr().add(first + c)));
                    if let Some(residual) = residual {
                        x = x.add(L::load(residual.as_ptr().add(first + c)));
                    }
                    x.max(low).min(high).store(out.as_mut_ptr().add(first + c));
                }
            }
            for c in whole..width {
                let x = sums[c] + bias[first + c] + residual.map_or(0.0, |r| r[first + c]);
                let x = if x > ending.low { x } else { ending.low };
                out[first + c] = if x < ending.high { x } else { ending.high };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_parts_add_up_exactly(x in -1e30f32..1e30, small in -1e-20f32..1e-20) {
            for x in [x, small, x * 1e-25] {
                let sum: f64 = parts(x).iter().map(|part| f64::from(f32::from_bits(u32::from(*part) << 16))).sum();
                prop_assert_eq!(sum, f64::from(x));
            }
        }

        #[test]
        fn tiles_of_parts_are_as_exact_as_f32(
            height in 1usize..17, n_tiles in 1usize..4, n_taps in 1usize..4, steps in 1usize..4, seed in any::<u64>(),
        ) {
            use rand::{Rng, SeedableRng};
            let level = Level::best();
            if !level.has_tiles() {
                return Ok(());
            }
            let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
            let channels = SPLIT_STEPS * steps;
            let (stride, n) = (3 * channels + 32, height + n_tiles + n_taps);
            let values: Vec<f32> = (0..n * channels).map(|_| rng.random_range(-1.0..1.0)).collect();
            let weights: Vec<f32> = (0..n_taps * channels * SPLIT_PANEL).map(|_| rng.random_range(-1.0..1.0)).collect();
            let mut pixels = vec![0; n * stride];
            split_pixels(level, &values, channels, stride, &mut pixels);
            let mut panel = vec![0; n_taps * steps * SPLIT_BLOCK];
            for (i, weight) in weights.iter().enumerate() {
                let (step, column) = (i / SPLIT_PANEL, i % SPLIT_PANEL);
                let block = &mut panel[step / SPLIT_STEPS * SPLIT_BLOCK..][..SPLIT_BLOCK];
                pack_split(*weight, step % SPLIT_STEPS, column, block);
            }
            let taps: Vec<usize> = (0..n_taps).map(|t| t * stride).collect();
            let starts: Vec<usize> = (0..n_tiles).map(|t| t * stride).collect();
            let rows = SplitRows { values: &pixels, step: stride, taps: &taps, channels, height };
            let mut sums = vec![0.0; n_tiles * height * SPLIT_PANEL];
            split_tiles(level, &rows, &panel, &starts, &mut sums);
            for (i, sum) in sums.iter().enumerate() {
                let (tile, row, column) = (i / SPLIT_PANEL / height, i / SPLIT_PANEL % height, i % SPLIT_PANEL);
                let terms = (0..n_taps * channels).map(|s| {
                    let x = values[(tile + row + s / channels) * channels + s % channels];
                    f64::from(x) * f64::from(weights[s * SPLIT_PANEL + column])
                });
                let (expected, size) = terms.fold((0.0, 0.0), |a, t| (a.0 + t, a.1 + t.abs()));
                prop_assert!((f64::from(*sum) - expected).abs() <= 1e-6 * size, "{} {}", sum, expected);
            }
        }
    }
}
