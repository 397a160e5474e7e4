//! Element-wise functions of transformers.

use super::dispatch;
use super::elementwise::by_lanes;
use super::lanes::Lanes;

dispatch! {
    /// Replaces each value by `exp(scale * (value - most))` and returns the sum. No `value` may exceed `most`; arguments
    /// below -87 count as -87. Relative error of each term below 2e-7.
    pub fn exp_sum(values: &mut [f32], most: f32, scale: f32) -> f32 = exp_sum_body
}

dispatch! {
    /// The largest value; minus infinity where there is none.
    pub fn largest(values: &[f32]) -> f32 = largest_body
}

dispatch! {
    /// `x / 2 * (1 + erf(x / sqrt 2))` of each value (Hendrycks and Gimpel, *Gaussian Error Linear Units*, 2016); error at
    /// most 5e-7 times the magnitude of `x`.
    pub fn gelu(values: &mut [f32]) -> () = gelu_body
}

dispatch! {
    /// Layer norm (Ba et al., 2016) of one row: `(x - mean) / sqrt(variance + epsilon) * scale + shift`.
    ///
    /// # Panics
    /// Where the slices differ in length.
    pub fn normalize(row: &[f32], scale: &[f32], shift: &[f32], epsilon: f32, out: &mut [f32]) -> () = normalize_body
}

/// The exponential for arguments from -87 to 0: reduction by multiples of ln 2, then Cephes' polynomial (`expf`, Moshier).
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn exp<L: Lanes>(x: L) -> L {
    // SAFETY: register operations.
    unsafe {
        let x = x.max(L::splat(-87.0));
        let n = x.mul(L::splat(std::f32::consts::LOG2_E)).round();
        // ln 2 in two parts, the first exact in products with `n`.
        let r = n.fma(L::splat(-0.693_359_4), x);
        let r = n.fma(L::splat(2.121_944_4e-4), r);
        let mut p = L::splat(1.987_569_1e-4);
        for c in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
            p = p.fma(r, L::splat(c));
        }
        p.fma(r.mul(r), r).add(L::splat(1.0)).mul(n.pow2())
    }
}

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn exp_sum_body<L: Lanes>(values: &mut [f32], most: f32, scale: f32) -> f32 {
    let whole = values.len() / 16 * 16;
    // SAFETY: `p + 16 <= whole <= len`; the buffer holds 16 values.
    unsafe {
        let (m, s) = (L::splat(most), L::splat(scale));
        let mut sum = L::splat(0.0);
        for p in (0..whole).step_by(16) {
            let e = exp(L::load(values.as_ptr().add(p)).sub(m).mul(s));
            e.store(values.as_mut_ptr().add(p));
            sum = sum.add(e);
        }
        let mut total = sum.sum();
        if whole < values.len() {
            let rest = values.len() - whole;
            let mut buffer = [most; 16];
            buffer[..rest].copy_from_slice(&values[whole..]);
            exp(L::load(buffer.as_ptr()).sub(m).mul(s)).store(buffer.as_mut_ptr());
            values[whole..].copy_from_slice(&buffer[..rest]);
            total += buffer[..rest].iter().sum::<f32>();
        }
        total
    }
}

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn largest_body<L: Lanes>(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    let whole = values.len() / 16 * 16;
    // SAFETY: `p + 16 <= whole <= len`; the array holds 16 values.
    unsafe {
        let mut most = L::splat(f32::NEG_INFINITY);
        for p in (0..whole).step_by(16) {
            most = most.max(L::load(values.as_ptr().add(p)));
        }
        most.store(lanes.as_mut_ptr());
    }
    lanes.iter().chain(&values[whole..]).fold(f32::NEG_INFINITY, |a, b| if *b > a { *b } else { a })
}

/// The error function as an odd rational function on [-4, 4] (beyond which it is one within rounding).
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn erf<L: Lanes>(x: L) -> L {
    // SAFETY: register operations.
    unsafe {
        let x = x.max(L::splat(-4.0)).min(L::splat(4.0));
        let square = x.mul(x);
        let mut p = L::splat(-2.726_142_3e-10);
        for c in [2.770_681_4e-8, -2.101_024e-6, -5.692_506_5e-5, -7.349_906_3e-4, -2.954_6e-3, -1.609_603_3e-2] {
            p = p.fma(square, L::splat(c));
        }
        let mut q = L::splat(-1.456_607_2e-5);
        for c in [-2.133_740_6e-4, -1.682_827e-3, -7.373_329e-3, -1.426_473_9e-2] {
            q = q.fma(square, L::splat(c));
        }
        x.mul(p).div(q)
    }
}

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn gelu_body<L: Lanes>(values: &mut [f32]) {
    // SAFETY: register operations.
    let (half, root) = unsafe { (L::splat(0.5), L::splat(std::f32::consts::FRAC_1_SQRT_2)) };
    by_lanes!(L, values, [], |x| {
        let h = x.mul(half);
        h.fma(erf(x.mul(root)), h)
    });
}

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn normalize_body<L: Lanes>(row: &[f32], scale: &[f32], shift: &[f32], epsilon: f32, out: &mut [f32]) {
    assert!(row.len() == scale.len() && row.len() == shift.len(), "slices must have one length");
    let n = row.len() as f32;
    let whole = row.len() / 16 * 16;
    // SAFETY: `p + 16 <= whole <= len` for all slices.
    let (mean, inverse) = unsafe {
        let mut sum = L::splat(0.0);
        for p in (0..whole).step_by(16) {
            sum = sum.add(L::load(row.as_ptr().add(p)));
        }
        let mean = (sum.sum() + row[whole..].iter().sum::<f32>()) / n;
        let m = L::splat(mean);
        let mut squares = L::splat(0.0);
        for p in (0..whole).step_by(16) {
            let d = L::load(row.as_ptr().add(p)).sub(m);
            squares = d.fma(d, squares);
        }
        let rest: f32 = row[whole..].iter().map(|x| (x - mean) * (x - mean)).sum();
        (mean, 1.0 / ((squares.sum() + rest) / n + epsilon).sqrt())
    };
    // SAFETY: register operations.
    let (mean, inverse) = unsafe { (L::splat(mean), L::splat(inverse)) };
    by_lanes!(L, out, [row, scale, shift], |_old, x, a, b| x.sub(mean).mul(inverse).fma(a, b));
}
