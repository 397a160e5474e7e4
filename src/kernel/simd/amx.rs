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
    *AVAILABLE
        .get_or_init(|| cfg!(target_os = "linux") && is_x86_feature_detected!("avx512f") && has_tiles() && permitted())
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
