//! Lower triangular matrices, packed.

use half::f16;

/// The lower triangle of `[n, n]`, row by row: `n (n + 1) / 2` values.
pub(super) fn packed(lower: &[f64], n: usize) -> Vec<f32> {
    (0..n).flat_map(|row| lower[row * n..=row * n + row].iter().map(|v| *v as f32)).collect()
}

/// The rows of a packed lower triangle, with zeros to the right: `[n, n]`.
pub(super) fn unpacked(packed: &[f32], n: usize) -> Vec<f32> {
    let mut whole = vec![0.0; n * n];
    let mut rest = packed;
    for row in 0..n {
        let (own, others) = rest.split_at(row + 1);
        whole[row * n..=row * n + row].copy_from_slice(own);
        rest = others;
    }
    whole
}

/// A packed lower triangle in less space: its diagonal, and what stands left of it as shares of the diagonal's value, in half
/// precision; `n` and `n (n - 1) / 2` values.
pub(super) fn halved(packed: &[f32], n: usize) -> (Vec<f32>, Vec<f16>) {
    let (mut diagonal, mut shares) = (Vec::with_capacity(n), vec![]);
    let mut rest = packed;
    for row in 0..n {
        let (own, others) = rest.split_at(row + 1);
        diagonal.push(own[row]);
        shares.extend(own[..row].iter().map(|v| f16::from_f32(v / own[row])));
        rest = others;
    }
    (diagonal, shares)
}

/// The packed triangle of [`halved`].
pub(super) fn whole(diagonal: &[f32], shares: &[f16]) -> Vec<f32> {
    let mut rest = shares;
    let mut packed = Vec::with_capacity(packed_len(diagonal.len()));
    for (row, value) in diagonal.iter().enumerate() {
        let (own, others) = rest.split_at(row);
        packed.extend(own.iter().map(|share| share.to_f32() * value));
        packed.push(*value);
        rest = others;
    }
    packed
}

/// Values of a packed lower triangle without its diagonal.
pub(super) fn shares_len(n: usize) -> usize {
    packed_len(n).saturating_sub(n)
}

/// Values of a packed lower triangle.
pub(super) fn packed_len(n: usize) -> usize {
    n.saturating_mul(n.saturating_add(1)) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{cholesky, inverse_of_lower};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_packed_inverse_factor_whitens(values in prop::collection::vec(-2.0f64..2.0, 36), n in 1usize..7) {
            let a = &values[..n * n];
            // A Aᵀ + I is positive definite.
            let product = |i: usize, j: usize| (0..n).map(|k| a[i * n + k] * a[j * n + k]).sum::<f64>();
            let matrix: Vec<f64> =
                (0..n * n).map(|at| product(at / n, at % n) + f64::from(u8::from(at / n == at % n))).collect();
            let lower = cholesky(matrix.clone(), n).unwrap();
            let inverse = unpacked(&packed(&inverse_of_lower(&lower, n), n), n);
            // W M Wᵀ is the identity.
            for i in 0..n {
                for j in 0..n {
                    let sum: f64 = (0..n * n)
                        .map(|at| f64::from(inverse[i * n + at / n]) * matrix[at] * f64::from(inverse[j * n + at % n]))
                        .sum();
                    let expected = f64::from(u8::from(i == j));
                    prop_assert!((sum - expected).abs() < 1e-4, "{i} {j}: {sum}");
                }
            }
        }
    }

    #[test]
    fn a_triangle_in_half_precision_stays_what_it_is() {
        for n in [1usize, 2, 5, 40] {
            let value = |at: usize| {
                (((at * 37 + 11) % 101) as f32 / 17.0 - 2.9) * if at.is_multiple_of(3) { 1e-3 } else { 1.0 }
            };
            let packed: Vec<f32> =
                (0..packed_len(n)).map(|at| if value(at) == 0.0 { 1.0 } else { value(at) }).collect();
            let (diagonal, shares) = halved(&packed, n);
            assert_eq!((diagonal.len(), shares.len()), (n, shares_len(n)));
            let once = whole(&diagonal, &shares);
            assert!(packed.iter().zip(&once).all(|(a, b)| (a - b).abs() <= 1e-3 * a.abs().max(1e-4)), "{n}");
            assert_eq!(halved(&once, n), (diagonal, shares), "{n}");
        }
    }

    #[test]
    fn the_length_of_a_triangle_does_not_overflow() {
        assert_eq!(packed_len(usize::MAX), usize::MAX / 2);
    }
}
