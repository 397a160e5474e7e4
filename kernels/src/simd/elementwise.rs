//! Operations on slices, element by element.

use super::dispatch;
use super::lanes::Lanes;

dispatch! {
    /// `out[i] += a[i] * b[i]` (fused where the level has it).
    ///
    /// # Panics
    /// Where the slices differ in length.
    pub fn multiply_add(out: &mut [f32], a: &[f32], b: &[f32]) -> () = multiply_add_body
}

dispatch! {
    /// `out[i] += a[i]`.
    ///
    /// # Panics
    /// Where the slices differ in length.
    pub fn add_assign(out: &mut [f32], a: &[f32]) -> () = add_body
}

dispatch! {
    /// `out[i] += scale * a[i]`, not fused: the same bits at every level.
    ///
    /// # Panics
    /// Where the slices differ in length.
    pub fn add_scaled(out: &mut [f32], a: &[f32], scale: f32) -> () = add_scaled_body
}

dispatch! {
    /// `out[i] = max(out[i], a[i])`.
    ///
    /// # Panics
    /// Where the slices differ in length.
    pub fn max_assign(out: &mut [f32], a: &[f32]) -> () = max_body
}

dispatch! {
    /// `out[i] = min(max(out[i], low), high)`.
    pub fn clip(out: &mut [f32], low: f32, high: f32) -> () = clip_body
}

/// Runs `$op` on chunks of 16 lanes; what is left over goes through buffers padded with zeros.
macro_rules! by_lanes {
    ($L:ident, $out:ident, [$($arg:ident),*], |$o:ident $(, $x:ident)*| $op:expr) => {{
        $(assert_eq!($out.len(), $arg.len(), "slices must have one length");)*
        let whole = $out.len() / 16 * 16;
        let mut p = 0;
        // SAFETY: `p + 16 <= whole <= len` for all slices; the buffers hold 16 values.
        unsafe {
            while p < whole {
                let $o = $L::load($out.as_ptr().add(p));
                $(let $x = $L::load($arg.as_ptr().add(p));)*
                ($op).store($out.as_mut_ptr().add(p));
                p += 16;
            }
            if whole < $out.len() {
                let rest = $out.len() - whole;
                let mut buffer = [0.0f32; 16];
                buffer[..rest].copy_from_slice(&$out[whole..]);
                let $o = $L::load(buffer.as_ptr());
                $(let $x = {
                    let mut buffer = [0.0f32; 16];
                    buffer[..rest].copy_from_slice(&$arg[whole..]);
                    $L::load(buffer.as_ptr())
                };)*
                ($op).store(buffer.as_mut_ptr());
                $out[whole..].copy_from_slice(&buffer[..rest]);
            }
        }
    }};
}
pub(super) use by_lanes;

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn multiply_add_body<L: Lanes>(out: &mut [f32], a: &[f32], b: &[f32]) {
    by_lanes!(L, out, [a, b], |o, x, y| x.fma(y, o));
}

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn add_body<L: Lanes>(out: &mut [f32], a: &[f32]) {
    by_lanes!(L, out, [a], |o, x| o.add(x));
}

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn add_scaled_body<L: Lanes>(out: &mut [f32], a: &[f32], scale: f32) {
    // SAFETY: register operations.
    let s = unsafe { L::splat(scale) };
    by_lanes!(L, out, [a], |o, x| o.add(x.mul(s)));
}

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn max_body<L: Lanes>(out: &mut [f32], a: &[f32]) {
    by_lanes!(L, out, [a], |o, x| o.max(x));
}

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn clip_body<L: Lanes>(out: &mut [f32], low: f32, high: f32) {
    // SAFETY: register operations.
    let (l, h) = unsafe { (L::splat(low), L::splat(high)) };
    by_lanes!(L, out, [], |o| o.max(l).min(h));
}
