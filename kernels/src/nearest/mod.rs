//! Exact nearest neighbours by brute force at the speed of a matrix product.
//!
//! The squared distance is expanded to `|q|^2 + |b|^2 - 2 q.b`; the products are computed in blocks that stay in the
//! second-level cache and compared with a running limit per query, so no distance matrix exists. The expansion loses
//! digits, so its values only *select*: every row whose value lies within a rigorous rounding bound of the k-th best is
//! measured again by [`squared_distance`], and these direct distances decide. Hence the
//! answer is that of the naive search, bit for bit, at every SIMD level, batch size and number of threads.
//!
//! Where the processor multiplies bytes faster than `f32`, the products are those of eight-bit codes, with a bound of what
//! the codes leave out in place of the rounding bound ([`coarse`]). The answer is the same.

mod bound;
mod candidates;
mod coarse;
mod codes;
mod scout;
mod search;
#[cfg(test)]
mod tests;

pub use scout::{Groups, Scout, Scouted};

use super::simd::{ByteLevel, Level, dot, squared_distance};
use super::{KernelError, check_rows};
use rayon::prelude::*;
use std::sync::Arc;

/// How rows are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Euclidean distance, `|q - b|`.
    Euclidean,
    /// Cosine distance, `1 - q.b / (|q| |b|)`, from 0 to 2; 1 where a row is zero.
    Cosine,
}

/// The `k` nearest rows of each query.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    /// `[n_queries, k]` row-major: distances, ascending within a query.
    pub distances: Vec<f32>,
    /// `[n_queries, k]` row-major: the rows at these distances; among equal distances the lowest index comes first.
    pub indices: Vec<u32>,
    /// Neighbours per query.
    pub k: usize,
}

/// Rows made ready for searching: checked once, with their norms.
///
/// `R` is whatever holds the row-major values: a `Vec<f32>`, an `Arc<[f32]>`, a borrowed slice or a mapped file. The rows
/// are not copied, but where the processor multiplies bytes fast, eight-bit codes of them are kept beside them (a quarter
/// of their size).
#[derive(Debug, Clone)]
pub struct PreparedRows<R = Vec<f32>> {
    rows: R,
    dim: usize,
    n: usize,
    metric: Metric,
    /// Euclidean norm of each row.
    norms: Vec<f32>,
    /// Squared norm of each row.
    squares: Vec<f32>,
    /// The largest of `norms`.
    largest_norm: f32,
    level: Level,
    /// The rows once more as bytes, where that makes the search faster.
    codes: Option<(ByteLevel, codes::Codes)>,
    /// Another processor that helps.
    helped: Option<scout::Helped>,
}

/// What a search is for.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    k: usize,
    /// At least `k` rows are.
    is_searched: &'a (dyn Fn(usize) -> bool + Sync),
    /// All rows are.
    is_all: bool,
}

/// Rows below which eight-bit codes are not worth their making, and the shortest rows that are.
const CODED_ROWS: usize = 128;
const CODED_DIM: usize = 32;

impl<R: AsRef<[f32]> + Sync> PreparedRows<R> {
    /// Prepares the rows of `[n, dim]` for searching.
    ///
    /// # Errors
    /// [`KernelError::Shape`], [`KernelError::Empty`], [`KernelError::TooManyRows`] or [`KernelError::NotFinite`].
    pub fn new(rows: R, dim: usize, metric: Metric) -> Result<Self, KernelError> {
        let is_large = dim >= CODED_DIM && rows.as_ref().len() >= CODED_ROWS * dim;
        Self::with_levels(rows, dim, metric, Level::best(), ByteLevel::fast().filter(|_| is_large))
    }

    /// [`new`](Self::new) at given SIMD levels, without eight-bit codes where no level for them is given; the results are
    /// the same, only slower.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_levels(
        rows: R,
        dim: usize,
        metric: Metric,
        level: Level,
        bytes: Option<ByteLevel>,
    ) -> Result<Self, KernelError> {
        let n = check_rows("rows", rows.as_ref(), dim)?;
        if n == 0 {
            return Err(KernelError::Empty { what: "rows" });
        }
        let (norms, squares): (Vec<f32>, _) = rows.as_ref().par_chunks(dim).map(norm_and_square).unzip();
        let largest_norm = norms.iter().fold(0.0, |a: f32, b| a.max(*b));
        let codes = bytes.and_then(|b| Some((b, codes::Codes::new(level, rows.as_ref(), dim, metric, &norms)?)));
        Ok(Self { rows, dim, n, metric, norms, squares, largest_norm, level, codes, helped: None })
    }

    /// Has another processor help from now on, made by `make`; the answers stay the same, bit for bit. Tells whether it does:
    /// not where `make` fails, nor where what the processor computes is not `f32` to within rounding.
    pub fn help(&mut self, make: impl FnOnce(Scouted<'_>) -> Option<Arc<dyn Scout>>) -> bool {
        self.helped = scout::Helped::new(self, make);
        self.helped.is_some()
    }

    /// Number of rows, at least one.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.n
    }

    /// Values per row.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// How rows are compared.
    #[must_use]
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// The values, row-major.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        self.rows.as_ref()
    }

    /// The `k` nearest rows of each query of `[n_queries, dim]`.
    ///
    /// # Errors
    /// [`KernelError::Shape`] or [`KernelError::NotFinite`] for the queries, [`KernelError::OutOfRange`] unless
    /// `1 <= k <= n_rows`.
    pub fn nearest(&self, queries: &[f32], k: usize) -> Result<Neighbours, KernelError> {
        self.nearest_among(queries, k, &|_| true)
    }

    /// As [`nearest`](Self::nearest), among the rows for which `is_searched` says yes.
    ///
    /// # Errors
    /// As [`nearest`](Self::nearest), with the number of these rows in place of `n_rows`.
    pub fn nearest_among(
        &self,
        queries: &[f32],
        k: usize,
        is_searched: &(dyn Fn(usize) -> bool + Sync),
    ) -> Result<Neighbours, KernelError> {
        check_rows("queries", queries, self.dim)?;
        let n_searched = (0..self.n).filter(|row| is_searched(*row)).count();
        if k == 0 || k > n_searched {
            return Err(KernelError::OutOfRange { what: "k", found: k, low: 1, high: n_searched });
        }
        let found = search::search(self, queries, Wanted { k, is_searched, is_all: n_searched == self.n });
        let (mut distances, mut indices) = (Vec::with_capacity(found.len() * k), Vec::with_capacity(found.len() * k));
        for (distance, index) in found.into_iter().flatten() {
            distances.push(distance);
            indices.push(index);
        }
        Ok(Neighbours { distances, indices, k })
    }

    fn row(&self, index: usize) -> &[f32] {
        &self.rows.as_ref()[index * self.dim..][..self.dim]
    }

    /// What decides the order: the distance, computed directly.
    fn measure(&self, query: &[f32], query_norm: f32, index: usize) -> f32 {
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

/// Norm and squared norm, summed in double precision (eight partial sums) and rounded once each.
fn norm_and_square(row: &[f32]) -> (f32, f32) {
    let mut sums = [0.0f64; 8];
    let (eights, rest) = row.as_chunks::<8>();
    for eight in eights {
        for (sum, &x) in sums.iter_mut().zip(eight) {
            *sum += f64::from(x) * f64::from(x);
        }
    }
    let rest: f64 = rest.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    let square = sums.iter().sum::<f64>() + rest;
    (square.sqrt() as f32, square as f32)
}
