//! The rows of one condition, and the way to search them.

use super::BankError;
use crate::kernel::{InvertedFile, Metric, Neighbours, PreparedRows};
use crate::model::OpenDevice;

/// The rows of one condition of a bank.
#[derive(Debug)]
pub(super) struct Part {
    condition: usize,
    rows: PreparedRows,
    /// Which rows of the bank they are, ascending.
    indices: Vec<u32>,
    /// The same rows in lists, and in how many lists to look.
    lists: Option<(InvertedFile, usize)>,
}

impl Part {
    pub(super) fn new(
        condition: usize,
        rows: Vec<f32>,
        dim: usize,
        metric: Metric,
        indices: Vec<u32>,
    ) -> Result<Self, BankError> {
        Ok(Self { condition, rows: PreparedRows::new(rows, dim, metric)?, indices, lists: None })
    }

    pub(super) fn condition(&self) -> usize {
        self.condition
    }

    pub(super) fn rows(&self) -> &PreparedRows {
        &self.rows
    }

    /// `list_of`: the list of each row of the bank.
    pub(super) fn index(&mut self, list_of: &[u32], n_probes: usize) -> Result<(), BankError> {
        let own: Vec<u32> = self.indices.iter().map(|i| list_of[*i as usize]).collect();
        let lists = InvertedFile::new(self.rows.values(), self.rows.dim(), self.rows.metric(), &own)?;
        self.lists = Some((lists, n_probes));
        Ok(())
    }

    pub(super) fn set_probes(&mut self, n_probes: usize) {
        if let Some((_, n)) = &mut self.lists {
            *n = n_probes;
        }
    }

    /// In how many lists to look for row `row` of the bank, which is one of these; 1 without lists.
    pub(super) fn probes_to(&self, query: &[f32], row: u32) -> Result<usize, BankError> {
        let (Some((lists, _)), Ok(own)) = (&self.lists, self.indices.binary_search(&row)) else { return Ok(1) };
        Ok(lists.probes_to(query, &[own as u32])?[0])
    }

    /// Tells whether `device` helps from now on.
    pub(super) fn search_on(&mut self, device: &OpenDevice) -> bool {
        device.help(&mut self.rows)
    }

    /// The `k` nearest of these rows (at most all) that `is_searched`, by their indices in the bank; `None` without any.
    pub(super) fn nearest(
        &self,
        queries: &[f32],
        k: usize,
        is_searched: &(dyn Fn(usize) -> bool + Sync),
    ) -> Result<Option<Neighbours>, BankError> {
        let is_searched = |row: usize| is_searched(self.indices[row] as usize);
        let n_searched = (0..self.rows.n_rows()).filter(|row| is_searched(*row)).count();
        if n_searched == 0 {
            return Ok(None);
        }
        let k = k.clamp(1, n_searched);
        let mut found = match &self.lists {
            Some((lists, n_probes)) if *n_probes < lists.n_lists() => {
                lists.nearest_among(queries, k, *n_probes, &is_searched)?
            }
            // All lists hold all rows.
            Some(_) | None => self.rows.nearest_among(queries, k, &is_searched)?,
        };
        found.indices.iter_mut().for_each(|i| *i = self.indices[*i as usize]);
        Ok(Some(found))
    }
}
