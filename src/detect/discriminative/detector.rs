//! It keeps the contract of detectors.

use super::fitted::{Discriminative, NAME};
use super::head::judged;
use crate::bundle::Section;
use crate::condition::{Admission, Policy};
use crate::detect::{DetectError, Detector, Distances, FeaturePipeline, Patches, Scoring, View};

impl Detector for Discriminative {
    fn kind(&self) -> &str {
        NAME
    }

    fn features(&self) -> &FeaturePipeline {
        &self.features
    }

    fn features_mut(&mut self) -> Vec<&mut FeaturePipeline> {
        vec![&mut self.features]
    }

    /// All say the same: a fault is one in every condition.
    fn views(&self, policies: &[Policy]) -> Vec<View> {
        policies.iter().copied().map(View::plain).collect()
    }

    fn score_described(
        &self,
        patches: Patches<'_>,
        _admission: Admission,
        views: &[View],
    ) -> Result<Distances, DetectError> {
        judged(self.heads.iter(), self.scoring.image_score, (patches, self.dim()), views)
    }

    fn scoring(&self) -> Scoring {
        self.scoring
    }

    fn section(&self) -> Result<Section, DetectError> {
        Ok(self.section.clone())
    }
}
