//! Whitening: rows compared so that no direction counts for more because all normal patches vary along it.
//!
//! Patch descriptors vary by far the most along a few directions, such as brightness, and a defect that shows in the others is
//! lost in a Euclidean distance. Whitened rows have the distance of Mahalanobis to each other (as distributions of patches have
//! to their mean: Rippel, Mertens and Merhof, ICPR 2020), here with a floor under the variances.

use super::{BankError, RowSource};
use crate::kernel::{Projection, cholesky, inverse_of_lower};
use std::borrow::Cow;
use std::io;
use std::ops::Range;

/// Rows that tell the covariance of all, at most.
const N_SAMPLED: usize = 32_768;
/// Values of rows that are taken in at a time.
const BLOCK_VALUES: usize = 1 << 20;

/// The affine map of a whitening.
#[derive(Clone, Debug)]
pub struct Whitening {
    /// `[dim]`.
    mean: Vec<f32>,
    /// `[to, dim]`.
    matrix: Vec<f32>,
    projection: Projection,
}

impl Whitening {
    /// `x` becomes `W (x - mean)` with `W = sqrt((1 + floor) m) L⁻¹`, where `L Lᵀ = C + floor m I`, `C` is the covariance of the
    /// rows (of at most 32,768 of them, evenly spread) and `m` its mean eigenvalue: rows that vary alike in all directions keep
    /// their distances. `None` where rows do not vary at all. The mean changes no distance; without it, rows far from zero would
    /// lose to rounding what they differ by.
    ///
    /// # Errors
    /// [`BankError::Rows`] where rows can't be read, [`BankError::Kernel`] for values that are not finite, [`BankError::Empty`]
    /// without rows.
    pub fn measure(source: &dyn RowSource, floor: f64) -> Result<Option<Self>, BankError> {
        let ((mean, mut covariance), dim) = (moments(source)?, source.dim());
        let eigenvalue = (0..dim).map(|i| covariance[i * dim + i]).sum::<f64>() / dim as f64;
        if eigenvalue <= 0.0 {
            return Ok(None);
        }
        (0..dim).for_each(|i| covariance[i * dim + i] += floor * eigenvalue);
        let Some(lower) = cholesky(covariance, dim) else { return Ok(None) };
        let scale = ((1.0 + floor) * eigenvalue).sqrt();
        let matrix = inverse_of_lower(&lower, dim).into_iter().map(|value| (scale * value) as f32).collect();
        Self::new(mean, matrix).map(Some)
    }

    /// Of a mean and a matrix that were measured.
    ///
    /// # Shapes
    /// `mean`: `[dim]`; `matrix`: `[to, dim]`.
    ///
    /// # Errors
    /// [`BankError::Kernel`] where there is none.
    pub fn new(mean: Vec<f32>, matrix: Vec<f32>) -> Result<Self, BankError> {
        let projection = Projection::of_columns(&matrix, mean.len())?;
        Ok(Self { mean, matrix, projection })
    }

    /// `[dim]`.
    #[must_use]
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// `[to, dim]`.
    #[must_use]
    pub fn matrix(&self) -> &[f32] {
        &self.matrix
    }

    /// Values of a row.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// Values of a whitened row.
    #[must_use]
    pub fn to(&self) -> usize {
        self.projection.to()
    }

    /// `[n, dim]` rows as `[n, to]`; what becomes of a row does not depend on the others, bit for bit.
    ///
    /// # Errors
    /// [`BankError::Kernel`] for values that are not finite.
    pub fn apply(&self, rows: &[f32]) -> Result<Vec<f32>, BankError> {
        Ok(self.projection.apply(&centred(rows, &self.mean))?)
    }

    /// Rows as they are compared: whitened where there is a whitening, else as they are.
    pub(crate) fn compared<'a>(by: Option<&Self>, rows: Cow<'a, [f32]>) -> Result<Cow<'a, [f32]>, BankError> {
        match by {
            Some(whitening) => whitening.apply(&rows).map(Cow::Owned),
            None => Ok(rows),
        }
    }
}

/// Rows `[n, dim]` less a mean `[dim]`.
pub(crate) fn centred(rows: &[f32], mean: &[f32]) -> Vec<f32> {
    let mut centred = rows.to_vec();
    for row in centred.chunks_mut(mean.len()) {
        row.iter_mut().zip(mean).for_each(|(value, mean)| *value -= mean);
    }
    centred
}

/// Mean `[dim]` and covariance `[dim, dim]` of a sample of the rows.
fn moments(source: &dyn RowSource) -> Result<(Vec<f32>, Vec<f64>), BankError> {
    let (n_rows, dim) = (source.n_rows(), source.dim());
    if n_rows == 0 || dim == 0 {
        return Err(BankError::Empty);
    }
    let mut sample = Projection::sample(n_rows, N_SAMPLED);
    let n = sample.len();
    let per_block = (BLOCK_VALUES / dim).max(1);
    let (mut products, mut sums) = (vec![0.0f64; dim * dim], vec![0.0f64; dim]);
    // Of a first block, so that the products are of small numbers.
    let mut origin: Option<Vec<f32>> = None;
    loop {
        let mut block = Vec::with_capacity(per_block.min(n) * dim);
        for row in sample.by_ref().take(per_block) {
            block.extend_from_slice(&source.rows(row..row + 1).map_err(BankError::Rows)?);
        }
        if block.is_empty() {
            break;
        }
        let origin = origin.get_or_insert_with(|| mean(&block, dim));
        for row in block.chunks_exact_mut(dim) {
            row.iter_mut().zip(&*origin).for_each(|(value, origin)| *value -= origin);
            sums.iter_mut().zip(&*row).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        let of_block = Projection::gram(&block, dim)?;
        products.iter_mut().zip(of_block).for_each(|(sum, value)| *sum += f64::from(value));
    }
    let n = n as f64;
    for (at, value) in products.iter_mut().enumerate() {
        *value = (*value - sums[at / dim] * sums[at % dim] / n) / n;
    }
    let origin = origin.unwrap_or_else(|| vec![0.0; dim]);
    let mean = origin.iter().zip(sums).map(|(origin, sum)| (f64::from(*origin) + sum / n) as f32).collect();
    Ok((mean, products))
}

fn mean(rows: &[f32], dim: usize) -> Vec<f32> {
    let mut sums = vec![0.0f64; dim];
    for row in rows.chunks_exact(dim) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    let n = (rows.len() / dim).max(1) as f64;
    sums.into_iter().map(|sum| (sum / n) as f32).collect()
}

/// Rows of a source, whitened as they are read.
pub struct Whitened<'a> {
    source: &'a dyn RowSource,
    by: &'a Whitening,
}

