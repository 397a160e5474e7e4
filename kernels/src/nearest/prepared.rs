//! Rows made ready, and the search among them.

use super::codes::Codes;
use super::found::Wanted;
use super::metric::Metric;
use super::rows::Rows;
use super::scout::{Helped, Scout, Scouted};
use super::search::search;
use crate::simd::{ByteLevel, Level};
use crate::{KernelError, check_rows};
use std::sync::Arc;

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
    pub(super) rows: Rows<R>,
    /// The rows once more as bytes, where that makes the search faster.
    pub(super) codes: Option<(ByteLevel, Codes)>,
    /// Another processor that helps.
    pub(super) helped: Option<Helped>,
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
        let rows = Rows::new(rows, dim, n, metric, level);
        let codes = bytes.and_then(|b| Some((b, Codes::new(level, rows.values(), dim, metric, &rows.norms)?)));
        Ok(Self { rows, codes, helped: None })
    }

    /// Has another processor help from now on, made by `make`; the answers stay the same, bit for bit. Tells whether it does:
    /// not where `make` fails, nor where what the processor computes is not `f32` to within rounding.
    pub fn help(&mut self, make: impl FnOnce(Scouted<'_>) -> Option<Arc<dyn Scout>>) -> bool {
        self.helped = Helped::new(&self.rows, make);
        self.helped.is_some()
    }

    /// Number of rows, at least one.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.rows.n
    }

    /// Values per row.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.rows.dim
    }

    /// How rows are compared.
    #[must_use]
    pub fn metric(&self) -> Metric {
        self.rows.metric
    }

    /// The values, row-major.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        self.rows.values()
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
        check_rows("queries", queries, self.rows.dim)?;
        let n_searched = (0..self.rows.n).filter(|row| is_searched(*row)).count();
        if k == 0 || k > n_searched {
            return Err(KernelError::OutOfRange { what: "k", found: k, low: 1, high: n_searched });
        }
        let wanted = Wanted { k, is_searched, is_all: n_searched == self.rows.n };
        let found = search(&self.rows, self.codes.as_ref(), self.helped.as_ref(), queries, wanted);
        let (mut distances, mut indices) = (Vec::with_capacity(found.len() * k), Vec::with_capacity(found.len() * k));
        for (distance, index) in found.into_iter().flatten() {
            distances.push(distance);
            indices.push(index);
        }
        Ok(Neighbours { distances, indices, k })
    }
}
