//! It keeps the contract of detectors.

use super::fitted::{Gaussian, NAME};
use crate::bundle::Section;
use crate::condition::{Admission, Policy};
use crate::detect::{DetectError, Detector, Distances, FeaturePipeline, Scoring, View};
use crate::model::Grid;

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
