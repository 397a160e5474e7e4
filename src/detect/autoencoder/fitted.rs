//! What is known once it is fitted.

use super::judge::Judge;
use crate::bundle::Section;
use crate::detect::{FeaturePipeline, Scoring};

/// Its name in the registry.
pub(super) const NAME: &str = "autoencoder";

/// Trained autoencoders, and the way to the pixels that they draw.
pub(super) struct Autoencoders {
    pub(super) features: FeaturePipeline,
    pub(super) scoring: Scoring,
    pub(super) judge: Judge,
    /// What a bundle holds of it.
    pub(super) section: Section,
}
