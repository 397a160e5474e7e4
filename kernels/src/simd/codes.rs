//! Rows of `f32` as eight-bit codes, and the search for small distances among products of codes.

use super::dispatch;
use super::lanes::Lanes;

dispatch! {
    /// Writes `factor * values - center` to `out` and returns the largest magnitude written.
    ///
    /// # Panics
    /// Where the slices differ in length.
    pub fn centred(values: &[f32], center: &[f32], factor: f32, out: &mut [f32]) -> f32 = centred_body
}

dispatch! {
    /// Replaces each value by the nearest multiple of `step`, as a count of steps, and returns the sum of the squares of
    /// what was left over. `per_step` is the reciprocal of `step`; counts must stay below 2^22.
    pub fn quantize(values: &mut [f32], step: f32, per_step: f32) -> f32 = quantize_body
}

/// How the products of one row with all columns become values: `offset + scale * (scales[i] * (products[i] - shift))`.
#[derive(Clone, Copy)]
pub struct RowScale {
    /// Taken from each product.
    pub shift: i32,
    /// Factor of the row.
    pub scale: f32,
    /// Added at the end.
    pub offset: f32,
}

impl RowScale {
    fn value(self, product: i32, scale: f32) -> f32 {
        self.offset + self.scale * (scale * product.wrapping_sub(self.shift) as f32)
    }

    /// [`value`](Self::value) of sixteen columns.
    ///
    /// # Safety
    /// The processor has the instructions of `L`; both pointers are valid for 16 values.
    #[inline(always)]
    unsafe fn values<L: Lanes>(self, products: *const i32, scales: *const f32) -> L {
        // SAFETY: forwarded.
        unsafe {
            let product = L::from_integers(products, self.shift).mul(L::load(scales));
            L::splat(self.scale).mul(product).add(L::splat(self.offset))
        }
    }
}

dispatch! {
    /// Appends to `hits` every `i` whose value, by `row` and its column's scale, is at most `limits[i]`, ascending.
    ///
    /// # Panics
    /// Where the slices differ in length.
    pub fn scan_integers_at_most(
        products: &[i32], row: RowScale, scales: &[f32], limits: &[f32], hits: &mut Vec<u32>,
    ) -> () = scan_body
}

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn centred_body<L: Lanes>(values: &[f32], center: &[f32], factor: f32, out: &mut [f32]) -> f32 {
    assert!(values.len() == center.len() && values.len() == out.len(), "rows must have one length");
    let whole = values.len() / 16 * 16;
    let mut lanes = [0.0f32; 16];
    // SAFETY: `p + 16 <= whole <= len` for all slices; `lanes` holds 16 values.
    unsafe {
        let (f, zero) = (L::splat(factor), L::splat(0.0));
        let mut largest = zero;
        let mut p = 0;
        while p < whole {
            let x = f.mul(L::load(values.as_ptr().add(p))).sub(L::load(center.as_ptr().add(p)));
            largest = largest.max(x).max(zero.sub(x));
            x.store(out.as_mut_ptr().add(p));
            p += 16;
        }
        largest.store(lanes.as_mut_ptr());
    }
    for p in whole..values.len() {
        out[p] = factor * values[p] - center[p];
        lanes[0] = lanes[0].max(out[p].abs());
    }
    lanes.iter().fold(0.0, |a: f32, b| a.max(*b))
}

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn quantize_body<L: Lanes>(values: &mut [f32], step: f32, per_step: f32) -> f32 {
    let whole = values.len() / 16 * 16;
    // SAFETY: `p + 16 <= whole <= len`; the tail buffer holds 16 values.
    unsafe {
        let (s, per) = (L::splat(step), L::splat(per_step));
        let mut sum = L::splat(0.0);
        let mut replace = |at: *mut f32| {
            let x = L::load(at);
            let count = x.mul(per).round();
            let rest = x.sub(count.mul(s));
            sum = sum.add(rest.mul(rest));
            count.store(at);
        };
        let mut p = 0;
        while p < whole {
            replace(values.as_mut_ptr().add(p));
            p += 16;
        }
        let mut tail = [0.0; 16];
        let n = values.len() - whole;
        tail[..n].copy_from_slice(&values[whole..]);
        replace(tail.as_mut_ptr());
        values[whole..].copy_from_slice(&tail[..n]);
        sum.sum()
    }
}

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn scan_body<L: Lanes>(products: &[i32], row: RowScale, scales: &[f32], limits: &[f32], hits: &mut Vec<u32>) {
    assert!(products.len() == limits.len() && products.len() == scales.len(), "one scale and limit per product");
    let whole = products.len() / 16 * 16;
    // SAFETY: `p + 16 <= whole <= len` for all slices.
    unsafe {
        let mut p = 0;
        while p < whole {
            let value = row.values::<L>(products.as_ptr().add(p), scales.as_ptr().add(p));
            let mut mask = value.le(L::load(limits.as_ptr().add(p)));
            while mask != 0 {
                hits.push(p as u32 + mask.trailing_zeros());
                mask &= mask - 1;
            }
            p += 16;
        }
    }
    for p in whole..products.len() {
        if row.value(products[p], scales[p]) <= limits[p] {
            hits.push(p as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Level;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn codes_and_scan_are_those_of_their_definitions(
            values in prop::collection::vec(-3.0f32..3.0, 1..70), factor in 0.1f32..2.0, shift in -1000i32..1000,
            offset in -2.0f32..2.0, scale in -2.0f32..2.0,
        ) {
            let center: Vec<f32> = values.iter().map(|x| (x * 7.0).sin()).collect();
            let integers: Vec<i32> = values.iter().map(|x| (x * 1000.0) as i32).collect();
            for level in Level::supported() {
                let mut out = vec![0.0; values.len()];
                let largest = centred(level, &values, &center, factor, &mut out);
                let expected: Vec<f32> = values.iter().zip(&center).map(|(x, c)| factor * x - c).collect();
                prop_assert_eq!(&out, &expected);
                prop_assert_eq!(largest, expected.iter().fold(0.0, |a: f32, b| a.max(b.abs())));
                let (step, per_step) = (largest.max(0.1) / 127.0, 127.0 / largest.max(0.1));
                let rest = quantize(level, &mut out, step, per_step);
                let left = |(x, n): (&f32, &f32)| f64::from(x - n * step).powi(2);
                let sum: f64 = expected.iter().zip(&out).map(left).sum();
                prop_assert!((f64::from(rest) - sum).abs() <= 1e-5 * sum + 1e-12);
                prop_assert!(out.iter().all(|n| n.fract() == 0.0 && n.abs() <= 127.0));
                let limits: Vec<f32> = center.iter().map(|c| c * 0.5).collect();
                let mut hits = vec![];
                let row = RowScale { shift, scale, offset };
                scan_integers_at_most(level, &integers, row, &values, &limits, &mut hits);
                let is_hit = |i: &u32| {
                    let i = *i as usize;
                    offset + scale * (values[i] * (integers[i] - shift) as f32) <= limits[i]
                };
                let expected: Vec<u32> = (0..values.len() as u32).filter(is_hit).collect();
                prop_assert_eq!(hits, expected);
            }
        }
    }
}
