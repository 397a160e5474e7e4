//! Greedy k-center selection (farthest-point sampling; Gonzalez, 1985), exact and lazy.
//!
//! The plain algorithm measures every row against every new centre. Here a row's smallest distance to the centres seen
//! *so far* is kept as what it is: an upper bound of its current value. Only rows whose bound reaches a threshold `tau`
//! can be the farthest while some up-to-date row does, so
//! - a small *active* set (bounds up to date, at least `tau`, copied side by side) is updated at every pick, and
//! - when all of it has fallen below `tau`, the threshold is lowered and the rows whose bounds reach the new one catch up
//!   with the centres they missed, in blocks by matrix products, and only until their bound falls below it.
//!
//! Most rows are within reach of some early centre and are never looked at again. The matrix products only rule centres
//! out (with a rounding bound); every distance that enters a bound is a direct
//! [`squared_distance`](crate::simd::squared_distance), so the selection is that of the plain algorithm, bit for bit.
//!
//! Memory beside the rows: at most [`BYTES_PER_ROW`] for each of them and 8 bytes for each value of the selected ones.

mod active;
mod bounds;
mod refresh;
mod select;
#[cfg(test)]
mod tests;

pub use select::{BYTES_PER_ROW, Picks, continue_k_center, greedy_k_center};
