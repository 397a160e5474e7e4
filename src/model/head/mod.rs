//! A small network on patch descriptors that is trained here: the adaptor and the segmentation head of `SuperSimpleNet` (Rolih,
//! Fučka and Skočaj, *`SuperSimpleNet`: Unifying Unsupervised and Supervised Learning for Fast and Reliable Surface Defect
//! Detection*, ICPR 2024), which judge every patch by itself.

mod learner;
mod network;

pub use learner::{HeadBatch, HeadPlan, Learner};

/// A trained head: `v = out · leaky(hidden x + bias) + out_bias`, where `leaky(t)` is `t`, and [`LEAK`]` t` below 0. What the
/// adaptor and the first layer of the segmentation head do is linear, and one matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadWeights {
    /// `[n_hidden, dim]`.
    pub hidden: Vec<f32>,
    /// `[n_hidden]`.
    pub bias: Vec<f32>,
    /// `[n_hidden]`.
    pub out: Vec<f32>,
    /// What is added in the end.
    pub out_bias: f32,
}

/// The slope of a hidden value below 0.
pub const LEAK: f32 = 0.2;
