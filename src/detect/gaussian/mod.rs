//! Statistics of normal patches by condition: the Mahalanobis distance to a mean and a shrunk covariance (Lee et al., *A Simple
//! Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks*, `NeurIPS` 2018, equation 1), for each
//! place (`PaDiM`: Defard et al., ICPR 2021), or what the principal directions leave (`SubspaceAD`, CVPR 2026). A condition takes
//! as many bytes for a thousand images as for ten, and is fitted from its own images alone.

mod fit;
mod grow;
mod law;
mod linear;
mod moments;
mod scoring;
mod section;
mod settings;

use super::{
    Admit, Asked, DetectError, Detector, Distances, FeaturePipeline, Growth, Kind, Method, Options, Scored, Scoring,
    View,
};
use crate::bundle::Section;
use crate::condition::{Admission, Policy};
use crate::image::Image;
use crate::model::Grid;
use fit::Plan;
use law::Law;
use std::sync::Arc;

/// Its name in the registry.
const NAME: &str = "gaussian";

/// The registry's line.
pub(super) const KIND: Kind = Kind {
    name: NAME,
    summary: "mean and covariance of normal patches, by condition",
    method: Some(method),
    tensors: section::tensors,
    check: section::check,
    facts: section::facts,
    growth: Some(Growth { options: grow::options, join: grow::join }),
    open: section::open,
};

fn method(options: &Options) -> Result<Arc<dyn Method>, DetectError> {
    Ok(Arc::new(Plan::new(options)?))
}

/// Distributions of normal patches with the network that describes patches.
struct Gaussian {
    features: FeaturePipeline,
    scoring: Scoring,
    /// Of each condition.
    laws: Vec<Arc<Law>>,
    /// Values of a descriptor.
    dim: usize,
    /// What a bundle holds of it.
    section: Section,
}

impl Detector for Gaussian {
    fn kind(&self) -> &str {
        NAME
    }

    fn features(&self) -> &FeaturePipeline {
        &self.features
    }

    fn features_mut(&mut self) -> Vec<&mut FeaturePipeline> {
        vec![&mut self.features]
    }

    fn views(&self, policies: &[Policy]) -> Vec<View> {
        policies.iter().copied().map(View::plain).collect()
    }

    fn score(&self, images: &[&Image], admit: Admit<'_>, asked: Asked<'_>) -> Result<Vec<Scored>, DetectError> {
        self.score_images(images, admit, asked)
    }

    fn score_described(
        &self,
        rows: &[f32],
        grid: Grid,
        admission: Admission,
        views: &[View],
    ) -> Result<Distances, DetectError> {
        self.score_rows(rows, grid, admission, views)
    }

    fn scoring(&self) -> Scoring {
        self.scoring
    }

    fn section(&self) -> Result<Section, DetectError> {
        Ok(self.section.clone())
    }
}
