//! It keeps the contract of detectors.

use super::fitted::{NAME, PatchCore};
use crate::bank::MemoryBank;
use crate::bundle::Section;
use crate::condition::{Admission, Policy};
use crate::detect::{DetectError, Detector, Distances, FeaturePipeline, Patches, Scoring, View};
use std::any::Any;

impl Detector for PatchCore {
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
        let plain = policies.iter().copied().map(View::plain);
        plain.chain(policies.iter().copied().filter(|_| self.density.is_some()).map(View::by_density)).collect()
    }

    fn score_described(
        &self,
        patches: Patches<'_>,
        admission: Admission,
        views: &[View],
    ) -> Result<Distances, DetectError> {
        self.score_rows(patches.rows, admission, views)
    }

    fn scoring(&self) -> Scoring {
        self.scoring
    }

    fn section(&self) -> Result<Section, DetectError> {
        Ok(self.to_section())
    }

    fn memory_bank(&self) -> Option<&MemoryBank> {
        Some(&self.bank)
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }

    fn is_searched_on_device(&self) -> bool {
        self.is_searched_on_device
    }
}
