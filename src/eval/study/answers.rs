//! One image under the cells that share a bank.

use super::Cell;
use crate::bank::{BankError, ByCondition, Search};
use crate::condition::{Admission, Policy};
use crate::detect::{DetectError, Patches, Scoring, View};
use crate::image::Image;
use crate::infer::Inspector;
use crate::model::Grid;

/// One image under one cell.
pub(super) struct One {
    pub(super) raw: f32,
    pub(super) calibrated: f32,
    pub(super) threshold: f32,
    pub(super) told: Option<u32>,
    pub(super) nearest: u32,
}

/// One image under one bank; every search is done once.
pub(super) struct Answers<'a> {
    pub(super) inspector: &'a Inspector,
    pub(super) image: &'a Image,
    /// `[n_patches, dim]`.
    pub(super) rows: &'a [f32],
    pub(super) grid: Grid,
    pub(super) given: Option<Admission>,
    pub(super) scoring: Scoring,
    /// What all searches follow from, once one was asked for.
    pub(super) found: Option<ByCondition>,
    /// Raw score and condition of the row nearest to the worst patch, by search.
    pub(super) searched: Vec<(Search, f32, u32)>,
}

impl Answers<'_> {
    pub(super) fn answer(&mut self, cell: &Cell) -> Result<One, DetectError> {
        let pooled = || Ok::<_, DetectError>(self.inspector.pooled(self.rows));
        let admission = self.inspector.admit(cell.gate, self.given, self.image, &pooled)?;
        let search = Search::under(cell.policy, admission, self.inspector.conditions().len());
        let (raw, nearest) = self.search(search, (cell.policy, admission))?;
        let judged = self.inspector.judge(cell.policy, cell.calibration, admission.condition, raw)?;
        Ok(One {
            raw,
            calibrated: judged.calibrated_score,
            threshold: judged.threshold,
            told: admission.condition.map(|c| c as u32),
            nearest,
        })
    }

    fn search(&mut self, search: Search, (policy, admission): (Policy, Admission)) -> Result<(f32, u32), DetectError> {
        if let Some((_, raw, nearest)) = self.searched.iter().find(|(s, _, _)| *s == search) {
            return Ok((*raw, *nearest));
        }
        let Some(bank) = self.inspector.bank() else {
            // Without rows the detector says itself, and nothing tells the condition of the nearest.
            let (detector, view) = (self.inspector.detector(), View::plain(policy));
            let raw = detector.score_described(Patches::all(self.rows, self.grid), admission, &[view])?.raw_scores[0];
            let told = admission.condition.unwrap_or(0) as u32;
            self.searched.push((search, raw, told));
            return Ok((raw, told));
        };
        // As many neighbours as inspection asks for: the same bits.
        let found = match self.found.take() {
            Some(found) => found,
            None => bank.nearest_by_condition(self.rows, self.scoring.map_neighbours, None)?,
        };
        let found = self.found.insert(found).under(search).ok_or(BankError::Empty)?;
        let raw = self.scoring.image_score.of(self.rows, &found, bank)?;
        let mut worst = 0;
        for patch in 0..found.distances.len() / found.k {
            if found.distances[patch * found.k] > found.distances[worst * found.k] {
                worst = patch;
            }
        }
        let row = found.indices[worst * found.k] as usize;
        let nearest = bank.origins()[row].condition;
        self.searched.push((search, raw, nearest));
        Ok((raw, nearest))
    }
}
