//! Products of `f32` in three parts of bf16 each.

use super::tiles::{Config, TILE_BYTES};
use core::arch::asm;

/// Products of `f32` in three parts of bf16 each ([`split_tiles`](crate::simd::split_tiles)), as pointers.
pub(in crate::simd) struct Split<'a> {
    pub(in crate::simd) values: *const u16,
    /// Between the rows of a tile, in bytes.
    pub(in crate::simd) step: usize,
    /// Where the rows of each tap start, seen from the first one's, in values.
    pub(in crate::simd) taps: &'a [usize],
    /// A multiple of 32.
    pub(in crate::simd) channels: usize,
    /// Rows of every tile, at most 16.
    pub(in crate::simd) height: usize,
    pub(in crate::simd) panel: *const u16,
    /// Where the tiles start, in values.
    pub(in crate::simd) starts: &'a [usize],
    /// `[tile, height, 32]`.
    pub(in crate::simd) sums: *mut f32,
}

/// # Safety
/// [`super::is_available`]; the pointers are valid for the shape.
pub(in crate::simd) unsafe fn split(task: &Split<'_>) {
    let config = Config::new(task.height, task.height, TILE_BYTES);
    // SAFETY: forwarded.
    unsafe {
        asm!("ldtilecfg [{}]", in(reg) &raw const config, options(nostack));
        for first in (0..task.starts.len()).step_by(2) {
            let second = first + 1;
            if second == task.starts.len() {
                split_last(task, first);
                break;
            }
            let mut panel = task.panel;
            asm!("tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3", options(nostack, nomem));
            for tap in task.taps {
                let upper = task.values.add(task.starts[first] + tap);
                let lower = task.values.add(task.starts[second] + tap);
                panel = add_pair(task, upper, lower, panel);
            }
            let [upper, lower] = [first, second].map(|tile| task.sums.add(tile * task.height * 32));
            asm!(
                "tilestored [{lower} + {stride}], tmm2",
                "tilestored [{lower} + {stride} + 64], tmm3",
                "tilestored [{upper} + {stride}], tmm0",
                "tilestored [{upper} + {stride} + 64], tmm1",
                upper = in(reg) upper, lower = in(reg) lower, stride = in(reg) 128usize, options(nostack),
            );
        }
        asm!("tilerelease", options(nostack));
    }
}

/// Adds the products of a tap of two tiles; the panel after it.
///
/// # Safety
/// As [`split`], with the configuration loaded.
#[inline(always)]
unsafe fn add_pair(task: &Split<'_>, upper: *const u16, lower: *const u16, mut panel: *const u16) -> *const u16 {
    // Between the three parts of a pixel, in values.
    let part = task.channels;
    // SAFETY: forwarded.
    unsafe {
        // High, middle and low parts; of the nine products those below the precision of `f32` are left out.
        asm!(
            "2:",
            "tileloadd tmm4, [{upper_high} + {step}]",
            "tileloadd tmm6, [{panel} + {line}]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{panel} + {line} + 1024]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{lower_high} + {step}]",
            "tdpbf16ps tmm2, tmm5, tmm6", "tdpbf16ps tmm3, tmm5, tmm7",
            "tileloadd tmm4, [{upper_low} + {step}]",
            "tdpbf16ps tmm0, tmm4, tmm6", "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{lower_low} + {step}]",
            "tdpbf16ps tmm2, tmm5, tmm6", "tdpbf16ps tmm3, tmm5, tmm7",
            "tileloadd tmm4, [{upper_middle} + {step}]",
            "tdpbf16ps tmm0, tmm4, tmm6", "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{lower_middle} + {step}]",
            "tdpbf16ps tmm2, tmm5, tmm6", "tdpbf16ps tmm3, tmm5, tmm7",
            "tileloadd tmm6, [{panel} + {line} + 2048]",
            "tdpbf16ps tmm0, tmm4, tmm6", "tdpbf16ps tmm2, tmm5, tmm6",
            "tileloadd tmm7, [{panel} + {line} + 3072]",
            "tdpbf16ps tmm1, tmm4, tmm7", "tdpbf16ps tmm3, tmm5, tmm7",
            "tileloadd tmm4, [{upper_high} + {step}]",
            "tdpbf16ps tmm0, tmm4, tmm6", "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{lower_high} + {step}]",
            "tdpbf16ps tmm2, tmm5, tmm6", "tdpbf16ps tmm3, tmm5, tmm7",
            "tileloadd tmm6, [{panel} + {line} + 4096]",
            "tdpbf16ps tmm0, tmm4, tmm6", "tdpbf16ps tmm2, tmm5, tmm6",
            "tileloadd tmm7, [{panel} + {line} + 5120]",
            "tdpbf16ps tmm1, tmm4, tmm7", "tdpbf16ps tmm3, tmm5, tmm7",
            "add {upper_high}, 64", "add {upper_middle}, 64", "add {upper_low}, 64",
            "add {lower_high}, 64", "add {lower_middle}, 64", "add {lower_low}, 64",
            "add {panel}, 6144",
            "dec {blocks}",
            "jnz 2b",
            upper_high = inout(reg) upper => _, upper_middle = inout(reg) upper.add(part) => _,
            upper_low = inout(reg) upper.add(2 * part) => _,
            lower_high = inout(reg) lower => _, lower_middle = inout(reg) lower.add(part) => _,
            lower_low = inout(reg) lower.add(2 * part) => _,
            panel = inout(reg) panel, blocks = inout(reg) task.channels / 32 => _,
            step = in(reg) task.step, line = in(reg) TILE_BYTES, options(nostack),
        );
    }
    panel
}

