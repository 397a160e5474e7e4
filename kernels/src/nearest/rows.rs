//! The rows of a bank with their norms, and the direct distance, which decides.

use super::metric::{Metric, norm_and_square};
use crate::simd::{Level, dot, squared_distance};
use rayon::prelude::*;

/// Rows that were checked.
#[derive(Debug, Clone)]
pub(super) struct Rows<R> {
    rows: R,
    pub(super) dim: usize,
    pub(super) n: usize,
    pub(super) metric: Metric,
    /// Euclidean norm of each row.
    pub(super) norms: Vec<f32>,
    /// Squared norm of each row.
    pub(super) squares: Vec<f32>,
    /// The largest of `norms`.
    pub(super) largest_norm: f32,
    pub(super) level: Level,
}

impl<R: AsRef<[f32]> + Sync> Rows<R> {
    pub(super) fn new(rows: R, dim: usize, n: usize, metric: Metric, level: Level) -> Self {
        let (norms, squares): (Vec<f32>, _) = rows.as_ref().par_chunks(dim).map(norm_and_square).unzip();
        let largest_norm = norms.iter().fold(0.0, |a: f32, b| a.max(*b));
        Self { rows, dim, n, metric, norms, squares, largest_norm, level }
    }

    pub(super) fn values(&self) -> &[f32] {
        self.rows.as_ref()
    }

    pub(super) fn row(&self, index: usize) -> &[f32] {
        &self.rows.as_ref()[index * self.dim..][..self.dim]
    }

    /// What decides the order: the distance, computed directly.
    pub(super) fn measure(&self, query: &[f32], query_norm: f32, index: usize) -> f32 {
        let row = self.row(index);
        match self.metric {
            Metric::Euclidean => squared_distance(self.level, query, row).sqrt(),
            Metric::Cosine => {
                let scale = query_norm * self.norms[index];
                // Also false for an overflow to infinity divided by itself.
                let cosine = if scale > 0.0 { dot(self.level, query, row) / scale } else { 0.0 };
                (1.0 - cosine).clamp(0.0, 2.0)
            }
        }
    }
}
