//! A convolutional autoencoder that is trained here: what it has learned to draw is normal, and what it draws otherwise is not.
//!
//! Every layer of the encoder halves both sides with a kernel of 4 x 4, down to a bottleneck of 4 x 4 places; those of the decoder
//! double them (transposed convolutions: Dumoulin and Visin, *A guide to convolution arithmetic for deep learning*, 2016). Nothing is
//! flattened, so that the bottleneck keeps where things are. The loss is that of [`Loss`].

mod burn_layers;
mod learner;
mod loss;
mod network;

mod shape;
mod ssim;

pub use learner::{AutoencoderPlan, CanvasBatch, Learner};
pub use loss::{Loss, MSE_SHARE};

pub use network::Autoencoder;
pub use shape::{AutoencoderShape, LayerWeights};

/// The slope of a hidden value below 0.
pub const LEAK: f32 = 0.2;

#[cfg(test)]
mod tests;
