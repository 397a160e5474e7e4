//! What is known once it is fitted.

use super::head::Head;
use crate::bundle::Section;
use crate::detect::{FeaturePipeline, Scoring};

/// Its name in the registry.
pub(super) const NAME: &str = "discriminative";

/// Trained heads with the network that describes patches.
pub(super) struct Discriminative {
    pub(super) features: FeaturePipeline,
    pub(super) scoring: Scoring,
    pub(super) heads: Vec<Head>,
    /// What a bundle holds of it.
    pub(super) section: Section,
}
