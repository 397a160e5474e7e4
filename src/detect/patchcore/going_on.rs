//! Further normal images into a memory bank: the greedy coreset goes on from the rows that there are.

use super::fitted::{NAME, PatchCore};
use super::settings::Settings;
use crate::bank::{
    BankError, BankRow, ByCondition, CoresetSize, IndexKind, LocalDensity, MemoryBank, RowSource, Whitening,
    normalise_rows, select,
};
use crate::bundle::{Section, SectionEntry, UNKNOWN};
use crate::condition::Admission;
use crate::detect::{
    DetectError, Detector, Distances, FeaturePipeline, Fit, FitSize, GoingOn, Method, Metric, Patches, Scoring,
    Training, View, go_on,
};
use crate::kernel::continue_k_center;
use crate::progress::Progress;
use rayon::prelude::*;
use std::borrow::Cow;
use std::sync::Arc;

/// Bytes of found neighbours that are kept, so that the old rows are searched once.
const CACHE_BYTES: usize = 256 << 20;
/// Candidates at most: more of them are sampled evenly.
const MOST_CANDIDATES: usize = 1 << 19;
/// Share of the candidates that become rows where the bank does not say.
const SHARE: f64 = 0.01;

/// A bank, to go on from.
#[derive(Clone, Debug)]
pub(super) struct Base {
    /// `[n_rows, dim]`.
    pub(super) rows: Vec<f32>,
    pub(super) origins: Vec<BankRow>,
    pub(super) dim: usize,
    pub(super) scoring: Scoring,
    /// The local density of each row, where it was measured.
    pub(super) scales: Option<Vec<f32>>,
    pub(super) entry: SectionEntry,
    pub(super) settings: Settings,
    /// The list of each row, where there is an index.
    pub(super) row_list: Vec<u32>,
    /// How rows are compared: as they were when it was fitted.
    pub(super) whitening: Option<Arc<Whitening>>,
}

impl Base {
    fn bank(&self) -> Result<MemoryBank, BankError> {
        self.bank_of(self.rows.clone(), self.origins.clone())
    }

    /// A bank of these rows, compared as those of this one.
    fn bank_of(&self, rows: Vec<f32>, origins: Vec<BankRow>) -> Result<MemoryBank, BankError> {
        MemoryBank::whitened((rows, self.dim), origins, self.settings.metric.into(), self.whitening.clone())
    }

