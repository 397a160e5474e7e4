//! The register tile of all matrix products: a few rows times one packed panel.

use super::lanes::Lanes;
use super::{Kind, Level, holds, prefetch_line};

/// How many steps of a panel are asked for ahead of their use.
const PREFETCH_STEPS: usize = 32;
/// Largest height and width of a tile at any level.
const MAX_HEIGHT: usize = 14;
const MAX_WIDTH: usize = 32;

impl Level {
    /// Largest number of rows of one [`gemm_tile`]; chosen so that the sums fill the registers.
    #[must_use]
    pub fn tile_height(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Amx | Kind::Avx512 => 14,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => 6,
            Kind::Portable => 2,
        }
    }

    /// Columns of a packed panel.
    #[must_use]
    pub fn panel_width(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Amx | Kind::Avx512 => 32,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => 16,
            Kind::Portable => 16,
        }
    }
}

/// The factors of a tile: `height` rows of `depth` values, `stride` apart, times a panel of `depth` x `panel_width`.
#[derive(Clone, Copy)]
pub struct Product<'a> {
    /// Left factor, row-major.
    pub rows: &'a [f32],
    /// Distance between the starts of rows.
    pub stride: usize,
    /// Number of rows, at most [`Level::tile_height`].
    pub height: usize,
    /// Length of the sums.
    pub depth: usize,
    /// Right factor: for each of `depth` steps the `panel_width` values of that step; unused columns are zero.
    pub panel: &'a [f32],
}

/// What the sums start from.
#[derive(Clone, Copy)]
pub enum Start<'a> {
    /// Zero.
    Zero,
    /// One value per column (at least as many as columns are written).
    Bias(&'a [f32]),
    /// Zero, and the output's old values are added at the end: sums over several slabs round like sums of slab sums.
    Output,
}

/// What happens to the sums before they are written.
#[derive(Clone, Copy)]
pub struct Finish<'a> {
    /// Rows to add, with the distance between their starts.
    pub residual: Option<(&'a [f32], usize)>,
    /// Lower bound of the result; minus infinity for none.
    pub low: f32,
    /// Upper bound of the result; infinity for none.
    pub high: f32,
}

/// Writes `start + rows * panel`, finished, to the first `width` columns of `height` rows of `out`.
///
/// Every output is a chain of (fused) multiply-adds over the depth in ascending order, whatever the height and width of
/// the tile: how rows are grouped into tiles does not change a bit.
///
/// # Panics
/// Where a slice is too short for its shape, or the shape exceeds the level's tile.
pub fn gemm_tile(
    level: Level,
    product: &Product<'_>,
    start: Start<'_>,
    finish: Option<&Finish<'_>>,
    out: &mut [f32],
    out_stride: usize,
    width: usize,
) {
    let full = level.panel_width();
    let Product { height, depth, .. } = *product;
    assert!(height >= 1 && height <= level.tile_height() && width >= 1 && width <= full, "tile shape");
    assert!(holds(product.rows, height, product.stride, depth), "left factor too short");
    assert!(holds(product.panel, depth, full, full), "panel too short");
    assert!(holds(out, height, out_stride, width), "output too short");
    if let Start::Bias(bias) = start {
        assert!(bias.len() >= width, "bias too short");
    }
    if let Some((residual, stride)) = finish.and_then(|f| f.residual) {
        assert!(holds(residual, height, stride, width), "residual too short");
    }
    if width == full {
        let task = Task::new(product, start, finish, out.as_mut_ptr(), out_stride);
        // SAFETY: all lengths were checked for the full panel width just above.
        unsafe { run(level, height, &task) };
        return;
    }
    // A narrow tile is computed at full width in a buffer.
    let mut buffer = [0.0; MAX_HEIGHT * MAX_WIDTH];
    let mut bias = [0.0; MAX_WIDTH];
    let start = match start {
        Start::Zero => Start::Zero,
        Start::Bias(b) => {
            bias[..width].copy_from_slice(&b[..width]);
            Start::Bias(&bias)
        }
        Start::Output => {
            for m in 0..height {
                buffer[m * full..][..width].copy_from_slice(&out[m * out_stride..][..width]);
            }
            Start::Output
        }
    };
    let task = Task::new(product, start, None, buffer.as_mut_ptr(), full);
    // SAFETY: the factors were checked above; the buffers hold the largest tile and width.
    unsafe { run(level, height, &task) };
    for m in 0..height {
        let row = &mut out[m * out_stride..][..width];
        row.copy_from_slice(&buffer[m * full..][..width]);
        if let Some(f) = finish {
            if let Some((residual, stride)) = f.residual {
                row.iter_mut().zip(&residual[m * stride..]).for_each(|(x, r)| *x += r);
            }
            row.iter_mut().for_each(|x| {
                *x = if *x > f.low { *x } else { f.low };
                *x = if *x < f.high { *x } else { f.high };
            });
        }
    }
}

