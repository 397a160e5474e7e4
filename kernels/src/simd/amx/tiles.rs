//! What tiles are, and whether there are any.

use core::arch::asm;
use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use std::sync::OnceLock;

/// Rows of a tile.
pub(in crate::simd) const TILE_ROWS: usize = 16;
/// Bytes of a row of a tile.
pub(super) const TILE_BYTES: usize = 64;

/// Whether processor and operating system offer tiles with products of bytes and of bf16.
pub(in crate::simd) fn is_available() -> bool {
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
pub(super) struct Config {
    palette: u8,
    start: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

impl Config {
    /// Sums in tiles 0 to 3, the left factor in 4 (`height` rows) and 5 (`below` rows), the right one in 6 and 7; `depth`
    /// bytes of each row of the left factor.
    pub(super) fn new(height: usize, below: usize, depth: usize) -> Self {
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
