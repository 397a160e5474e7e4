//! The CPU kernels of pcore, on plain slices: nearest neighbours (exact, and by an inverted file), greedy k-center
//! selection, projection, convolutional networks ([`plan`]) and vision transformer blocks ([`transformer`]).
//!
//! Everything here works on row-major `f32` slices and knows nothing of tensors. Each kernel is written once against
//! 16 abstract lanes ([`simd`]) and compiled for AVX-512, AVX2 + FMA and portable code; the best level the processor
//! offers is chosen at run time; where there are tiles (Intel AMX), products of bytes and most convolutions use them. Work
//! is shared among the threads of the current `rayon` pool.
//!
//! **Determinism.** No result depends on the number of threads, on the size of a batch or on what else is in it: every
//! number is computed by one thread in a fixed order of operations. Distances that are *returned* are direct sums of
//! squared differences in an order that is the same at every SIMD level, so they agree bit for bit between machines.
//! Products (projections, features) agree between machines up to rounding.

#[cfg(test)]
#[macro_use]
#[path = "../../tests/support/skips.rs"]
mod skips;

mod coreset;
mod ivf;
mod linear;
mod memory;
mod nearest;
mod packed;
pub mod plan;
mod principal;
mod project;
mod scratch;
pub mod simd;
pub mod strided;
pub mod transformer;

pub use coreset::{BYTES_PER_ROW as CORESET_BYTES_PER_ROW, Picks, continue_k_center, greedy_k_center};
pub use ivf::{InvertedFile, k_means};
pub use linear::{cholesky, inverse_of_lower};
pub use memory::give_back_large_blocks;
pub use nearest::{Groups, Metric, Neighbours, PreparedRows, Scout, Scouted};
pub use project::Projection;

/// What a kernel can refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// A slice is not a whole number of rows, or rows have no elements.
    #[error(
        "{what}: {len} values do not form rows of {dim}; give a non-zero row length that divides the number of values"
    )]
    Shape {
        /// Which argument.
        what: &'static str,
        /// Number of values given.
        len: usize,
        /// Row length asked for.
        dim: usize,
    },
    /// An argument that must hold at least one row is empty.
    #[error("{what} is empty; at least one row is needed")]
    Empty {
        /// Which argument.
        what: &'static str,
    },
    /// A value is NaN or infinite.
    #[error("{what}: row {row} holds a value that is not finite; remove the row or repair what computed it")]
    NotFinite {
        /// Which argument.
        what: &'static str,
        /// The first row concerned.
        row: usize,
    },
    /// More rows than a 32-bit index can name.
    #[error("{what}: {rows} rows, at most {limit} can be indexed; sample the rows first")]
    TooManyRows {
        /// Which argument.
        what: &'static str,
        /// Rows given.
        rows: usize,
        /// Largest number supported.
        limit: usize,
    },
    /// A number lies outside its range.
    #[error("{what} is {found}, expected {low} to {high}")]
    OutOfRange {
        /// Which argument.
        what: &'static str,
        /// The value given.
        found: usize,
        /// Smallest value allowed.
        low: usize,
        /// Largest value allowed.
        high: usize,
    },
}

/// Largest number of rows a kernel indexes (indices are `u32`, one value is kept free).
pub const MAX_ROWS: usize = u32::MAX as usize - 1;

/// The rows of `[n, dim]` that `indices` name, one after the other.
///
/// # Panics
/// Where there is no such row.
#[must_use]
pub fn gather(rows: &[f32], dim: usize, indices: &[u32]) -> Vec<f32> {
    indices.iter().flat_map(|i| &rows[*i as usize * dim..][..dim]).copied().collect()
}

/// Checks that `rows` is a row-major matrix of finite values with row length `dim`; returns its number of rows.
fn check_rows(what: &'static str, rows: &[f32], dim: usize) -> Result<usize, KernelError> {
    use rayon::prelude::*;
    if dim == 0 || !rows.len().is_multiple_of(dim) {
        return Err(KernelError::Shape { what, len: rows.len(), dim });
    }
    let n = rows.len() / dim;
    if n > MAX_ROWS {
        return Err(KernelError::TooManyRows { what, rows: n, limit: MAX_ROWS });
    }
    // Without an early exit per value the loop is vectorised.
    let bad = rows.par_chunks(dim).position_first(|row| !row.iter().fold(true, |ok, x| ok & x.is_finite()));
    match bad {
        Some(row) => Err(KernelError::NotFinite { what, row }),
        None => Ok(n),
    }
}
