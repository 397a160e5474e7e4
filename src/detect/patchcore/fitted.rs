//! What is known once it is fitted.

use crate::bank::{LocalDensity, MemoryBank};
use crate::bundle::SectionEntry;
use crate::detect::{FeaturePipeline, Scoring};

/// Its name in the registry.
pub(super) const NAME: &str = "patchcore";

/// A memory bank with the network that describes patches.
pub(super) struct PatchCore {
    pub(super) features: FeaturePipeline,
    pub(super) bank: MemoryBank,
    pub(super) is_searched_on_device: bool,
    pub(super) scoring: Scoring,
    pub(super) n_conditions: usize,
    /// The local density of the bank, where it was measured.
    pub(super) density: Option<LocalDensity>,
    /// What a bundle says of it.
    pub(super) entry: SectionEntry,
    /// The list of each row, where there is an index.
    pub(super) row_list: Vec<u32>,
}

impl PatchCore {
    /// Of a bank whose rows are of `n_conditions` conditions, searched with the help of the network's device where that can.
    pub(super) fn new(
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
