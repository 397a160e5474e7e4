//! The only unsafe code of the crate: inner loops on sixteen lanes, behind functions that check every length.
//!
//! [`Level`] is a proof that the processor has an instruction set: it can only be had from [`Level::best`] and
//! [`Level::supported`]. Each public function takes one, checks its slices and then runs the copy of the loop that was
//! compiled for that level.
#![allow(unsafe_code, reason = "instruction sets chosen at run time and register tiles need raw pointers")]
#![allow(clippy::needless_range_loop, reason = "register tiles are indexed by row and vector")]

#[cfg(target_arch = "x86_64")]
mod amx;
mod bytes;
mod codes;
mod elementwise;
mod lanes;
mod lines;
mod patches;
mod rows;
mod split;
mod tile;
mod transformer;
mod winograd;

#[cfg(test)]
mod hostile;

pub use bytes::{BYTE_DEPTH, BYTE_PANEL, ByteLevel, ByteProduct, STEPS, byte_tile};
pub use codes::{RowScale, centred, quantize, scan_integers_at_most};
pub use elementwise::{add_assign, add_scaled, clip, max_assign, multiply_add};
pub use lines::{Lines, Plain, zeros};
pub use patches::{blend, scaled_sum};
pub use rows::{dot, scan_at_most, squared_distance, squared_distances};
pub use split::{
    SPLIT_BLOCK, SPLIT_PANEL, SPLIT_ROWS, SPLIT_STEPS, SplitRows, finish_rows, pack_split, split_pixels, split_stride,
    split_tiles,
};
pub use tile::{Finish, Product, Start, gemm_tile};
pub use transformer::{exp_sum, gelu, largest, normalize};
pub use winograd::{Ending, Place, WINOGRAD_VALUES, winograd_filters, winograd_input, winograd_output};

use std::sync::OnceLock;

/// Whether `values` has room for `n` pieces of `len` values whose starts are `stride` apart, whatever these numbers are: the
/// check of every public function before it goes on with pointers.
fn holds<T>(values: &[T], n: usize, stride: usize, len: usize) -> bool {
    let end = n.checked_sub(1).map_or(Some(0), |last| last.checked_mul(stride)?.checked_add(len));
    end.is_some_and(|end| end <= values.len())
}

/// Asks the processor for the cache line at `p`, which need not be a valid address.
#[inline(always)]
fn prefetch_line(p: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetching never faults, and SSE is part of the architecture.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(p.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}

/// Asks the processor to bring `values` into its caches; changes nothing else.
pub fn prefetch<T>(values: &[T]) {
    values.chunks(64 / size_of::<T>().clamp(1, 64)).for_each(|line| prefetch_line(line.as_ptr().cast()));
}

/// An instruction set that this processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// AVX-512, and tiles.
    #[cfg(target_arch = "x86_64")]
    Amx,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

/// Environment variable that names the newest instruction set to use, one of [`INSTRUCTION_SETS`]: to compare machines on
/// one. Read once; any other text counts as none.
pub const LIMIT_VARIABLE: &str = "PCORE_SIMD";
/// Instruction sets, oldest first.
pub const INSTRUCTION_SETS: [&str; 4] = ["portable", "avx2", "avx512", "amx"];

/// Whether [`LIMIT_VARIABLE`] allows an instruction set, by its place in [`INSTRUCTION_SETS`].
fn is_allowed(place: usize) -> bool {
    static NEWEST: OnceLock<usize> = OnceLock::new();
    let asked_for = || INSTRUCTION_SETS.iter().position(|set| std::env::var(LIMIT_VARIABLE).is_ok_and(|v| v == *set));
    place <= *NEWEST.get_or_init(|| asked_for().unwrap_or(INSTRUCTION_SETS.len() - 1))
}

impl Level {
    /// The fastest level of this processor that [`LIMIT_VARIABLE`] allows.
    #[must_use]
    pub fn best() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| {
            Self::supported().into_iter().find(|l| is_allowed(l.place())).unwrap_or(Self(Kind::Portable))
        })
    }

    /// In [`INSTRUCTION_SETS`].
    fn place(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Amx => 3,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => 2,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => 1,
            Kind::Portable => 0,
        }
    }

    /// All levels of this processor, fastest first; the last one is portable code.
    #[must_use]
    pub fn supported() -> Vec<Self> {
        let mut levels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if amx::is_available() {
                levels.push(Self(Kind::Amx));
            }
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("fma") {
                levels.push(Self(Kind::Avx512));
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                levels.push(Self(Kind::Avx2));
            }
        }
        levels.push(Self(Kind::Portable));
        levels
    }

    /// Whether [`split_tiles`] can be used.
    #[must_use]
    pub fn has_tiles(self) -> bool {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Amx => true,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 | Kind::Avx2 => false,
            Kind::Portable => false,
        }
    }

    /// Name for reports: `avx512 and amx`, `avx512`, `avx2` or `portable`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Amx => "avx512 and amx",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            Kind::Portable => "portable",
        }
    }
}

/// Defines a safe function that runs the generic `$body` compiled for the level asked for.
macro_rules! dispatch {
    ($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $ret:ty)? = $body:ident) => {
        $(#[$doc])*
        $vis fn $name(level: $crate::simd::Level, $($arg: $type),*) $(-> $ret)? {
            use $crate::simd::{Kind, lanes};
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx2,fma")]
            fn avx512($($arg: $type),*) $(-> $ret)? {
                // SAFETY: this function is only entered where the features exist; the body checks its slices.
                unsafe { $body::<lanes::Avx512>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($arg: $type),*) $(-> $ret)? {
                // SAFETY: as above.
                unsafe { $body::<lanes::Avx2>($($arg),*) }
            }
            match level.0 {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: a `Level` of this kind exists only where the processor has the features.
                Kind::Amx | Kind::Avx512 => unsafe { avx512($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                Kind::Avx2 => unsafe { avx2($($arg),*) },
                // SAFETY: arrays need no processor feature.
                Kind::Portable => unsafe { $body::<[f32; 16]>($($arg),*) },
            }
        }
    };
}
pub(crate) use dispatch;
