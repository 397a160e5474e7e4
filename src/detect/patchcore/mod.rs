//! `PatchCore` (Roth et al., *Towards Total Recall in Industrial Anomaly Detection*, CVPR 2022): distances to a memory bank of
//! patch descriptors of normal images.

mod fit;
mod format1;
mod index;
mod scoring;
mod section;
mod settings;
pub mod station;

use super::{
    Admit, Asked, DetectError, Detector, Distances, FeaturePipeline, Kind, Method, Options, Scored, Scoring, View,
};
use crate::bank::{LocalDensity, MemoryBank};
use crate::bundle::{Section, SectionEntry};
use crate::condition::{Admission, Policy};
use crate::image::Image;
use crate::model::Grid;
use fit::Plan;
pub(super) use format1::upgrade;
use std::sync::Arc;

/// Its name in the registry.
const NAME: &str = "patchcore";

/// The registry's line.
pub(super) const KIND: Kind = Kind {
    name: NAME,
    summary: "distances to a memory bank of normal patches",
    method: Some(method),
    tensors: section::tensors,
    check: section::check,
    facts: section::facts,
    growth: None,
    open: section::open,
};

fn method(options: &Options) -> Result<Arc<dyn Method>, DetectError> {
    Ok(Arc::new(Plan::new(options)))
}

/// With the default settings.
pub(super) fn default_method() -> Arc<dyn Method> {
    Arc::new(Plan::new(&Options::default()))
}

/// A memory bank with the network that describes patches.
pub(super) struct PatchCore {
    features: FeaturePipeline,
    bank: MemoryBank,
    is_searched_on_device: bool,
    scoring: Scoring,
    n_conditions: usize,
    /// The local density of the bank, where it was measured.
    density: Option<LocalDensity>,
    /// What a bundle says of it.
    entry: SectionEntry,
    /// The list of each row, where there is an index.
    row_list: Vec<u32>,
}

impl PatchCore {
    /// Of a bank whose rows are of `n_conditions` conditions, searched with the help of the network's device where that can.
    fn new(
        features: FeaturePipeline,
        mut bank: MemoryBank,
        scoring: Scoring,
        n_conditions: usize,
        density: Option<LocalDensity>,
        (entry, row_list): (SectionEntry, Vec<u32>),
    ) -> Self {
        let is_searched_on_device = bank.search_on(features.device());
        Self { features, bank, is_searched_on_device, scoring, n_conditions, density, entry, row_list }
    }
}

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
        Ok(self.to_section())
    }

    fn memory_bank(&self) -> Option<&MemoryBank> {
        Some(&self.bank)
    }

    fn is_searched_on_device(&self) -> bool {
        self.is_searched_on_device
    }
}