    /// Rows as they are compared, and how many values each has.
    fn compared<'a>(&self, rows: Cow<'a, [f32]>) -> Result<(Cow<'a, [f32]>, usize), BankError> {
        Ok(match &self.whitening {
            Some(whitening) => (Cow::Owned(whitening.apply(&rows)?), whitening.to()),
            None => (rows, self.dim),
        })
    }

    /// Of these rows alone, in ascending order.
    pub(super) fn only(&self, at: &[usize]) -> Self {
        // Of rows that were just added none is known yet.
        let of = |values: &[f32]| at.iter().filter_map(|row| values.get(*row)).copied().collect::<Vec<_>>();
        Self {
            rows: at.iter().flat_map(|row| &self.rows[row * self.dim..][..self.dim]).copied().collect(),
            origins: at.iter().map(|row| self.origins[*row]).collect(),
            scales: self.scales.as_deref().map(of),
            row_list: at.iter().filter_map(|row| self.row_list.get(*row)).copied().collect(),
            entry: self.entry.clone(),
            settings: self.settings.clone(),
            whitening: self.whitening.clone(),
            ..*self
        }
    }

    /// No more than so many rows: a coreset of them, one of each condition at least, in their order. Tells how far a row that went
    /// is from those that stayed, at most.
    pub(super) fn capped(self, cap: Option<usize>, n_conditions: usize) -> Result<(Self, f32), DetectError> {
        let cap = cap.unwrap_or(usize::MAX).max(n_conditions);
        if self.origins.len() <= cap {
            return Ok((self, 0.0));
        }
        let space = self.settings.coreset.projection.as_deref().and_then(|text| text.parse().ok()).unwrap_or_default();
        let seed = self.settings.coreset.seed;
        let (rows, dim) = self.compared(Cow::Borrowed(&self.rows))?;
        let found = select(&rows, dim, CoresetSize::Count(cap), space, seed, &mut |_| {})?;
        let mut at: Vec<usize> = found.indices.iter().map(|row| *row as usize).collect();
        for condition in 0..n_conditions {
            let is_of = |row: &usize| self.origins[*row].condition as usize == condition;
            if !at.iter().any(is_of) {
                at.extend((0..self.origins.len()).find(is_of));
            }
        }
        // Those that stand in for a condition take the place of those picked last.
        let n_more = at.len().saturating_sub(cap);
        if n_more > 0 {
            let picked = found.indices.len();
            at.drain(picked - n_more..picked);
        }
        at.sort_unstable();
        let mut left = self.only(&at);
        let coreset = &mut left.settings.coreset;
        coreset.covering_radius = coreset.covering_radius.map(|radius| radius + found.covering_radius);
        Ok((left, found.covering_radius))
    }

    /// What the settings count.
    fn counted(&mut self, n_conditions: usize) {
        let of = |condition: usize| self.origins.iter().filter(|o| o.condition as usize == condition).count();
        self.settings.rows_of_condition = (0..n_conditions).map(of).collect();
        self.settings.coreset.n_picked = self.origins.len();
        let n_candidates = &mut self.settings.coreset.n_candidates;
        *n_candidates = n_candidates.map(|n| n.max(self.origins.len()));
        if let Some(index) = &mut self.settings.index {
            index.n_lists = self.row_list.iter().max().map_or(1, |last| *last as usize + 1);
            index.n_probes = index.n_probes.min(index.n_lists);
        }
    }

    fn entry(&self) -> Result<SectionEntry, DetectError> {
        SectionEntry::new(NAME, self.entry.features.clone(), &self.settings).map_err(DetectError::defect)
    }

    pub(super) fn section(mut self, n_conditions: usize) -> Result<Section, DetectError> {
        self.counted(n_conditions);
        // Lists without rows are none.
        self.renumber_lists();
        self.counted(n_conditions);
        let entry = self.entry()?;
        let (rows, scales) = ((self.rows, &self.origins[..]), self.scales.unwrap_or_default());
        let tensors = super::section::tensors_of(rows, scales, self.row_list, self.whitening.as_ref());
        Ok(Section { entry, tensors })
    }

    fn renumber_lists(&mut self) {
        let mut used: Vec<u32> = self.row_list.clone();
        used.sort_unstable();
        used.dedup();
        for list in &mut self.row_list {
            *list = used.binary_search(list).unwrap_or(0) as u32;
        }
    }
}

/// Goes on from a bank.
#[derive(Debug)]
pub(super) struct GoOn {
    pub(super) base: Base,
    pub(super) by: GoingOn,
}

/// What the old rows say of the new images.
struct Searched {
    of_image: Vec<ByCondition>,
    /// Squared distance of each candidate to the nearest old row, and which that is.
    squares: Vec<f32>,
    nearest: Vec<u32>,
}

impl GoOn {
    /// Rows that a fit to the further images alone would have picked.
    fn n_picks(&self, n_candidates: usize) -> usize {
        let coreset = &self.base.settings.coreset;
        let share = match (coreset.ratio, coreset.n_candidates) {
            (Some(ratio), _) => ratio,
            (None, Some(n)) if n > 0 => coreset.n_picked as f64 / n as f64,
            _ => SHARE,
        };
        let limit = self.by.cap.unwrap_or(usize::MAX);
        CoresetSize::Ratio(share.min(1.0)).of(n_candidates).min(limit).max(1)
    }

    fn search(
        &self,
        old: &MemoryBank,
        training: &Training<'_>,
        progress: &dyn Progress,
    ) -> Result<Searched, DetectError> {
        let (described, k) = (training.described, self.base.scoring.map_neighbours);
        progress.begin("comparing", training.images.len());
        let of = |index: usize| -> Result<(ByCondition, Vec<(f32, u32)>), DetectError> {
            go_on(progress)?;
            let rows = described.image(index)?;
            let found = old.nearest_by_condition(&rows, k, None)?;
            let all = found.under(crate::bank::Search::All).ok_or(BankError::Empty)?;
            let first = all.distances.iter().zip(&all.indices).step_by(all.k).map(|(d, row)| (self.square(*d), *row));
            let first = first.collect();
            progress.advance(1);
            Ok((found, first))
        };
        let each: Vec<_> = (0..training.images.len()).into_par_iter().map(of).collect::<Result<_, _>>()?;
        progress.end();
        let (of_image, first): (Vec<ByCondition>, Vec<Vec<(f32, u32)>>) = each.into_iter().unzip();
        let (squares, nearest) = first.into_iter().flatten().unzip();
        Ok(Searched { of_image, squares, nearest })
    }

