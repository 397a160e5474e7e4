//! Normal images to a memory bank.

use super::fitted::{NAME, PatchCore};
use super::index;
use super::settings::{CoresetEntry, ScoreEntry, Settings, WhiteningEntry};
use crate::bank::{
    BankError, BankRow, Coreset, CoresetSize, CoresetSpace, DENSITY_NEIGHBOURS, IndexKind, KeptRows, LocalDensity,
    MemoryBank, RowSource, Search, Whitened, Whitening, normalise_rows, patch_outliers, select_from,
};
use crate::bundle::{SectionEntry, UNKNOWN};
use crate::condition::Admission;
use crate::detect::{
    DetectError, Detector, Distances, FeaturePipeline, Fit, FitSize, Method, Metric, Options, Patches, Training, View,
    go_on,
};
use crate::progress::Progress;
use std::sync::Arc;

/// Bytes for each value of the bank: rows, rows of each condition, the copy that is written, and room for the search.
const BANK_BYTES: u64 = 16;
/// Bytes of rows that are taken in at a time to tell how they are whitened.
const WHITENING_BYTES: u64 = 16 << 20;

/// How a bank is made.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    options: Options,
}

impl Plan {
    pub(super) fn new(options: &Options) -> Self {
        Self { options: options.clone() }
    }

    /// Picks one coreset for all conditions: greedy k-center gives each as many rows as its variety needs, so that a distance
    /// means the same in all of them. A condition that the others cover keeps at least one row of its own.
    fn pick(
        &self,
        training: &Training<'_>,
        whitening: Option<&Whitening>,
        progress: &dyn Progress,
    ) -> Result<Coreset, DetectError> {
        let described = training.described;
        let n_rows = described.n_rows();
        let Options { coreset, coreset_space, coreset_sample, .. } = self.options;
        let kept = self.filter(training, progress)?;
        let source: &dyn RowSource = kept.as_ref().map_or(described, |kept| kept);
        let whitened = whitening.map(|by| Whitened::new(source, by));
        let source: &dyn RowSource = whitened.as_ref().map_or(source, |whitened| whitened);
        progress.begin("coreset", coreset.of(source.n_rows()));
        let step = &mut |n| progress.advance(n);
        let mut found = select_from(source, coreset, coreset_space, coreset_sample, training.seed, step)?;
        progress.end();
        if let Some(kept) = &kept {
            found.indices.iter_mut().for_each(|index| *index = kept.kept()[*index as usize]);
        }
        if found.stopped_early {
            let n = found.indices.len();
            progress.note(&format!("coreset: only {n} different patches, all of them are kept"));
        }
        let condition_of = |row: u32| training.condition(described.origin(row as usize).0);
        for condition in 0..training.n_conditions {
            if !found.indices.iter().any(|i| condition_of(*i) == condition) {
                let of_it = |i: &u32| condition_of(*i) == condition;
                let all = || (0..n_rows as u32).find(of_it);
                found
                    .indices
                    .extend(kept.as_ref().and_then(|kept| kept.kept().iter().copied().find(of_it)).or_else(all));
            }
        }
        Ok(found)
    }

    /// The patches that are left where some are left out.
    fn filter<'a>(
        &self,
        training: &Training<'a>,
        progress: &dyn Progress,
    ) -> Result<Option<KeptRows<'a>>, DetectError> {
        let share = self.options.filter_patches;
        if share <= 0.0 {
            return Ok(None);
        }
        let described = training.described;
        if described.is_in_tiles() {
            return Err(DetectError::Setting {
                setting: "filter patches",
                expected: "0 where images are cut into tiles: patches are told odd by those at the same place"
                    .to_owned(),
                found: share.to_string(),
            });
        }
        let condition: Vec<usize> = (0..training.images.len()).map(|index| training.condition(index)).collect();
        progress.begin("filtering", 1);
        let row_at = |image, place| described.row_at(image, place);
        let factors = patch_outliers(described, &row_at, described.grid().n_patches(), &condition)?;
        progress.advance(1);
        progress.end();
        go_on(progress)?;
        Ok(Some(KeptRows::without(described, &factors, share)))
    }

    /// How rows are whitened, where that is asked for and they vary at all.
    fn whitening(&self, training: &Training<'_>) -> Result<Option<Arc<Whitening>>, DetectError> {
        let Some(floor) = self.options.whitening else { return Ok(None) };
        Ok(Whitening::measure(training.described, floor)?.map(Arc::new))
    }

    fn settings(&self, picked: &Coreset, bank: &MemoryBank, training: &Training<'_>) -> Settings {
        let Options { metric, scoring, coreset, coreset_space, .. } = &self.options;
        let rows_of = |condition: usize| bank.origins().iter().filter(|o| o.condition as usize == condition).count();
        Settings {
            metric: *metric,
            coreset: CoresetEntry {
                ratio: match coreset {
                    CoresetSize::Ratio(ratio) => Some(*ratio),
                    CoresetSize::Count(_) => None,
                },
                n_picked: bank.n_rows(),
                n_candidates: Some(picked.n_candidates),
                projection: Some(coreset_space.to_string()),
                seed: training.seed,
                covering_radius: Some(picked.covering_radius),
            },
            filter_patches: Some(self.options.filter_patches).filter(|share| *share > 0.0),
            whitening: bank
                .whitening()
                .zip(self.options.whitening)
                .map(|(whitening, floor)| WhiteningEntry { floor, n_values: whitening.to() }),
            index: None,
            score: ScoreEntry::new(scoring),
            density_neighbours: Some(DENSITY_NEIGHBOURS),
            rows_of_condition: (0..training.n_conditions).map(rows_of).collect(),
        }
    }
}

