//! Products of bytes, summed in whole numbers.

use super::tiles::{Config, TILE_BYTES, TILE_ROWS};
use core::arch::asm;

/// Rows of signed bytes times panels of unsigned ones, as pointers.
pub(in crate::simd) struct Bytes {
    pub(in crate::simd) rows: *const i8,
    /// Between rows, in bytes.
    pub(in crate::simd) stride: usize,
    /// At most two tiles of rows.
    pub(in crate::simd) height: usize,
    /// A multiple of 4.
    pub(in crate::simd) depth: usize,
    /// Panels of 32 columns: for each group of four steps, for each column its four bytes.
    pub(in crate::simd) panels: *const u8,
    pub(in crate::simd) n_panels: usize,
    pub(in crate::simd) out: *mut i32,
    /// Between rows of `out`, in bytes.
    pub(in crate::simd) out_stride: usize,
}

/// # Safety
/// [`super::is_available`]; the pointers are valid for the shape, whose height is from 1 to 32.
pub(in crate::simd) unsafe fn bytes(task: &Bytes) {
    let (height, below) = (task.height.min(TILE_ROWS), task.height.saturating_sub(TILE_ROWS));
    let (whole, rest) = (task.depth / TILE_BYTES, task.depth % TILE_BYTES);
    // What is left over comes first, from tiles of another shape, whose sums the others start from.
    let parts = [(whole * TILE_BYTES, usize::from(rest > 0), rest, false), (0, whole, TILE_BYTES, rest > 0)];
    for (from, steps, depth, accumulate) in parts.into_iter().filter(|part| part.1 > 0) {
        let config = Config::new(height, below, depth);
        // SAFETY: forwarded; tiles are loaded only where the configuration gives them rows.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const config, options(nostack));
            for p in 0..task.n_panels {
                let panel = task.panels.add(p * 32 * task.depth + from * 32);
                let (rows, out) = (task.rows.add(from), task.out.add(p * 32));
                if below > 0 {
                    two_by_two(task, rows, panel, out, steps, accumulate);
                } else {
                    one_by_two(task, rows, panel, out, steps, accumulate);
                }
            }
            asm!("tilerelease", options(nostack));
        }
    }
}

/// # Safety
/// As [`bytes`], with the configuration loaded; `steps` is at least 1.
unsafe fn two_by_two(task: &Bytes, rows: *const i8, panel: *const u8, out: *mut i32, steps: usize, accumulate: bool) {
    // SAFETY: forwarded.
    unsafe {
        let (stride, out_stride) = (task.stride, task.out_stride);
        let below = rows.wrapping_add(TILE_ROWS * stride);
        let out_below = out.wrapping_byte_add(TILE_ROWS * out_stride);
        asm!(
            "test {accumulate:e}, {accumulate:e}",
            "jnz 3f",
            "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
            "jmp 2f",
            "3:",
            "tileloadd tmm0, [{out} + {out_stride}]",
            "tileloadd tmm1, [{out} + {out_stride} + 64]",
            "tileloadd tmm2, [{out_below} + {out_stride}]",
            "tileloadd tmm3, [{out_below} + {out_stride} + 64]",
            "2:",
            "tileloadd tmm4, [{rows} + {stride}]",
            "tileloadd tmm6, [{panel} + {panel_stride}]",
            "tdpbsud tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{panel} + {panel_stride} + 64]",
            "tdpbsud tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{below} + {stride}]",
            "tdpbsud tmm2, tmm5, tmm6",
            "tdpbsud tmm3, tmm5, tmm7",
            "add {rows}, 64", "add {below}, 64", "add {panel}, 2048",
            "dec {steps}",
            "jnz 2b",
            "tilestored [{out} + {out_stride}], tmm0",
            "tilestored [{out} + {out_stride} + 64], tmm1",
            "tilestored [{out_below} + {out_stride}], tmm2",
            "tilestored [{out_below} + {out_stride} + 64], tmm3",
            rows = inout(reg) rows => _, below = inout(reg) below => _, panel = inout(reg) panel => _,
            steps = inout(reg) steps => _, stride = in(reg) stride, panel_stride = in(reg) 128usize,
            out = in(reg) out, out_below = in(reg) out_below, out_stride = in(reg) out_stride,
            accumulate = in(reg) u32::from(accumulate), options(nostack),
        );
    }
}

/// # Safety
/// As [`two_by_two`].
unsafe fn one_by_two(task: &Bytes, rows: *const i8, panel: *const u8, out: *mut i32, steps: usize, accumulate: bool) {
    // SAFETY: forwarded.
    unsafe {
        asm!(
            "test {accumulate:e}, {accumulate:e}",
            "jnz 3f",
            "tilezero tmm0", "tilezero tmm1",
            "jmp 2f",
            "3:",
            "tileloadd tmm0, [{out} + {out_stride}]",
            "tileloadd tmm1, [{out} + {out_stride} + 64]",
            "2:",
            "tileloadd tmm4, [{rows} + {stride}]",
            "tileloadd tmm6, [{panel} + {panel_stride}]",
            "tdpbsud tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{panel} + {panel_stride} + 64]",
            "tdpbsud tmm1, tmm4, tmm7",
            "add {rows}, 64", "add {panel}, 2048",
            "dec {steps}",
            "jnz 2b",
            "tilestored [{out} + {out_stride}], tmm0",
            "tilestored [{out} + {out_stride} + 64], tmm1",
            rows = inout(reg) rows => _, panel = inout(reg) panel => _,
            steps = inout(reg) steps => _, stride = in(reg) task.stride, panel_stride = in(reg) 128usize,
            out = in(reg) out, out_stride = in(reg) task.out_stride,
            accumulate = in(reg) u32::from(accumulate), options(nostack),
        );
    }
}
