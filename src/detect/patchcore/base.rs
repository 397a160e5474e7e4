//! A bank as it is, to go on from.

use super::fitted::NAME;
use super::settings::Settings;
use crate::bank::{BankError, BankRow, CoresetSize, MemoryBank, Whitening, select};
use crate::bundle::{Section, SectionEntry};
use crate::detect::{DetectError, Scoring};
use std::borrow::Cow;
use std::sync::Arc;

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
    pub(super) fn bank(&self) -> Result<MemoryBank, BankError> {
        self.bank_of(self.rows.clone(), self.origins.clone())
    }

    /// A bank of these rows, compared as those of this one.
    pub(super) fn bank_of(&self, rows: Vec<f32>, origins: Vec<BankRow>) -> Result<MemoryBank, BankError> {
        MemoryBank::whitened((rows, self.dim), origins, self.settings.metric.into(), self.whitening.clone())
    }

    /// Rows as they are compared, and how many values each has.
    pub(super) fn compared<'a>(&self, rows: Cow<'a, [f32]>) -> Result<(Cow<'a, [f32]>, usize), BankError> {
        let dim = self.whitening.as_ref().map_or(self.dim, |whitening| whitening.to());
        Ok((Whitening::compared(self.whitening.as_deref(), rows)?, dim))
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
    pub(super) fn counted(&mut self, n_conditions: usize) {
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

    pub(super) fn entry(&self) -> Result<SectionEntry, DetectError> {
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

    pub(super) fn renumber_lists(&mut self) {
        let mut used: Vec<u32> = self.row_list.clone();
        used.sort_unstable();
        used.dedup();
        for list in &mut self.row_list {
            *list = used.binary_search(list).unwrap_or(0) as u32;
        }
    }
}
