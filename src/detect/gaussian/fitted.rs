//! What is known once it is fitted.

use super::law::Law;
use crate::bundle::Section;
use crate::detect::{FeaturePipeline, Scoring};
use std::sync::Arc;

/// Its name in the registry.
pub(super) const NAME: &str = "gaussian";

/// Distributions of normal patches with the network that describes patches.
pub(super) struct Gaussian {
    pub(super) features: FeaturePipeline,
    pub(super) scoring: Scoring,
    /// Of each condition.
    pub(super) laws: Vec<Arc<Law>>,
    /// Values of a descriptor.
    pub(super) dim: usize,
    /// What a bundle holds of it.
    pub(super) section: Section,
}