impl Method for Plan {
    fn kind(&self) -> &str {
        NAME
    }

    fn prepare(&self, rows: &mut [f32], dim: usize) {
        if self.options.metric == Metric::Cosine {
            normalise_rows(rows, dim);
        }
    }

    fn depends_on_seed(&self) -> bool {
        match self.options.coreset_space {
            CoresetSpace::Random(_) => true,
            CoresetSpace::Principal | CoresetSpace::Whole => false,
        }
    }

    /// With `n` rows of `d` values, compared in `c` (at most 128 principal directions), of which `k` are kept: the larger of
    /// the selection, `(4 c + 20) n + 8 k c + 4 c d + 32 MiB` (see [`CoresetSpace::memory_bytes`]), and the bank, `16 k d`.
    fn peak_bytes(&self, size: FitSize) -> u64 {
        let FitSize { n_rows, dim, is_held, .. } = size;
        let Options { coreset, coreset_space, index, .. } = &self.options;
        let per_value = match index {
            IndexKind::Exact => BANK_BYTES,
            // Its lists hold the rows, and those of each condition, once more; twice while it is measured.
            IndexKind::InvertedFile => 2 * BANK_BYTES,
        };
        // Whitened rows beside those that are kept, and the sums that tell how.
        let (per_value, is_held, told) = match self.options.whitening {
            Some(_) => (per_value + 8, false, 32 * (dim * dim) as u64 + WHITENING_BYTES),
            None => (per_value, is_held, 0),
        };
        let bank = (per_value * coreset.of(n_rows) as u64 * dim as u64).max(told);
        if self.options.filter_patches <= 0.0 {
            return bank.max(coreset_space.memory_bytes(n_rows, dim, *coreset, is_held));
        }
        // Factors and the numbers of the rows kept, which are read as a copy; before, all rows in principal directions.
        let beside = 8 * n_rows as u64;
        let selected = coreset_space.memory_bytes(n_rows, dim, *coreset, false);
        let told = CoresetSpace::Principal.memory_bytes(n_rows, dim, *coreset, false);
        bank.max(selected.max(told).saturating_add(beside))
    }

    fn fit(
        &self,
        features: FeaturePipeline,
        training: &Training<'_>,
        progress: &dyn Progress,
    ) -> Result<Box<dyn Fit>, DetectError> {
        let described = training.described;
        let (dim, grid) = (described.dim(), described.grid());
        let whitening = self.whitening(training)?;
        let picked = self.pick(training, whitening.as_deref(), progress)?;
        let indices: Vec<usize> = picked.indices.iter().map(|i| *i as usize).collect();
        let origin = |candidate: &usize| {
            let (index, place) = described.origin(*candidate);
            let (condition, source) = (training.condition(index) as u32, training.source(index));
            BankRow { condition, source, position: place.map_or(UNKNOWN, |place| place as u32) }
        };
        let origins: Vec<BankRow> = indices.iter().map(origin).collect();
        let rows = (described.gather(&indices)?, dim);
        let mut bank = MemoryBank::whitened(rows, origins, self.options.metric.into(), whitening)?;
        go_on(progress)?;
        let density = LocalDensity::measure(&bank)?;
        let mut settings = self.settings(&picked, &bank, training);
        let mut row_list = vec![];
        if self.options.index == IndexKind::InvertedFile {
            let (entry, list_of) = index::build(&mut bank, training, progress)?;
            (settings.index, row_list) = (Some(entry), list_of);
        }
        let entry = SectionEntry::new(NAME, Some(features.entry(grid, dim)), &settings).map_err(DetectError::defect)?;
        let n_conditions = training.n_conditions;
        let scoring = self.options.scoring;
        Ok(Box::new(PatchCore::new(features, bank, scoring, n_conditions, Some(density), (entry, row_list))))
    }
}

impl Fit for PatchCore {
    fn detector(&self) -> &dyn Detector {
        self
    }

    /// By the rows of the other groups. They were picked with all images in view, so this is the jackknife, not a refit; a row
    /// that only its own image justifies is gone with it, which errs on the side of higher scores.
    fn leave_out(
        &self,
        training: &Training<'_>,
        index: usize,
        patches: Patches<'_>,
        admission: Admission,
        views: &[View],
    ) -> Result<Option<Distances>, DetectError> {
        let is_left_out = |source: u32| training.is_of_group(source, index);
        self.score_without(patches.rows, admission, views, &is_left_out)
    }

    fn nearest_other(
        &self,
        training: &Training<'_>,
        index: usize,
        admission: Admission,
        view: View,
    ) -> Result<Option<usize>, DetectError> {
        let described = training.described;
        let rows = &*described.rows(described.own_rows(index)).map_err(BankError::Rows)?;
        let is_left_out = |source: u32| training.is_of_group(source, index);
        let others = self.bank.nearest_by_condition_without(rows, 1, &is_left_out)?;
        let Some(found) = others.under(Search::under(view.policy, admission, self.n_conditions)) else {
            return Ok(None);
        };
        let most = found.distances.iter().zip(&found.indices).max_by(|(a, _), (b, _)| a.total_cmp(b));
        Ok(most.map(|(_, row)| self.bank.origins()[*row as usize].source as usize))
    }

    fn into_detector(self: Box<Self>) -> Box<dyn Detector> {
        self
    }
}
