//! Sums and blends of patches' values, without fused operations: the same bits at every level.

use super::dispatch;
use super::lanes::Lanes;

dispatch! {
    /// `out[i] = scale * (0 + sources[0][i] + sources[1][i] + ..)`, summed in that order.
    ///
    /// # Panics
    /// Where the slices differ in length.
    pub fn scaled_sum(sources: &[&[f32]], scale: f32, out: &mut [f32]) -> () = scaled_sum_body
}

dispatch! {
    /// `out[i] = weights[0] * corners[0][i] + .. + weights[3] * corners[3][i]`, summed in that order.
    ///
    /// # Panics
    /// Where the slices differ in length.
    pub fn blend(corners: &[&[f32]; 4], weights: &[f32; 4], out: &mut [f32]) -> () = blend_body
}

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn scaled_sum_body<L: Lanes>(sources: &[&[f32]], scale: f32, out: &mut [f32]) {
    assert!(sources.iter().all(|s| s.len() == out.len()), "slices must have one length");
    let whole = out.len() / 16 * 16;
    // SAFETY: `p + 16 <= whole <= len` for all slices.
    unsafe {
        let (zero, s) = (L::splat(0.0), L::splat(scale));
        let mut p = 0;
        while p < whole {
            let sum = sources.iter().fold(zero, |sum, source| sum.add(L::load(source.as_ptr().add(p))));
            sum.mul(s).store(out.as_mut_ptr().add(p));
            p += 16;
        }
    }
    for p in whole..out.len() {
        out[p] = sources.iter().fold(0.0, |sum, source| sum + source[p]) * scale;
    }
}

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn blend_body<L: Lanes>(corners: &[&[f32]; 4], weights: &[f32; 4], out: &mut [f32]) {
    assert!(corners.iter().all(|c| c.len() == out.len()), "slices must have one length");
    let whole = out.len() / 16 * 16;
    // SAFETY: `p + 16 <= whole <= len` for all slices.
    unsafe {
        let w = [L::splat(weights[0]), L::splat(weights[1]), L::splat(weights[2]), L::splat(weights[3])];
        let mut p = 0;
        while p < whole {
            let term = |i: usize| w[i].mul(L::load(corners[i].as_ptr().add(p)));
            term(0).add(term(1)).add(term(2)).add(term(3)).store(out.as_mut_ptr().add(p));
            p += 16;
        }
    }
    for p in whole..out.len() {
        let term = |i: usize| weights[i] * corners[i][p];
        out[p] = term(0) + term(1) + term(2) + term(3);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Level;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sums_and_blends_have_the_bits_of_their_definitions(
            n in 0usize..70, n_sources in 0usize..6, scale in -2.0f32..2.0, weights: [f32; 4], seed in 0u32..1000,
        ) {
            let value = |i: usize| (i as f32 * 12.9898 + seed as f32).sin();
            let values: Vec<Vec<f32>> = (0..6).map(|s| (0..n).map(|i| value(s * 100 + i)).collect()).collect();
            let sources: Vec<&[f32]> = values.iter().take(n_sources).map(Vec::as_slice).collect();
            let corners = [0, 1, 2, 3].map(|i| values[i].as_slice());
            let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            for level in Level::supported() {
                let mut out = vec![7.0; n];
                scaled_sum(level, &sources, scale, &mut out);
                let sum = |i: usize| sources.iter().fold(0.0, |sum, s| sum + s[i]) * scale;
                prop_assert_eq!(bits(&out), bits(&(0..n).map(sum).collect::<Vec<_>>()));
                if weights.iter().all(|w| w.abs() < 1e30) {
                    blend(level, &corners, &weights, &mut out);
                    let term = |i: usize, c: usize| weights[c] * corners[c][i];
                    let sum = |i: usize| term(i, 0) + term(i, 1) + term(i, 2) + term(i, 3);
                    prop_assert_eq!(bits(&out), bits(&(0..n).map(sum).collect::<Vec<_>>()));
                }
            }
        }
    }
}
