//! Dot products of bytes: rows of signed codes times packed panels of unsigned ones, four steps per instruction, or whole
//! tiles.

#[cfg(target_arch = "x86_64")]
use super::amx;
use super::{holds, prefetch_line};

/// Steps that one instruction multiplies and adds.
pub const STEPS: usize = 4;
/// Columns of a packed panel of bytes.
pub const BYTE_PANEL: usize = 32;
/// Largest depth at which no sum of products can overflow 32 bits: `255 * 127 * depth < 2^31`.
pub const BYTE_DEPTH: usize = 66_000;
/// How many bytes of a panel are asked for ahead of their use.
const PREFETCH_BYTES: usize = 1024;

/// A way to multiply bytes that this processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteLevel(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Amx,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    Portable,
}

impl ByteLevel {
    /// The fastest level that [`LIMIT_VARIABLE`](super::LIMIT_VARIABLE) allows, `None` where bytes are not faster than `f32`.
    #[must_use]
    pub fn fast() -> Option<Self> {
        Self::supported().into_iter().find(|l| l.0 != Kind::Portable && super::is_allowed(l.place()))
    }

    /// In [`INSTRUCTION_SETS`](super::INSTRUCTION_SETS).
    fn place(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Amx => 3,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Vnni => 2,
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni => 1,
            Kind::Portable => 0,
        }
    }

    /// All levels of this processor, fastest first; the last one is portable code, slower than products of `f32`.
    #[must_use]
    pub fn supported() -> Vec<Self> {
        let mut levels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if amx::is_available() {
                levels.push(Self(Kind::Amx));
            }
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if avx2 && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
                levels.push(Self(Kind::Avx512Vnni));
            }
            if avx2 && is_x86_feature_detected!("avxvnni") {
                levels.push(Self(Kind::AvxVnni));
            }
        }
        levels.push(Self(Kind::Portable));
        levels
    }

    /// Largest number of rows of one [`byte_tile`]; chosen so that the sums fill the registers.
    #[must_use]
    pub fn tile_height(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Amx => 2 * amx::TILE_ROWS,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Vnni => 14,
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni => 3,
            Kind::Portable => 2,
        }
    }
}

/// The factors of a tile of bytes.
#[derive(Clone, Copy)]
pub struct ByteProduct<'a> {
    /// Left factor, row-major.
    pub rows: &'a [i8],
    /// Distance between the starts of rows.
    pub stride: usize,
    /// Number of rows, at most [`ByteLevel::tile_height`].
    pub height: usize,
    /// Length of the sums: a multiple of [`STEPS`], at most [`BYTE_DEPTH`].
    pub depth: usize,
    /// Right factor, panel after panel: for each group of [`STEPS`] steps, for each of [`BYTE_PANEL`] columns the values of
    /// that group.
    pub panels: &'a [u8],
}

/// Writes the products of `height` rows with the columns of all panels to `out`, rows `out_stride` apart. Tiles are fastest
/// where rows, panels and output start at cache lines ([`super::Lines`]) and the strides are whole lines.
///
/// # Panics
/// Where a slice is too short for its shape, or the shape exceeds the level's tile.
pub fn byte_tile(level: ByteLevel, product: &ByteProduct<'_>, out: &mut [i32], out_stride: usize) {
    let ByteProduct { rows, stride, height, depth, panels } = *product;
    assert!(height >= 1 && height <= level.tile_height(), "tile height");
    assert!(depth.is_multiple_of(STEPS) && (STEPS..=BYTE_DEPTH).contains(&depth), "tile depth");
    assert!(holds(rows, height, stride, depth), "left factor too short");
    let n_panels = panels.len() / (depth * BYTE_PANEL);
    assert!(n_panels > 0 && panels.len().is_multiple_of(depth * BYTE_PANEL), "whole panels");
    assert!(holds(out, height, out_stride, n_panels * BYTE_PANEL), "output too short");
    #[cfg(target_arch = "x86_64")]
    if level.0 == Kind::Amx {
        let (out, out_stride) = (out.as_mut_ptr(), out_stride.wrapping_mul(size_of::<i32>()));
        let (rows, panels) = (rows.as_ptr(), panels.as_ptr());
        // SAFETY: the level exists only where tiles do; lengths checked above (strides are used for a second row alone, and
        // then fit into the slices).
        unsafe { amx::bytes(&amx::Bytes { rows, stride, height, depth, panels, n_panels, out, out_stride }) };
        return;
    }
    for (p, panel) in panels.chunks_exact(depth * BYTE_PANEL).enumerate() {
        one_panel(level, &ByteProduct { panels: panel, ..*product }, &mut out[p * BYTE_PANEL..], out_stride);
    }
}

