//! Descriptors as heads learn from them.

use crate::bank::{RowSource, Whitening};
use crate::detect::{Described, DetectError};
use crate::kernel::Projection;
use crate::model::head::HeadWeights;

/// Whitened descriptors of unit variance: faint faults lie along directions in which normal patches hardly vary, and a training
/// attends to those that vary most.
pub(super) struct Input {
    whitening: Whitening,
    scale: f32,
}

/// Rows that tell the scale, at most.
const N_SAMPLED: usize = 4096;

impl Input {
    /// Of these descriptors, with a share of the mean variance added to each.
    pub(super) fn measure(described: &Described, floor: f64) -> Result<Self, DetectError> {
        let dim = described.dim();
        let whitening = match Whitening::measure(described, floor)? {
            Some(whitening) => whitening,
            // They do not vary at all, and stay as they are.
            None => Whitening::new(
                described.gather(&[0])?,
                (0..dim * dim).map(|at| f32::from(u8::from(at / dim == at % dim))).collect(),
            )?,
        };
        let n_rows = described.n_rows();
        let n = n_rows.min(N_SAMPLED);
        let sample: Vec<usize> = (0..n).map(|at| at * n_rows / n).collect();
        let rows = whitening.apply(&described.gather(&sample)?)?;
        let of_row = |row: &[f32]| row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>();
        let square: f64 = rows.chunks_exact(dim).map(of_row).sum();
        let deviation = (square / (n * dim).max(1) as f64).sqrt();
        Ok(Self { whitening, scale: if deviation > 0.0 { (1.0 / deviation) as f32 } else { 1.0 } })
    }

    /// `[n, dim]` rows as heads learn from them.
    pub(super) fn apply(&self, rows: &[f32]) -> Result<Vec<f32>, DetectError> {
        let mut rows = self.whitening.apply(rows)?;
        rows.iter_mut().for_each(|value| *value *= self.scale);
        Ok(rows)
    }

    /// What is taken from a descriptor before [`Self::joined`] weights see it.
    pub(super) fn mean(&self) -> &[f32] {
        self.whitening.mean()
    }

    /// The weights that say of descriptors what these say of rows as they were learned from.
    pub(super) fn joined(&self, weights: HeadWeights) -> Result<HeadWeights, DetectError> {
        let dim = self.whitening.dim();
        // What multiplies rows by Wᵀ multiplies the hidden layer's by W.
        let matrix = self.whitening.matrix();
        let transposed: Vec<f32> = (0..dim * dim).map(|at| matrix[at % dim * dim + at / dim] * self.scale).collect();
        let hidden = Projection::of_columns(&transposed, dim)?.apply(&weights.hidden)?;
        Ok(HeadWeights { hidden, ..weights })
    }
}
