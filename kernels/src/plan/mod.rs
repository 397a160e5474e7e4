//! Convolutional networks on the CPU: packed once, planned for each image size.
//!
//! Values are kept in NHWC order, so that a pixel's channels are one contiguous row of a matrix product. When a network is
//! prepared, per-channel affine operations are folded into the convolution before them; bias, residual sum and bounds are
//! applied while results are still in registers; weights are packed for the register tile; 3 x 3 convolutions of stride 1
//! use Winograd's F(4x4, 3x3). For each image size every value gets a buffer that is used again once the value is dead; the
//! plans of the last few sizes are kept.
//!
//! An image's result has the same bits in any batch and for any number of threads.

mod build;
mod conv;
mod error;
mod graph;
mod map;
mod network;
mod program;
mod run;
mod shape;
mod split;
mod task;
#[cfg(test)]
mod tests;
mod winograd;

pub use build::MAX_VALUES;
pub use error::PlanError;
pub use graph::{Conv, Graph, Node, NodeId, Window};
pub use network::{Footprint, Network};
pub use run::Features;
