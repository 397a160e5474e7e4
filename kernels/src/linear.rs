//! Symmetric positive definite matrices, in double precision.

/// The lower triangular `L` with `L Lᵀ = matrix` (`[n, n]`, row-major, Cholesky); `None` where the matrix is not positive
/// definite.
#[must_use]
pub fn cholesky(mut matrix: Vec<f64>, n: usize) -> Option<Vec<f64>> {
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
#[must_use]
pub fn inverse_of_lower(lower: &[f64], n: usize) -> Vec<f64> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factor_and_inverse_are_those_of_the_definition() {
        let matrix = vec![4.0, 2.0, -2.0, 2.0, 10.0, 5.0, -2.0, 5.0, 9.0];
        let lower = cholesky(matrix.clone(), 3).unwrap();
        let inverse = inverse_of_lower(&lower, 3);
        for (i, j) in (0..9).map(|at| (at / 3, at % 3)) {
            let product =
                |a: &dyn Fn(usize) -> f64, b: &dyn Fn(usize) -> f64| -> f64 { (0..3).map(|k| a(k) * b(k)).sum() };
            let again = product(&|k| lower[i * 3 + k], &|k| lower[j * 3 + k]);
            assert!((again - matrix[i * 3 + j]).abs() < 1e-12);
            let unit = product(&|k| inverse[i * 3 + k], &|k| lower[k * 3 + j]);
            assert!((unit - f64::from(u8::from(i == j))).abs() < 1e-12);
        }
    }

    #[test]
    fn what_is_not_positive_definite_has_no_factor() {
        assert!(cholesky(vec![1.0, 2.0, 2.0, 1.0], 2).is_none());
        assert!(cholesky(vec![f64::NAN], 1).is_none());
    }
}
