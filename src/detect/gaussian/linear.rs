//! Symmetric positive definite matrices, in double precision.

/// The lower triangular `L` with `L Lᵀ = matrix` (`[n, n]`, row-major, Cholesky); `None` where the matrix is not positive
/// definite.
pub(super) fn cholesky(mut matrix: Vec<f64>, n: usize) -> Option<Vec<f64>> {
    for row in 0..n {
        let (above, own) = matrix.split_at_mut(row * n);
        for column in 0..=row {
            let (left, right) = if column == row {
                (&own[..column], &own[..column])
            } else {
                (&own[..column], &above[column * n..][..column])
            };
            let dot: f64 = left.iter().zip(right).map(|(a, b)| a * b).sum();
            let rest = own[column] - dot;
            own[column] = if column < row {
                rest / above[column * n + column]
            } else if rest > 0.0 && rest.is_finite() {
                rest.sqrt()
            } else {
                return None;
            };
        }
        own[row + 1..n].fill(0.0);
    }
    Some(matrix)
}

/// The inverse of a lower triangular matrix `[n, n]` with a positive diagonal, lower triangular itself.
pub(super) fn inverse_of_lower(lower: &[f64], n: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; n * n];
    for row in 0..n {
        // Row i of the inverse: (e_i - sum over k < i of l_ik times row k) / l_ii.
        let (done, own) = inverse.split_at_mut(row * n);
        let own = &mut own[..n];
        for k in 0..row {
            let factor = lower[row * n + k];
            own[..=k].iter_mut().zip(&done[k * n..][..=k]).for_each(|(v, d)| *v -= factor * d);
        }
        let pivot = lower[row * n + row];
        own[..row].iter_mut().for_each(|v| *v /= pivot);
        own[row] = 1.0 / pivot;
    }
    inverse
}

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

/// Values of a packed lower triangle.
pub(super) fn packed_len(n: usize) -> usize {
    n.saturating_mul(n.saturating_add(1)) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
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
    fn what_is_not_positive_definite_has_no_factor() {
        assert!(cholesky(vec![1.0, 2.0, 2.0, 1.0], 2).is_none());
        assert!(cholesky(vec![f64::NAN], 1).is_none());
        assert_eq!(packed_len(usize::MAX), usize::MAX / 2);
    }
}
