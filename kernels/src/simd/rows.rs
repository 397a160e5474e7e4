//! Operations on pairs of rows.

use super::dispatch;
use super::lanes::Lanes;

dispatch! {
    /// Squared Euclidean distance of two rows, summed directly from the differences.
    ///
    /// Lane `i` of 16 sums elements `i, i + 16, ..` in order, without fused operations; the lanes are then added in
    /// halves. The result has the same bits at every level and is symmetric in its arguments.
    ///
    /// # Panics
    /// Where the rows differ in length.
    pub fn squared_distance(a: &[f32], b: &[f32]) -> f32 = squared_distance_body
}

dispatch! {
    /// [`squared_distance`] of `center` to each row of `rows`, into `out`.
    ///
    /// # Panics
    /// Where `rows` does not hold `out.len()` rows of `center.len()`.
    pub fn squared_distances(rows: &[f32], center: &[f32], out: &mut [f32]) -> () = squared_distances_body
}

dispatch! {
    /// Dot product of two rows, in the order of [`squared_distance`] and like it without fused operations.
    ///
    /// # Panics
    /// Where the rows differ in length.
    pub fn dot(a: &[f32], b: &[f32]) -> f32 = dot_body
}

dispatch! {
    /// Appends to `hits` every `i` with `offset + scale * values[i] <= limits[i]`, ascending.
    ///
    /// # Panics
    /// Where the slices differ in length.
    pub fn scan_at_most(values: &[f32], offset: f32, scale: f32, limits: &[f32], hits: &mut Vec<u32>) -> () = scan_body
}

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn squared_distance_body<L: Lanes>(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: forwarded.
    unsafe { reduce::<L, true>(a, b) }
}

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn dot_body<L: Lanes>(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: forwarded.
    unsafe { reduce::<L, false>(a, b) }
}

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn squared_distances_body<L: Lanes>(rows: &[f32], center: &[f32], out: &mut [f32]) {
    assert_eq!(rows.len(), out.len() * center.len(), "rows must hold one row per result");
    for (row, d) in rows.chunks_exact(center.len().max(1)).zip(out) {
        // SAFETY: forwarded.
        *d = unsafe { reduce::<L, true>(row, center) };
    }
}

/// Sum of `(a - b)^2` or of `a * b`.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn reduce<L: Lanes, const DIFFERENCE: bool>(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "rows must have one length");
    let whole = a.len() / 16 * 16;
    // SAFETY: `p + 16 <= whole <= len` for both slices; the tail buffers hold 16 values.
    unsafe {
        let term = |sum: L, x: L, y: L| {
            let product = if DIFFERENCE {
                let t = x.sub(y);
                t.mul(t)
            } else {
                x.mul(y)
            };
            sum.add(product)
        };
        let mut sum = L::splat(0.0);
        let mut p = 0;
        while p < whole {
            sum = term(sum, L::load(a.as_ptr().add(p)), L::load(b.as_ptr().add(p)));
            p += 16;
        }
        if whole < a.len() {
            // Padding with zeros adds +0.0 to the lanes, which changes no sum of non-negative terms; a dot product
            // could only lose the sign of a zero.
            let (mut x, mut y) = ([0.0; 16], [0.0; 16]);
            x[..a.len() - whole].copy_from_slice(&a[whole..]);
            y[..b.len() - whole].copy_from_slice(&b[whole..]);
            sum = term(sum, L::load(x.as_ptr()), L::load(y.as_ptr()));
        }
        sum.sum()
    }
}

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn scan_body<L: Lanes>(values: &[f32], offset: f32, scale: f32, limits: &[f32], hits: &mut Vec<u32>) {
    assert_eq!(values.len(), limits.len(), "one limit per value");
    let whole = values.len() / 16 * 16;
    // SAFETY: `p + 16 <= whole <= len` for both slices.
    unsafe {
        let (o, s) = (L::splat(offset), L::splat(scale));
        let mut p = 0;
        while p < whole {
            let value = s.mul(L::load(values.as_ptr().add(p))).add(o);
            let mut mask = value.le(L::load(limits.as_ptr().add(p)));
            while mask != 0 {
                hits.push(p as u32 + mask.trailing_zeros());
                mask &= mask - 1;
            }
            p += 16;
        }
    }
    for p in whole..values.len() {
        if scale * values[p] + offset <= limits[p] {
            hits.push(p as u32);
        }
    }
}