    /// The squared Euclidean distance that a distance stands for; rows compared by angle have length 1.
    fn square(&self, distance: f32) -> f32 {
        match self.base.settings.metric {
            Metric::L2 => distance * distance,
            Metric::Cosine => 2.0 * distance.max(0.0),
        }
    }

    /// Which candidates become rows, and how far the others are from a row then.
    fn pick(
        &self,
        training: &Training<'_>,
        searched: &Searched,
        progress: &dyn Progress,
    ) -> Result<(Vec<usize>, f32), DetectError> {
        let described = training.described;
        let n = described.n_rows();
        let n_picks = self.n_picks(n);
        let every = n.div_ceil(MOST_CANDIDATES.max(n_picks));
        let candidates: Vec<usize> = (0..n).step_by(every).collect();
        let rows = if every == 1 {
            described.rows(0..n).map_err(BankError::Rows)?
        } else {
            described.gather(&candidates)?.into()
        };
        let (rows, dim) = self.base.compared(rows)?;
        let squares = candidates.iter().map(|at| searched.squares[*at]).collect();
        progress.begin("coreset", n_picks);
        let mut before = 0;
        let step = &mut |n: usize| {
            progress.advance(n - before);
            before = n;
        };
        let found = continue_k_center(&rows, dim, n_picks, squares, step).map_err(BankError::Kernel)?;
        progress.end();
        let mut picks: Vec<usize> = found.indices.iter().map(|at| candidates[*at as usize]).collect();
        // A condition that the others cover keeps at least one row of its own.
        let condition_of = |row: usize| training.condition(described.origin(row).0);
        for condition in 0..self.by.n_conditions {
            let has_row = |origin: &BankRow| origin.condition as usize == condition;
            let is_of = |row: &usize| condition_of(*row) == condition;
            if !self.base.origins.iter().any(has_row) && !picks.iter().any(is_of) {
                picks.extend((0..n).find(is_of));
            }
        }
        Ok((picks, found.covering_radius))
    }

    /// The bank with the picks.
    fn grown(
        &self,
        training: &Training<'_>,
        picks: &[usize],
        searched: &Searched,
        radius: f32,
    ) -> Result<Base, DetectError> {
        let described = training.described;
        let mut base = self.base.clone();
        let origin = |row: &usize| {
            let (index, place) = described.origin(*row);
            let position = place.map_or(UNKNOWN, |place| place as u32);
            BankRow { condition: training.condition(index) as u32, source: training.source(index), position }
        };
        base.rows.extend(described.gather(picks)?);
        base.origins.extend(picks.iter().map(origin));
        if base.settings.index.is_some() {
            let list_of = |row: &usize| self.base.row_list[searched.nearest[*row] as usize];
            base.row_list.extend(picks.iter().map(list_of));
        }
        let coreset = &mut base.settings.coreset;
        coreset.n_candidates = coreset.n_candidates.map(|n| n + described.n_rows());
        coreset.covering_radius = coreset.covering_radius.map(|old| old.max(radius));
        Ok(base)
    }
}

impl Method for GoOn {
    fn kind(&self) -> &str {
        NAME
    }

    fn prepare(&self, rows: &mut [f32], dim: usize) {
        if self.base.settings.metric == Metric::Cosine {
            normalise_rows(rows, dim);
        }
    }

    /// The bank four times (as it is, prepared, and grown, rows beside whitened ones), and what is known of each candidate.
    fn peak_bytes(&self, size: FitSize) -> u64 {
        let FitSize { n_rows, dim, .. } = size;
        let rows = (self.base.origins.len() + self.n_picks(n_rows)) as u64;
        20 * rows * dim as u64 + (20 + 8 * self.base.scoring.map_neighbours as u64) * n_rows as u64
    }

