//! `PatchCore` (Roth et al., *Towards Total Recall in Industrial Anomaly Detection*, CVPR 2022): distances to a memory bank of
//! patch descriptors of normal images.

mod scoring;
mod section;

use super::{Admit, Asked, DetectError, Detector, FeaturePipeline, Scored};
use crate::bank::{LocalDensity, MemoryBank};
use crate::image::Image;
use crate::score::ImageScore;
pub(crate) use scoring::Distances;
pub(crate) use section::{density_entry, descriptor, descriptor_entry, metric, open, score_entry};

/// Its name in the registry.
pub const KIND: &str = "patchcore";

/// How distances become scores and maps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scoring {
    /// Patch distances to image score.
    pub image_score: ImageScore,
    /// Nearest rows whose mean distance is a patch's value in the map, at least 1.
    pub map_neighbours: usize,
    /// Standard deviation of the map's Gaussian, in network input pixels; 0 for none.
    pub map_sigma_px: f32,
}

/// A memory bank with the network that describes patches.
pub struct PatchCore {
    features: FeaturePipeline,
    bank: MemoryBank,
    is_searched_on_device: bool,
    scoring: Scoring,
    n_conditions: usize,
    /// The local density of the bank, where it was measured.
    density: Option<LocalDensity>,
}

impl PatchCore {
    /// Of a bank whose rows are of `n_conditions` conditions, searched with the help of the network's device where that can.
    pub(crate) fn new(
        features: FeaturePipeline,
        mut bank: MemoryBank,
        scoring: Scoring,
        n_conditions: usize,
        density: Option<LocalDensity>,
    ) -> Self {
        let is_searched_on_device = bank.search_on(features.device());
        Self { features, bank, is_searched_on_device, scoring, n_conditions, density }
    }

    /// The bank.
    #[must_use]
    pub fn bank(&self) -> &MemoryBank {
        &self.bank
    }

    /// The local density of each row; none where it was not measured.
    pub(crate) fn row_scales(&self) -> &[f32] {
        self.density.as_ref().map_or(&[], LocalDensity::scales)
    }
}

impl Detector for PatchCore {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn features(&self) -> &FeaturePipeline {
        &self.features
    }

    fn features_mut(&mut self) -> &mut FeaturePipeline {
        &mut self.features
    }

    fn score(&self, images: &[&Image], admit: Admit<'_>, asked: Asked<'_>) -> Result<Vec<Scored>, DetectError> {
        self.score_images(images, admit, asked)
    }

    fn memory_bank(&self) -> Option<&MemoryBank> {
        Some(&self.bank)
    }

    fn is_searched_on_device(&self) -> bool {
        self.is_searched_on_device
    }
}