/// [`byte_tile`] of a single panel; lengths are checked.
fn one_panel(level: ByteLevel, product: &ByteProduct<'_>, out: &mut [i32], out_stride: usize) {
    let height = product.height;
    match level.0 {
        #[cfg(target_arch = "x86_64")]
        Kind::Amx => unreachable!("tiles take all panels"),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512Vnni => {
            macro_rules! by_height {
                ($($m:literal)*) => {
                    match height {
                        // SAFETY: the level exists only where the processor has its features; lengths checked above.
                        $($m => unsafe { avx512_vnni::<$m>(product, out.as_mut_ptr(), out_stride) },)*
                        _ => unreachable!("heights were checked"),
                    }
                };
            }
            by_height!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
        }
        #[cfg(target_arch = "x86_64")]
        Kind::AvxVnni => match height {
            // SAFETY: as above.
            1 => unsafe { avx_vnni::<1>(product, out.as_mut_ptr(), out_stride) },
            // SAFETY: as above.
            2 => unsafe { avx_vnni::<2>(product, out.as_mut_ptr(), out_stride) },
            // SAFETY: as above.
            _ => unsafe { avx_vnni::<3>(product, out.as_mut_ptr(), out_stride) },
        },
        Kind::Portable => portable(product, out, out_stride),
    }
}

fn portable(product: &ByteProduct<'_>, out: &mut [i32], out_stride: usize) {
    for m in 0..product.height {
        let row = &product.rows[m * product.stride..][..product.depth];
        let sums = &mut out[m * out_stride..][..BYTE_PANEL];
        sums.fill(0);
        for (four, group) in row.chunks_exact(STEPS).zip(product.panels.chunks_exact(STEPS * BYTE_PANEL)) {
            for (sum, column) in sums.iter_mut().zip(group.chunks_exact(STEPS)) {
                *sum += four.iter().zip(column).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum::<i32>();
            }
        }
    }
}

/// # Safety
/// The processor has the features; the pointers behind `product` and `out` are valid for `M` rows of its shape.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vnni,avx2,fma")]
unsafe fn avx512_vnni<const M: usize>(product: &ByteProduct<'_>, out: *mut i32, out_stride: usize) {
    use core::arch::x86_64::*;
    let mut sums = [[_mm512_setzero_si512(); 2]; M];
    let (rows, mut panel) = (product.rows.as_ptr(), product.panels.as_ptr());
    // SAFETY: reads stay below `(M - 1) * stride + depth` and `depth * BYTE_PANEL`, writes below
    // `(M - 1) * out_stride + BYTE_PANEL`; all three were checked by the caller.
    unsafe {
        for step in (0..product.depth).step_by(STEPS) {
            prefetch_line(panel.wrapping_add(PREFETCH_BYTES).cast());
            prefetch_line(panel.wrapping_add(PREFETCH_BYTES + 64).cast());
            let columns = [_mm512_loadu_si512(panel.cast()), _mm512_loadu_si512(panel.add(64).cast())];
            for (m, sum) in sums.iter_mut().enumerate() {
                let four = _mm512_set1_epi32(rows.add(m * product.stride + step).cast::<i32>().read_unaligned());
                sum[0] = _mm512_dpbusd_epi32(sum[0], columns[0], four);
                sum[1] = _mm512_dpbusd_epi32(sum[1], columns[1], four);
            }
            panel = panel.add(STEPS * BYTE_PANEL);
        }
        for (m, sum) in sums.iter().enumerate() {
            _mm512_storeu_si512(out.add(m * out_stride).cast(), sum[0]);
            _mm512_storeu_si512(out.add(m * out_stride + 16).cast(), sum[1]);
        }
    }
}

