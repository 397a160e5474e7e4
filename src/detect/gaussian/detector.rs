//! It keeps the contract of detectors.

use super::fitted::{Gaussian, NAME};
use crate::bundle::Section;
use crate::condition::{Admission, Policy};
use crate::detect::{DetectError, Detector, Distances, FeaturePipeline, Patches, Scoring, View};
use std::any::Any;

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

    fn score_described(
        &self,
        patches: Patches<'_>,
        admission: Admission,
        views: &[View],
    ) -> Result<Distances, DetectError> {
        self.score_patches(patches, admission, views)
    }

    fn scoring(&self) -> Scoring {
        self.scoring
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }

    fn section(&self) -> Result<Section, DetectError> {
        Ok(self.section.clone())
    }
}