impl<'a> Whitened<'a> {
    /// Of these rows.
    #[must_use]
    pub fn new(source: &'a dyn RowSource, by: &'a Whitening) -> Self {
        Self { source, by }
    }
}

impl RowSource for Whitened<'_> {
    fn n_rows(&self) -> usize {
        self.source.n_rows()
    }

    fn dim(&self) -> usize {
        self.by.to()
    }

    fn rows(&self, range: Range<usize>) -> io::Result<Cow<'_, [f32]>> {
        let rows = self.source.rows(range)?;
        self.by.apply(&rows).map(Cow::Owned).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::super::coreset::InMemory;
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Rows around a mean far off, of which the first value varies ten times as much, and the last follows the second.
    fn rows(n: usize) -> Vec<f32> {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut one = || random.random::<f32>() - 0.5;
        (0..n)
            .flat_map(|_| {
                let (a, b, c) = (10.0 * one(), one(), one());
                [50.0 + a, b - 20.0, c, 0.9 * b + 0.1 * one()]
            })
            .collect()
    }

    fn covariance_of(rows: &[f32], dim: usize) -> Vec<f64> {
        let mean = mean(rows, dim);
        let n = (rows.len() / dim) as f64;
        let of = |i: usize, j: usize| {
            rows.chunks_exact(dim).map(|r| f64::from(r[i] - mean[i]) * f64::from(r[j] - mean[j])).sum::<f64>() / n
        };
        (0..dim * dim).map(|at| of(at / dim, at % dim)).collect()
    }

    #[test]
    fn without_a_floor_whitened_rows_vary_alike_in_all_directions() {
        let rows = rows(20_000);
        let whitening = Whitening::measure(&InMemory { rows: &rows, dim: 4 }, 0.0).unwrap().unwrap();
        let found = covariance_of(&whitening.apply(&rows).unwrap(), 4);
        let mean = covariance_of(&rows, 4).iter().step_by(5).sum::<f64>() / 4.0;
        for (at, value) in found.iter().enumerate() {
            let expected = if at % 5 == 0 { mean } else { 0.0 };
            assert!((value - expected).abs() < 1e-2 * mean, "{at}: {value} {expected}");
        }
    }

    #[test]
    fn distances_are_those_of_the_regularised_covariance_and_a_large_floor_leaves_rows_as_they_are() {
        let rows = rows(500);
        let source = InMemory { rows: &rows, dim: 4 };
        let whitened = |floor: f64| {
            let whitening = Whitening::measure(&source, floor).unwrap().unwrap();
            Whitened::new(&source, &whitening).rows(0..500).unwrap().into_owned()
        };
        let square = |rows: &[f32], a: usize, b: usize| -> f64 {
            (0..4).map(|d| f64::from(rows[4 * a + d] - rows[4 * b + d]).powi(2)).sum()
        };
        let mut covariance = covariance_of(&rows, 4);
        let mean = covariance.iter().step_by(5).sum::<f64>() / 4.0;
        covariance.iter_mut().step_by(5).for_each(|value| *value += 0.5 * mean);
        let inverse = inverse_of_lower(&cholesky(covariance, 4).unwrap(), 4);
        let (half, plain) = (whitened(0.5), whitened(1e9));
        for (a, b) in [(0, 1), (7, 300), (499, 20)] {
            let apart: Vec<f64> = (0..4).map(|d| f64::from(rows[4 * a + d] - rows[4 * b + d])).collect();
            let expected: f64 = inverse
                .chunks_exact(4)
                .map(|row| row.iter().zip(&apart).map(|(w, v)| w * v).sum::<f64>().powi(2))
                .sum::<f64>()
                * 1.5
                * mean;
            assert!((square(&half, a, b) / expected - 1.0).abs() < 1e-3);
            assert!((square(&plain, a, b) / square(&rows, a, b) - 1.0).abs() < 1e-3);
        }
    }

    #[test]
    fn rows_that_do_not_vary_are_not_whitened_and_what_is_no_number_is_refused() {
        let of = |rows: &[f32]| Whitening::measure(&InMemory { rows, dim: 3 }, 1.0);
        assert!(of(&[0.5; 30]).unwrap().is_none());
        assert!(matches!(of(&[]), Err(BankError::Empty)));
        assert!(matches!(of(&[1.0, f32::NAN, 0.0, 1.0, 2.0, 3.0]), Err(BankError::Kernel(_))));
    }
}