/// The last of an odd number of tiles, in the same order of sums.
///
/// # Safety
/// As [`split`], with the configuration loaded.
unsafe fn split_last(task: &Split<'_>, tile: usize) {
    let part = task.channels;
    // SAFETY: forwarded.
    unsafe {
        let mut panel = task.panel;
        asm!("tilezero tmm0", "tilezero tmm1", options(nostack, nomem));
        for tap in task.taps {
            let rows = task.values.add(task.starts[tile] + tap);
            asm!(
                "2:",
                "tileloadd tmm4, [{high} + {step}]",
                "tileloadd tmm6, [{panel} + {line}]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{panel} + {line} + 1024]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{low} + {step}]",
                "tdpbf16ps tmm0, tmm5, tmm6",
                "tdpbf16ps tmm1, tmm5, tmm7",
                "tileloadd tmm5, [{middle} + {step}]",
                "tdpbf16ps tmm0, tmm5, tmm6",
                "tdpbf16ps tmm1, tmm5, tmm7",
                "tileloadd tmm6, [{panel} + {line} + 2048]",
                "tdpbf16ps tmm0, tmm5, tmm6",
                "tileloadd tmm7, [{panel} + {line} + 3072]",
                "tdpbf16ps tmm1, tmm5, tmm7",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm6, [{panel} + {line} + 4096]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{panel} + {line} + 5120]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "add {high}, 64", "add {middle}, 64", "add {low}, 64",
                "add {panel}, 6144",
                "dec {blocks}",
                "jnz 2b",
                high = inout(reg) rows => _, middle = inout(reg) rows.add(part) => _,
                low = inout(reg) rows.add(2 * part) => _,
                panel = inout(reg) panel, blocks = inout(reg) task.channels / 32 => _,
                step = in(reg) task.step, line = in(reg) TILE_BYTES, options(nostack),
            );
        }
        asm!(
            "tilestored [{sums} + {stride}], tmm0",
            "tilestored [{sums} + {stride} + 64], tmm1",
            sums = in(reg) task.sums.add(tile * task.height * 32), stride = in(reg) 128usize, options(nostack),
        );
    }
}

/// Splits pixels of `channels` values into their three parts, `[high, middle, low]` of all channels each; pixels are
/// `stride` apart in `out`. Each part is the leading eight bits of what the ones before leave, so the parts add up exactly.
///
/// # Safety
/// The processor has AVX-512 with words; the pointers are valid for the shape, `channels` is a multiple of 32.
#[target_feature(enable = "avx512f,avx512bw")]
pub(in crate::simd) unsafe fn split_pixels(
    values: *const f32,
    n: usize,
    channels: usize,
    stride: usize,
    out: *mut u16,
) {
    use core::arch::x86_64::*;
    let leading = _mm512_set1_epi32(0xffff_0000_u32 as i32);
    // The upper words of two vectors.
    let words: [i16; 32] = core::array::from_fn(|i| 2 * i as i16 + 1);
    // SAFETY: the array is as large as the vector.
    let upper = unsafe { _mm512_loadu_si512(words.as_ptr().cast()) };
    for pixel in 0..n {
        for c in (0..channels).step_by(32) {
            // SAFETY: forwarded.
            unsafe {
                let out = out.add(pixel * stride + c);
                let values = values.add(pixel * channels + c);
                let x = [0, 16].map(|at| _mm512_loadu_ps(values.add(at)));
                let high = x.map(|x| _mm512_and_si512(_mm512_castps_si512(x), leading));
                let rest = [0, 1].map(|i| _mm512_sub_ps(x[i], _mm512_castsi512_ps(high[i])));
                let middle = rest.map(|x| _mm512_and_si512(_mm512_castps_si512(x), leading));
                let low = [0, 1].map(|i| _mm512_sub_ps(rest[i], _mm512_castsi512_ps(middle[i])));
                for (i, [a, b]) in [high, middle, low.map(|x| _mm512_castps_si512(x))].into_iter().enumerate() {
                    _mm512_storeu_si512(out.add(i * channels).cast(), _mm512_permutex2var_epi16(a, upper, b));
                }
            }
        }
    }
}
