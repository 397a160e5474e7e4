//! Exact nearest neighbours by brute force at the speed of a matrix product.
//!
//! The squared distance is expanded to `|q|^2 + |b|^2 - 2 q.b`; the products are computed in blocks that stay in the
//! second-level cache and compared with a running limit per query, so no distance matrix exists. The expansion loses
//! digits, so its values only *select*: every row whose value lies within a rigorous rounding bound of the k-th best is
//! measured again by [`squared_distance`](super::simd::squared_distance), and these direct distances decide. Hence the
//! answer is that of the naive search, bit for bit, at every SIMD level, batch size and number of threads.
//!
//! Where the processor multiplies bytes faster than `f32`, the products are those of eight-bit codes, with a bound of what
//! the codes leave out in place of the rounding bound (`coarse.rs`). The answer is the same.

mod bound;
mod candidates;
mod coarse;
mod codes;
mod found;
mod metric;
mod prepared;
mod rows;
mod scout;
mod search;
#[cfg(test)]
mod tests;

pub use metric::Metric;
pub use prepared::{Neighbours, PreparedRows};
pub use scout::{Groups, Scout, Scouted};