    fn fit(
        &self,
        features: FeaturePipeline,
        training: &Training<'_>,
        progress: &dyn Progress,
    ) -> Result<Box<dyn Fit>, DetectError> {
        let old = self.base.bank()?;
        let n_old = old.n_rows();
        let mut searched = self.search(&old, training, progress)?;
        drop(old);
        let (picks, radius) = self.pick(training, &searched, progress)?;
        let farthest = searched.squares.iter().fold(0.0f32, |most, square| most.max(*square)).sqrt();
        let grown = self.grown(training, &picks, &searched, radius)?;
        let (mut base, lost) = grown.capped(self.by.cap, self.by.n_conditions)?;
        progress.note(&told((n_old, base.origins.len(), picks.len()), (farthest, radius, lost)));
        go_on(progress)?;
        let is_capped = lost > 0.0 || base.origins.len() != n_old + picks.len();
        let added = if is_capped || picks.is_empty() {
            None
        } else {
            let (rows, origins) = (base.rows[n_old * base.dim..].to_vec(), base.origins[n_old..].to_vec());
            Some(base.bank_of(rows, origins)?)
        };
        base.renumber_lists();
        base.counted(self.by.n_conditions);
        let mut bank = base.bank()?;
        // What was measured of the old rows stays, so that what is forgotten again leaves no trace.
        if let Some(scales) = &mut base.scales {
            let n_known = scales.len().min(bank.n_rows());
            scales.extend(LocalDensity::scales_of(&bank, n_known..bank.n_rows())?);
        }
        if let Some(index) = &base.settings.index {
            match DetectError::parse("index", &index.kind)? {
                IndexKind::InvertedFile => bank.index(&base.row_list, index.n_probes)?,
                IndexKind::Exact => {}
            }
        }
        let density = base.scales.take().map(|scales| LocalDensity::new(scales, bank.n_rows())).transpose()?;
        let entry = base.entry()?;
        let n_bytes = searched.of_image.iter().map(ByCondition::n_bytes).sum::<usize>();
        let keeps = added.is_some() && n_bytes <= CACHE_BYTES && !training.described.has_turned_copies();
        let of_old = if keeps { std::mem::take(&mut searched.of_image) } else { vec![] };
        let kept = added.filter(|_| keeps).map(|added| Kept { of_old, added, n_old });
        let core = PatchCore::new(features, bank, base.scoring, self.by.n_conditions, density, (entry, base.row_list));
        Ok(Box::new(GoneOn { core, kept }))
    }
}

/// What became of the bank, in words.
fn told((n_old, n, n_picks): (usize, usize, usize), (farthest, radius, lost): (f32, f32, f32)) -> String {
    let capped = if n == n_old + n_picks {
        String::new()
    } else {
        format!("; under the cap {n} of {} rows stay, and a row that went has one within {lost:.4}", n_old + n_picks)
    };
    format!(
        "coreset: {n_picks} rows beside {n_old}; the farthest patch of the new images was {farthest:.4} from the bank and is {radius:.4} from it now{capped}"
    )
}

/// A bank that went on, and what its old rows said of the new images.
struct GoneOn {
    core: PatchCore,
    kept: Option<Kept>,
}

struct Kept {
    of_old: Vec<ByCondition>,
    /// The new rows alone.
    added: MemoryBank,
    n_old: usize,
}

impl Fit for GoneOn {
    fn detector(&self) -> &dyn Detector {
        &self.core
    }

    /// By all rows but those of the image's group.
    fn leave_out(
        &self,
        training: &Training<'_>,
        index: usize,
        patches: Patches<'_>,
        admission: Admission,
        views: &[View],
    ) -> Result<Option<Distances>, DetectError> {
        let is_left_out = |source: u32| training.is_of_group(source, index);
        let n_rows = patches.rows.len() / self.core.bank.dim();
        match &self.kept {
            // Images in tiles come in pieces.
            Some(kept) if kept.of_old[index].n_queries() == Some(n_rows) => {
                let k = self.core.scoring.map_neighbours;
                let added = kept.added.nearest_by_condition_without(patches.rows, k, &is_left_out)?;
                let all = kept.of_old[index].joined(&added, kept.n_old as u32);
                self.core.score_found(patches.rows, admission, views, &all)
            }
            _ => self.core.score_without(patches.rows, admission, views, &is_left_out),
        }
    }

    fn nearest_other(
        &self,
        training: &Training<'_>,
        index: usize,
        admission: Admission,
        view: View,
    ) -> Result<Option<usize>, DetectError> {
        self.core.nearest_other(training, index, admission, view)
    }

    fn into_detector(self: Box<Self>) -> Box<dyn Detector> {
        Box::new(self.core)
    }
}
