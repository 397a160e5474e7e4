//! Intel's Advanced Matrix Extensions: products of whole tiles of 16 rows of 64 bytes.
//!
//! Their intrinsics are not stable, so the loops are written as inline assembly; each block of it leaves the tiles as it
//! found them, unused. The operating system hands out the tiles' registers on request ([`is_available`]), on Linux only.

use core::arch::asm;
use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use std::sync::OnceLock;

/// Rows of a tile.
pub(super) const TILE_ROWS: usize = 16;
/// Bytes of a row of a tile.
pub(super) const TILE_BYTES: usize = 64;

/// Whether processor and operating system offer tiles with products of bytes and of bf16.
pub(super) fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        cfg!(target_os = "linux")
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("fma")
            && has_tiles()
            && permitted()
    })
}

fn has_tiles() -> bool {
    // bf16, tiles and bytes.
    const FEATURES: u32 = 1 << 22 | 1 << 24 | 1 << 25;
    // Configuration and data of tiles, as states that the operating system saves.
    const STATES: u64 = 1 << 17 | 1 << 18;
    #[target_feature(enable = "xsave")]
    fn states() -> u64 {
        // SAFETY: the feature is enabled.
        unsafe { _xgetbv(0) }
    }
    __cpuid(0).eax >= 7
        && __cpuid_count(7, 0).edx & FEATURES == FEATURES
        && is_x86_feature_detected!("xsave")
        // OSXSAVE: without it the states cannot be asked for.
        && __cpuid(1).ecx & (1 << 27) != 0
        // SAFETY: the feature was just found.
        && unsafe { states() } & STATES == STATES
}

/// Asks Linux for the tiles, for all threads: `arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)`.
fn permitted() -> bool {
    const ARCH_PRCTL: i64 = 158;
    let result: i64;
    // SAFETY: this call changes nothing but the permission; `syscall` itself changes the registers named.
    unsafe {
        asm!(
            "syscall", inlateout("rax") ARCH_PRCTL => result, in("rdi") 0x1023u64, in("rsi") 18u64,
            out("rcx") _, out("r11") _, options(nostack),
        );
    }
    result == 0
}

/// Shapes of the eight tiles.
#[repr(C, align(64))]
struct Config {
    palette: u8,
    start: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

impl Config {
    /// Sums in tiles 0 to 3, the left factor in 4 (`height` rows) and 5 (`below` rows), the right one in 6 and 7; `depth`
    /// bytes of each row of the left factor.
    fn new(height: usize, below: usize, depth: usize) -> Self {
        let mut config = Self { palette: 1, start: 0, reserved: [0; 14], row_bytes: [0; 16], rows: [0; 16] };
        let (height, below, right) = (height as u8, below as u8, (depth / 4) as u8);
        for (tile, (rows, bytes)) in [
            (height, TILE_BYTES),
            (height, TILE_BYTES),
            (below, TILE_BYTES),
            (below, TILE_BYTES),
            (height, depth),
            (below, depth),
            (right, TILE_BYTES),
            (right, TILE_BYTES),
        ]
        .into_iter()
        .enumerate()
        {
            // A tile without rows must not have columns either.
            (config.rows[tile], config.row_bytes[tile]) = (rows, if rows == 0 { 0 } else { bytes as u16 });
        }
        config
    }
}

/// Rows of signed bytes times panels of unsigned ones, as pointers.
pub(super) struct Bytes {
    pub(super) rows: *const i8,
    /// Between rows, in bytes.
    pub(super) stride: usize,
    /// At most two tiles of rows.
    pub(super) height: usize,
    /// A multiple of 4.
    pub(super) depth: usize,
    /// Panels of 32 columns: for each group of four steps, for each column its four bytes.
    pub(super) panels: *const u8,
    pub(super) n_panels: usize,
    pub(super) out: *mut i32,
    /// Between rows of `out`, in bytes.
    pub(super) out_stride: usize,
}

/// # Safety
/// [`is_available`]; the pointers are valid for the shape, whose height is from 1 to 32.
pub(super) unsafe fn bytes(task: &Bytes) {
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

/// Products of `f32` in three parts of bf16 each ([`super::split_tiles`]), as pointers.
pub(super) struct Split<'a> {
    pub(super) values: *const u16,
    /// Between the rows of a tile, in bytes.
    pub(super) step: usize,
    /// Where the rows of each tap start, seen from the first one's, in values.
    pub(super) taps: &'a [usize],
    /// A multiple of 32.
    pub(super) channels: usize,
    /// Rows of every tile, at most 16.
    pub(super) height: usize,
    pub(super) panel: *const u16,
    /// Where the tiles start, in values.
    pub(super) starts: &'a [usize],
    /// `[tile, height, 32]`.
    pub(super) sums: *mut f32,
}

/// # Safety
/// [`is_available`]; the pointers are valid for the shape.
pub(super) unsafe fn split(task: &Split<'_>) {
    let config = Config::new(task.height, task.height, TILE_BYTES);
    let blocks = task.channels / 32;
    // Between the three parts of a pixel, in values.
    let part = task.channels;
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
                // High, middle and low parts; of the nine products those below the precision of `f32` are left out.
                asm!(
                    "2:",
                    "tileloadd tmm4, [{upper_high} + {step}]",
                    "tileloadd tmm6, [{panel} + {line}]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tileloadd tmm7, [{panel} + {line} + 1024]",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tileloadd tmm5, [{lower_high} + {step}]",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    "tileloadd tmm4, [{upper_low} + {step}]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tileloadd tmm5, [{lower_low} + {step}]",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    "tileloadd tmm4, [{upper_middle} + {step}]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tileloadd tmm5, [{lower_middle} + {step}]",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    "tileloadd tmm6, [{panel} + {line} + 2048]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tileloadd tmm7, [{panel} + {line} + 3072]",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    "tileloadd tmm4, [{upper_high} + {step}]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tileloadd tmm5, [{lower_high} + {step}]",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    "tileloadd tmm6, [{panel} + {line} + 4096]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tileloadd tmm7, [{panel} + {line} + 5120]",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    "add {upper_high}, 64", "add {upper_middle}, 64", "add {upper_low}, 64",
                    "add {lower_high}, 64", "add {lower_middle}, 64", "add {lower_low}, 64",
                    "add {panel}, 6144",
                    "dec {blocks}",
                    "jnz 2b",
                    upper_high = inout(reg) upper => _, upper_middle = inout(reg) upper.add(part) => _,
                    upper_low = inout(reg) upper.add(2 * part) => _,
                    lower_high = inout(reg) lower => _, lower_middle = inout(reg) lower.add(part) => _,
                    lower_low = inout(reg) lower.add(2 * part) => _,
                    panel = inout(reg) panel, blocks = inout(reg) blocks => _,
                    step = in(reg) task.step, line = in(reg) TILE_BYTES, options(nostack),
                );
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
pub(super) unsafe fn split_pixels(values: *const f32, n: usize, channels: usize, stride: usize, out: *mut u16) {
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