/// A checked tile as pointers; null stands for none.
struct Task {
    rows: *const f32,
    stride: usize,
    depth: usize,
    panel: *const f32,
    bias: *const f32,
    accumulate: bool,
    finish: bool,
    residual: *const f32,
    residual_stride: usize,
    low: f32,
    high: f32,
    out: *mut f32,
    out_stride: usize,
}

impl Task {
    fn new(
        product: &Product<'_>,
        start: Start<'_>,
        finish: Option<&Finish<'_>>,
        out: *mut f32,
        out_stride: usize,
    ) -> Self {
        let residual = finish.and_then(|f| f.residual);
        Self {
            rows: product.rows.as_ptr(),
            stride: product.stride,
            depth: product.depth,
            panel: product.panel.as_ptr(),
            bias: if let Start::Bias(b) = start { b.as_ptr() } else { std::ptr::null() },
            accumulate: matches!(start, Start::Output),
            finish: finish.is_some(),
            residual: residual.map_or(std::ptr::null(), |r| r.0.as_ptr()),
            residual_stride: residual.map_or(0, |r| r.1),
            low: finish.map_or(f32::NEG_INFINITY, |f| f.low),
            high: finish.map_or(f32::INFINITY, |f| f.high),
            out,
            out_stride,
        }
    }
}

/// # Safety
/// The pointers of `task` must be valid for `height` rows at the panel width of `level`.
unsafe fn run(level: Level, height: usize, task: &Task) {
    macro_rules! by_height {
        ($f:ident: $($m:literal)*) => {
            match height {
                // SAFETY: forwarded; a `Level` exists only where the processor has its features.
                $($m => unsafe { $f::<$m>(task) },)*
                _ => unreachable!("heights were checked"),
            }
        };
    }
    match level.0 {
        #[cfg(target_arch = "x86_64")]
        Kind::Amx | Kind::Avx512 => by_height!(avx512: 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2 => by_height!(avx2: 1 2 3 4 5 6),
        Kind::Portable => by_height!(portable: 1 2),
    }
}

/// # Safety
/// As [`run`]; the processor has the features.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
unsafe fn avx512<const M: usize>(task: &Task) {
    // SAFETY: forwarded.
    unsafe { tile::<super::lanes::Avx512, M, 2>(task) }
}

/// # Safety
/// As [`run`]; the processor has the features.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<const M: usize>(task: &Task) {
    // SAFETY: forwarded.
    unsafe { tile::<super::lanes::Avx2, M, 1>(task) }
}

/// # Safety
/// As [`run`].
unsafe fn portable<const M: usize>(task: &Task) {
    // SAFETY: forwarded.
    unsafe { tile::<[f32; 16], M, 1>(task) }
}

/// `M` rows times `V` vectors of 16 columns, sums in registers.
///
/// # Safety
/// As [`run`]; the processor has the instructions of `L`.
#[inline(always)]
unsafe fn tile<L: Lanes, const M: usize, const V: usize>(t: &Task) {
    // SAFETY: all offsets stay below `(M - 1) * stride + depth`, `depth * 16 * V` and `(M - 1) * stride + 16 * V`.
    unsafe {
        let mut acc = [[L::splat(0.0); V]; M];
        if !t.bias.is_null() {
            for v in 0..V {
                let b = L::load(t.bias.add(16 * v));
                for row in &mut acc {
                    row[v] = b;
                }
            }
        }
        let (mut a, mut b) = (t.rows, t.panel);
        for _ in 0..t.depth {
            // The panel comes from the second- or third-level cache; past its end most often lies the next one.
            for v in 0..V {
                prefetch_line(b.wrapping_add(PREFETCH_STEPS * 16 * V + 16 * v));
            }
            let mut column = [L::splat(0.0); V];
            for v in 0..V {
                column[v] = L::load(b.add(16 * v));
            }
            for m in 0..M {
                let x = L::splat(*a.add(m * t.stride));
                for v in 0..V {
                    acc[m][v] = x.fma(column[v], acc[m][v]);
                }
            }
            a = a.add(1);
            b = b.add(16 * V);
        }
        if t.accumulate {
            for m in 0..M {
                for v in 0..V {
                    acc[m][v] = acc[m][v].add(L::load(t.out.add(m * t.out_stride + 16 * v)));
                }
            }
        }
        if t.finish {
            let (low, high) = (L::splat(t.low), L::splat(t.high));
            for m in 0..M {
                for v in 0..V {
                    if !t.residual.is_null() {
                        acc[m][v] = acc[m][v].add(L::load(t.residual.add(m * t.residual_stride + 16 * v)));
                    }
                    acc[m][v] = acc[m][v].max(low).min(high);
                }
            }
        }
        for m in 0..M {
            for v in 0..V {
                acc[m][v].store(t.out.add(m * t.out_stride + 16 * v));
            }
        }
    }
}
