//! Covariances to their factors.

use super::linear::{halved, packed, whole};
use super::moments::Shrunk;
use crate::detect::DetectError;
use crate::kernel::{Projection, cholesky, inverse_of_lower};

/// Most principal directions.
pub(super) const MOST_DIRECTIONS: usize = 256;

/// The first principal directions of a covariance, which hold `share` of the variance.
pub(super) fn principal(shrunk: &Shrunk, dim: usize, share: f64) -> Result<Projection, DetectError> {
    let (lower, _) = factorised(shrunk, dim);
    // The columns of its Cholesky factor and their opposites are as many rows with mean 0 and this covariance.
    let mut rows = vec![0.0f32; 2 * dim * dim];
    for (at, value) in lower.iter().enumerate() {
        let value = *value as f32;
        let place = at % dim * dim + at / dim;
        (rows[place], rows[dim * dim + place]) = (value, -value);
    }
    Projection::principal(&rows, dim, share, MOST_DIRECTIONS).map_err(DetectError::from)
}

pub(super) fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|v| *v as f32).collect()
}

/// The covariance's Cholesky factor, and its packed inverse. A covariance without full rank, as that of a single colour, gets a
/// floor that is small beside its mean variance.
pub(super) fn factorised(shrunk: &Shrunk, dim: usize) -> (Vec<f64>, Vec<f32>) {
    /// Share of the mean variance that is added to the diagonal, growing until there is a factor.
    const FLOORS: [f64; 4] = [0.0, 1e-7, 1e-5, 1e-3];
    /// Variance of patches that do not vary at all.
    const LEAST: f64 = 1e-12;
    let scale = ((0..dim).map(|i| shrunk.covariance[i * dim + i]).sum::<f64>() / dim as f64).max(LEAST);
    for floor in FLOORS {
        let mut matrix = shrunk.covariance.clone();
        (0..dim).for_each(|i| matrix[i * dim + i] += floor * scale);
        if let Some(lower) = cholesky(matrix, dim) {
            // As a bundle holds it, so that every image is compared with the same.
            let (diagonal, shares) = halved(&packed(&inverse_of_lower(&lower, dim), dim), dim);
            let factor = whole(&diagonal, &shares);
            if factor.iter().all(|v| v.abs() <= crate::bundle::MAX_MAGNITUDE) {
                return (lower, factor);
            }
        }
    }
    // Nothing varies: any difference is as large as the least variance makes it.
    let diagonal = |value: f64| {
        let mut matrix = vec![0.0; dim * dim];
        (0..dim).for_each(|i| matrix[i * dim + i] = value);
        matrix
    };
    (diagonal(scale.sqrt()), packed(&diagonal(1.0 / scale.sqrt()), dim))
}
