//! Further normal images into a memory bank: the greedy coreset goes on from the rows that there are.

use super::base::Base;
use super::fitted::{NAME, PatchCore};
use crate::bank::{
    BankError, BankRow, ByCondition, CoresetSize, IndexKind, LocalDensity, MemoryBank, RowSource, normalise_rows,
};
use crate::bundle::UNKNOWN;
use crate::condition::Admission;
use crate::detect::{
    DetectError, Detector, Distances, FeaturePipeline, Fit, FitSize, GoingOn, Method, Metric, Patches, Training, View,
    go_on,
};
use crate::kernel::continue_k_center;
use crate::progress::Progress;
use rayon::prelude::*;

/// Bytes of found neighbours that are kept, so that the old rows are searched once.
const CACHE_BYTES: usize = 256 << 20;
/// Candidates at most: more of them are sampled evenly.
const MOST_CANDIDATES: usize = 1 << 19;
/// Share of the candidates that become rows where the bank does not say.
const SHARE: f64 = 0.01;

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
