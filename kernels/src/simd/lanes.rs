//! Sixteen `f32` lanes: one AVX-512 register, two AVX2 registers, or an array the compiler vectorises.

/// Sixteen `f32` values with lane-wise arithmetic.
///
/// [`fma`](Lanes::fma) rounds once where the processor has a fused multiply-add and twice elsewhere; all other
/// operations, [`sum`](Lanes::sum) included, give the same bits in every implementation.
///
/// # Safety
/// Every method may only be called where the processor has the instructions of the implementing type. Pointers must be
/// valid for 16 values.
pub(super) trait Lanes: Copy {
    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(p: *const f32) -> Self;
    unsafe fn store(self, p: *mut f32);
    /// `self * b + c`.
    unsafe fn fma(self, b: Self, c: Self) -> Self;
    unsafe fn add(self, o: Self) -> Self;
    unsafe fn sub(self, o: Self) -> Self;
    unsafe fn mul(self, o: Self) -> Self;
    unsafe fn min(self, o: Self) -> Self;
    unsafe fn max(self, o: Self) -> Self;
    /// Bit `i` is set where lane `i` of `self` is at most that of `o`.
    unsafe fn le(self, o: Self) -> u32;
    unsafe fn div(self, o: Self) -> Self;
    /// The nearest integers, ties to even.
    unsafe fn round(self) -> Self;
    /// Two to the power of whole numbers from -126 to 127.
    unsafe fn pow2(self) -> Self;
    /// Sum of the lanes: halves are added until one is left (8, 4, 2, 1).
    unsafe fn sum(self) -> f32;
    /// Sixteen integers less `shift` (wrapping), rounded to `f32`.
    unsafe fn from_integers(p: *const i32, shift: i32) -> Self;
}