/// # Safety
/// As [`avx512_vnni`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avxvnni,avx2,fma")]
unsafe fn avx_vnni<const M: usize>(product: &ByteProduct<'_>, out: *mut i32, out_stride: usize) {
    use core::arch::x86_64::*;
    let mut sums = [[_mm256_setzero_si256(); 4]; M];
    let (rows, mut panel) = (product.rows.as_ptr(), product.panels.as_ptr());
    // SAFETY: as in `avx512_vnni`.
    unsafe {
        for step in (0..product.depth).step_by(STEPS) {
            for (m, sum) in sums.iter_mut().enumerate() {
                let four = _mm256_set1_epi32(rows.add(m * product.stride + step).cast::<i32>().read_unaligned());
                for (v, s) in sum.iter_mut().enumerate() {
                    *s = _mm256_dpbusd_avx_epi32(*s, _mm256_loadu_si256(panel.add(32 * v).cast()), four);
                }
            }
            panel = panel.add(STEPS * BYTE_PANEL);
        }
        for (m, sum) in sums.iter().enumerate() {
            for (v, s) in sum.iter().enumerate() {
                _mm256_storeu_si256(out.add(m * out_stride + 8 * v).cast(), *s);
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
        fn a_tile_of_bytes_is_exact_at_every_level(
            height in 1usize..33, groups in 1usize..40, extra in 0usize..70, n_panels in 1usize..4, seed in any::<u64>(),
        ) {
            use rand::{Rng, SeedableRng};
            let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
            let (depth, stride) = (STEPS * groups, STEPS * groups + extra);
            let rows: Vec<i8> = (0..height * stride).map(|_| rng.random()).collect();
            let panels: Vec<u8> = (0..n_panels * depth * BYTE_PANEL).map(|_| rng.random()).collect();
            for level in ByteLevel::supported() {
                let height = height.min(level.tile_height());
                let product = ByteProduct { rows: &rows, stride, height, depth, panels: &panels };
                let out_stride = n_panels * BYTE_PANEL + 3;
                let mut out = vec![7; height * out_stride];
                byte_tile(level, &product, &mut out, out_stride);
                for m in 0..height {
                    for c in 0..n_panels * BYTE_PANEL {
                        let panel = &panels[c / BYTE_PANEL * depth * BYTE_PANEL..];
                        let column = c % BYTE_PANEL;
                        let value = |s: usize| panel[s / STEPS * STEPS * BYTE_PANEL + column * STEPS + s % STEPS];
                        let expected: i32 =
                            (0..depth).map(|s| i32::from(rows[m * stride + s]) * i32::from(value(s))).sum();
                        prop_assert_eq!(out[m * out_stride + c], expected, "{:?} row {} column {}", level, m, c);
                    }
                }
            }
        }
    }

    #[test]
    fn the_largest_sums_do_not_overflow() {
        let depth = BYTE_DEPTH / STEPS * STEPS;
        let (rows, panels) = (vec![-127i8; depth], vec![255u8; depth * BYTE_PANEL]);
        for level in ByteLevel::supported() {
            let mut out = vec![0; BYTE_PANEL];
            let product = ByteProduct { rows: &rows, stride: depth, height: 1, depth, panels: &panels };
            byte_tile(level, &product, &mut out, BYTE_PANEL);
            assert!(out.iter().all(|x| *x == -127 * 255 * depth as i32), "{level:?}");
        }
    }
}
