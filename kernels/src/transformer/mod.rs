//! Vision transformer blocks (Dosovitskiy et al., *An Image is Worth 16x16 Words*, 2021) on rows of tokens.
//!
//! The scores of attention exist for one tile of queries at a time, and the hidden layer of the perceptron for the rows of
//! one task, so that both stay in the second-level cache. A token's result has the same bits for any number of threads and
//! in any batch.

mod attention;
mod block;
mod linear;
mod rows;
#[cfg(test)]
mod tests;
mod tiles;

pub use block::{Block, Workspace};
pub use linear::{Linear, Norm};