impl Lanes for [f32; 16] {
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        [x; 16]
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller vouches for 16 readable values; arrays of `f32` have the alignment of `f32`.
        unsafe { p.cast::<[f32; 16]>().read() }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller vouches for 16 writable values.
        unsafe { p.cast::<[f32; 16]>().write(self) }
    }
    #[inline(always)]
    unsafe fn fma(mut self, b: Self, c: Self) -> Self {
        for i in 0..16 {
            // A fused multiply-add without hardware support is a slow library call.
            self[i] = if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
                self[i].mul_add(b[i], c[i])
            } else {
                self[i] * b[i] + c[i]
            };
        }
        self
    }
    #[inline(always)]
    unsafe fn add(mut self, o: Self) -> Self {
        for i in 0..16 {
            self[i] += o[i];
        }
        self
    }
    #[inline(always)]
    unsafe fn sub(mut self, o: Self) -> Self {
        for i in 0..16 {
            self[i] -= o[i];
        }
        self
    }
    #[inline(always)]
    unsafe fn mul(mut self, o: Self) -> Self {
        for i in 0..16 {
            self[i] *= o[i];
        }
        self
    }
    // `min` and `max` follow the x86 instructions: the second operand where the comparison fails.
    #[inline(always)]
    unsafe fn min(mut self, o: Self) -> Self {
        for i in 0..16 {
            self[i] = if self[i] < o[i] { self[i] } else { o[i] };
        }
        self
    }
    #[inline(always)]
    unsafe fn max(mut self, o: Self) -> Self {
        for i in 0..16 {
            self[i] = if self[i] > o[i] { self[i] } else { o[i] };
        }
        self
    }
    #[inline(always)]
    unsafe fn le(self, o: Self) -> u32 {
        let mut mask = 0;
        for i in 0..16 {
            mask |= u32::from(self[i] <= o[i]) << i;
        }
        mask
    }
    #[inline(always)]
    unsafe fn div(mut self, o: Self) -> Self {
        for i in 0..16 {
            self[i] /= o[i];
        }
        self
    }
    #[inline(always)]
    unsafe fn round(mut self) -> Self {
        // Adding and subtracting 1.5 * 2^23 rounds to even and needs no library call; for magnitudes below 2^22.
        const MAGIC: f32 = 12_582_912.0;
        for i in 0..16 {
            self[i] = (self[i] + MAGIC) - MAGIC;
        }
        self
    }
    #[inline(always)]
    unsafe fn pow2(mut self) -> Self {
        for i in 0..16 {
            self[i] = f32::from_bits((((self[i] as i32) + 127) as u32) << 23);
        }
        self
    }
    #[inline(always)]
    unsafe fn sum(mut self) -> f32 {
        for half in [8, 4, 2, 1] {
            for i in 0..half {
                self[i] += self[i + half];
            }
        }
        self[0]
    }
    #[inline(always)]
    unsafe fn from_integers(p: *const i32, shift: i32) -> Self {
        // SAFETY: the caller vouches for 16 readable integers.
        let integers = unsafe { p.cast::<[i32; 16]>().read() };
        integers.map(|i| i.wrapping_sub(shift) as f32)
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Lanes;
    use core::arch::x86_64::*;

    /// One 512-bit register; needs `avx512f`.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx512(__m512);

    /// Two 256-bit registers; needs `avx2` and `fma`.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2(__m256, __m256);

    /// Adds the eight lanes of `s`: 4, 2, 1.
    ///
    /// # Safety
    /// The processor must have AVX.
    #[inline(always)]
    unsafe fn sum8(s: __m256) -> f32 {
        // SAFETY: register operations only; the caller vouches for AVX.
        unsafe {
            let s = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps::<1>(s));
            let s = _mm_add_ps(s, _mm_movehl_ps(s, s));
            _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps::<1>(s, s)))
        }
    }

    impl Lanes for Avx512 {
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe { Self(_mm512_set1_ps(x)) }
        }
        #[inline(always)]
        unsafe fn load(p: *const f32) -> Self {
            // SAFETY: one load of the sixteen values the caller vouches for.
            unsafe { Self(_mm512_loadu_ps(p)) }
        }
        #[inline(always)]
        unsafe fn store(self, p: *mut f32) {
            // SAFETY: one store to the sixteen values the caller vouches for.
            unsafe { _mm512_storeu_ps(p, self.0) }
        }
        #[inline(always)]
        unsafe fn fma(self, b: Self, c: Self) -> Self {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe { Self(_mm512_fmadd_ps(self.0, b.0, c.0)) }
        }
        #[inline(always)]
        unsafe fn add(self, o: Self) -> Self {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe { Self(_mm512_add_ps(self.0, o.0)) }
        }
        #[inline(always)]
        unsafe fn sub(self, o: Self) -> Self {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe { Self(_mm512_sub_ps(self.0, o.0)) }
        }
        #[inline(always)]
        unsafe fn mul(self, o: Self) -> Self {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe { Self(_mm512_mul_ps(self.0, o.0)) }
        }
        #[inline(always)]
        unsafe fn min(self, o: Self) -> Self {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe { Self(_mm512_min_ps(self.0, o.0)) }
        }
        #[inline(always)]
        unsafe fn max(self, o: Self) -> Self {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe { Self(_mm512_max_ps(self.0, o.0)) }
        }
        #[inline(always)]
        unsafe fn le(self, o: Self) -> u32 {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe { u32::from(_mm512_cmp_ps_mask::<_CMP_LE_OQ>(self.0, o.0)) }
        }
        #[inline(always)]
        unsafe fn div(self, o: Self) -> Self {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe { Self(_mm512_div_ps(self.0, o.0)) }
        }
        #[inline(always)]
        unsafe fn round(self) -> Self {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe { Self(_mm512_roundscale_ps::<8>(self.0)) }
        }
        #[inline(always)]
        unsafe fn pow2(self) -> Self {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe {
                let biased = _mm512_add_epi32(_mm512_cvtps_epi32(self.0), _mm512_set1_epi32(127));
                Self(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased)))
            }
        }
        #[inline(always)]
        unsafe fn sum(self) -> f32 {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe {
                let high = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(self.0)));
                sum8(_mm256_add_ps(_mm512_castps512_ps256(self.0), high))
            }
        }
        #[inline(always)]
        unsafe fn from_integers(p: *const i32, shift: i32) -> Self {
            // SAFETY: loads of the sixteen integers the caller vouches for.
            unsafe {
                let integers = _mm512_sub_epi32(_mm512_loadu_si512(p.cast()), _mm512_set1_epi32(shift));
                Self(_mm512_cvtepi32_ps(integers))
            }
        }
    }

    impl Lanes for Avx2 {
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe { Self(_mm256_set1_ps(x), _mm256_set1_ps(x)) }
        }
        #[inline(always)]
        unsafe fn load(p: *const f32) -> Self {
            // SAFETY: one load of the sixteen values the caller vouches for.
            unsafe { Self(_mm256_loadu_ps(p), _mm256_loadu_ps(p.add(8))) }
        }
        #[inline(always)]
        unsafe fn store(self, p: *mut f32) {
            // SAFETY: one store to the sixteen values the caller vouches for.
            unsafe {
                _mm256_storeu_ps(p, self.0);
                _mm256_storeu_ps(p.add(8), self.1);
            }
        }
        #[inline(always)]
        unsafe fn fma(self, b: Self, c: Self) -> Self {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe { Self(_mm256_fmadd_ps(self.0, b.0, c.0), _mm256_fmadd_ps(self.1, b.1, c.1)) }
        }
        #[inline(always)]
        unsafe fn add(self, o: Self) -> Self {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe { Self(_mm256_add_ps(self.0, o.0), _mm256_add_ps(self.1, o.1)) }
        }
        #[inline(always)]
        unsafe fn sub(self, o: Self) -> Self {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe { Self(_mm256_sub_ps(self.0, o.0), _mm256_sub_ps(self.1, o.1)) }
        }
        #[inline(always)]
        unsafe fn mul(self, o: Self) -> Self {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe { Self(_mm256_mul_ps(self.0, o.0), _mm256_mul_ps(self.1, o.1)) }
        }
        #[inline(always)]
        unsafe fn min(self, o: Self) -> Self {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe { Self(_mm256_min_ps(self.0, o.0), _mm256_min_ps(self.1, o.1)) }
        }
        #[inline(always)]
        unsafe fn max(self, o: Self) -> Self {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe { Self(_mm256_max_ps(self.0, o.0), _mm256_max_ps(self.1, o.1)) }
        }
        #[inline(always)]
        unsafe fn le(self, o: Self) -> u32 {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe {
                let low = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_LE_OQ>(self.0, o.0));
                let high = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_LE_OQ>(self.1, o.1));
                (low | (high << 8)) as u32
            }
        }
        #[inline(always)]
        unsafe fn div(self, o: Self) -> Self {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe { Self(_mm256_div_ps(self.0, o.0), _mm256_div_ps(self.1, o.1)) }
        }
        #[inline(always)]
        unsafe fn round(self) -> Self {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe { Self(_mm256_round_ps::<8>(self.0), _mm256_round_ps::<8>(self.1)) }
        }
        #[inline(always)]
        unsafe fn pow2(self) -> Self {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe {
                let power = |x| {
                    let biased = _mm256_add_epi32(_mm256_cvtps_epi32(x), _mm256_set1_epi32(127));
                    _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
                };
                Self(power(self.0), power(self.1))
            }
        }
        #[inline(always)]
        unsafe fn sum(self) -> f32 {
            // SAFETY: registers only; the caller vouches for the instructions.
            unsafe { sum8(_mm256_add_ps(self.0, self.1)) }
        }
        #[inline(always)]
        unsafe fn from_integers(p: *const i32, shift: i32) -> Self {
            // SAFETY: loads of the sixteen integers the caller vouches for.
            unsafe {
                let half = |p: *const i32| {
                    let integers = _mm256_sub_epi32(_mm256_loadu_si256(p.cast()), _mm256_set1_epi32(shift));
                    _mm256_cvtepi32_ps(integers)
                };
                Self(half(p), half(p.add(8)))
            }
        }
    }
}
