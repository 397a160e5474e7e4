//! The memory bank: normal patch descriptors, and the search among them.

use super::by_condition::ByCondition;
use super::part::Part;
use super::{BankError, Search, Whitening};
use crate::kernel;
use crate::model::OpenDevice;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

pub use crate::kernel::Neighbours;

/// Where a row of the bank comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BankRow {
    /// Index of its condition.
    pub condition: u32,
    /// Index of its image.
    pub source: u32,
    /// Index of its patch in that image's grid, row-major.
    pub position: u32,
}

/// Normal patch descriptors, never empty, with their origin.
#[derive(Debug)]
pub struct MemoryBank {
    /// The rows of each condition, ascending by condition, at least one: a search among them must not read the others, and
    /// what is nearest among all is nearest in its part.
    parts: Vec<Part>,
    /// All rows, where there is more than one part, or where they are compared otherwise than they are.
    rows: Option<Vec<f32>>,
    origins: Vec<BankRow>,
    /// How rows and queries are whitened before they are compared.
    whitening: Option<Arc<Whitening>>,
}

impl MemoryBank {
    /// Takes rows and the origin of each.
    ///
    /// # Shapes
    /// `rows`: `[n_rows, dim]`, `origins`: `[n_rows]`.
    ///
    /// # Errors
    /// [`BankError::Empty`] without rows; [`BankError::Shape`] when rows and origins differ in number.
    pub fn new(rows: Vec<f32>, dim: usize, origins: Vec<BankRow>, metric: kernel::Metric) -> Result<Self, BankError> {
        Self::whitened((rows, dim), origins, metric, None)
    }

    /// As [`Self::new`]; rows and queries are compared whitened. Queries and what [`Self::rows`] gives stay what they are.
    ///
    /// # Errors
    /// As [`Self::new`], and [`BankError::DimMismatch`] for the whitening of other rows.
    pub fn whitened(
        (rows, dim): (Vec<f32>, usize),
        origins: Vec<BankRow>,
        metric: kernel::Metric,
        whitening: Option<Arc<Whitening>>,
    ) -> Result<Self, BankError> {
        if rows.is_empty() || dim == 0 {
            return Err(BankError::Empty);
        }
        if rows.len() != origins.len() * dim {
            return Err(BankError::Shape {
                what: "values of the bank's rows",
                expected: origins.len() * dim,
                found: rows.len(),
            });
        }
        let mut members: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (row, origin) in origins.iter().enumerate() {
            members.entry(origin.condition).or_default().push(row as u32);
        }
        if let Some(other) = whitening.as_ref().filter(|whitening| whitening.dim() != dim) {
            return Err(BankError::DimMismatch { expected: other.dim(), found: dim });
        }
        let is_one = members.len() == 1;
        let (compared, compared_dim, raw) = match &whitening {
            Some(whitening) => (whitening.apply(&rows)?, whitening.to(), Some(rows)),
            None => (rows, dim, None),
        };
        let mut all = Some(compared);
        let part = |(condition, indices): (u32, Vec<u32>)| {
            let own = if is_one { all.take() } else { None };
            let own = own.unwrap_or_else(|| kernel::gather(all.as_deref().unwrap_or_default(), compared_dim, &indices));
            Part::new(condition as usize, own, compared_dim, metric, indices)
        };
        let parts = members.into_iter().map(part).collect::<Result<_, BankError>>()?;
        Ok(Self { parts, rows: raw.or(all), origins, whitening })
    }

    /// From now on searches the rows of each condition by an inverted file, `list_of` telling the list of each row: in the
    /// `n_probes` of its lists whose means are nearest, and exactly with as many as there are lists. Holds the rows once more.
    ///
    /// # Errors
    /// [`BankError::Shape`] unless there is a list for each row.
    pub fn index(&mut self, list_of: &[u32], n_probes: usize) -> Result<(), BankError> {
        if list_of.len() != self.n_rows() {
            let (expected, found) = (self.n_rows(), list_of.len());
            return Err(BankError::Shape { what: "lists of the bank's rows", expected, found });
        }
        self.parts.iter_mut().try_for_each(|part| part.index(list_of, n_probes))
    }

    /// Looks into so many lists of [`Self::index`] from now on.
    pub fn set_probes(&mut self, n_probes: usize) {
        self.parts.iter_mut().for_each(|part| part.set_probes(n_probes));
    }

    /// For each query, in how many lists of [`Self::index`] to look so that its nearest row that does
    /// not come from an image that `is_own` is found, as long as the bank looks into all of them; `None` when all rows come
    /// from there.
    ///
    /// # Shapes
    /// `queries`: `[n_queries, dim]`. Result: `[n_queries]`.
    ///
    /// # Errors
    /// As [`MemoryBank::nearest`].
    pub fn probes_to_others(
        &self,
        queries: &[f32],
        is_own: &(dyn Fn(u32) -> bool + Sync),
    ) -> Result<Option<Vec<usize>>, BankError> {
        let is_other = |row: usize| !is_own(self.origins[row].source);
        let Some(nearest) = self.search(queries, 1, Search::All, &is_other)? else { return Ok(None) };
        let queries = self.compared(queries)?;
        let of_query = |(query, row): (&[f32], &u32)| {
            let condition = self.origins[*row as usize].condition as usize;
            self.parts.iter().find(|part| part.condition() == condition).map_or(Ok(1), |p| p.probes_to(query, *row))
        };
        queries.chunks(self.compared_dim()).zip(&nearest.indices).map(of_query).collect::<Result<_, _>>().map(Some)
    }

    /// Has `device` help with exact searches from now on, where it is a GPU; the answers stay the same, bit for bit. Tells
    /// whether it does: not where it can't hold the rows.
    pub fn search_on(&mut self, device: &OpenDevice) -> bool {
        self.parts.iter_mut().all(|part| part.search_on(device))
    }

    /// Rows, at least one.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.origins.len()
    }

    /// Values per row.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.whitening.as_ref().map_or(self.parts[0].rows().dim(), |whitening| whitening.dim())
    }

    /// How rows and queries are whitened before they are compared, if they are.
    #[must_use]
    pub fn whitening(&self) -> Option<&Arc<Whitening>> {
        self.whitening.as_ref()
    }

    /// Rows as they are compared, `[n, to]`.
    ///
    /// # Errors
    /// [`BankError::Kernel`] for values that are not finite.
    pub fn compared<'a>(&self, rows: &'a [f32]) -> Result<Cow<'a, [f32]>, BankError> {
        Whitening::compared(self.whitening.as_deref(), Cow::Borrowed(rows))
    }

    /// Values of a row as it is compared.
    #[must_use]
    pub fn compared_dim(&self) -> usize {
        self.parts[0].rows().dim()
    }

    /// How queries are compared with rows.
    #[must_use]
    pub fn metric(&self) -> kernel::Metric {
        self.parts[0].rows().metric()
    }

    /// All rows, `[n_rows, dim]`.
    #[must_use]
    pub fn rows(&self) -> &[f32] {
        self.rows.as_deref().unwrap_or(self.parts[0].rows().values())
    }

    /// One row's values.
    #[must_use]
    pub fn row(&self, index: usize) -> &[f32] {
        &self.rows()[index * self.dim()..][..self.dim()]
    }

    /// Where each row comes from.
    #[must_use]
    pub fn origins(&self) -> &[BankRow] {
        &self.origins
    }

    /// Whether a condition has rows of its own.
    #[must_use]
    pub fn has_rows_of(&self, condition: usize) -> bool {
        self.parts.iter().any(|part| part.condition() == condition)
    }

    /// The `k` nearest rows (at most all) of each query: distances ascending, ties to the lower row.
    /// The answer for a query does not depend on the others, bit for bit. See [`Self::index`] for banks searched in part.
    ///
    /// # Shapes
    /// `queries`: `[n_queries, dim]`. Result: distances and indices `[n_queries, k]`, with the `k` that it names.
    ///
    /// # Errors
    /// [`BankError::DimMismatch`] for queries of another descriptor; [`BankError::Kernel`] for values that are not finite.
    pub fn nearest(&self, queries: &[f32], k: usize) -> Result<Neighbours, BankError> {
        // A bank is never empty.
        self.search(queries, k, Search::All, &|_| true)?.ok_or(BankError::Empty)
    }

    /// As [`Self::nearest`], among the rows that `search` considers and by the distances it makes of them. A condition of
    /// fewer than `k` rows gives so many neighbours; one of none is searched for among all rows.
    ///
    /// # Shapes
    /// As [`Self::nearest`].
    ///
    /// # Errors
    /// As [`Self::nearest`].
    pub fn nearest_in(&self, queries: &[f32], k: usize, search: Search) -> Result<Neighbours, BankError> {
        self.search(queries, k, search, &|_| true)?.ok_or(BankError::Empty)
    }

    /// As [`Self::nearest_in`], among the rows that do not come from image `source`: what the bank would say of that image
    /// had it never seen it. Where all rows that `search` considers come from the image itself, all others are searched.
    /// `None` when the bank has none but its own.
    ///
    /// # Errors
    /// As [`MemoryBank::nearest`].
    pub fn nearest_of_others(
        &self,
        queries: &[f32],
        k: usize,
        source: u32,
        search: Search,
    ) -> Result<Option<Neighbours>, BankError> {
        let is_other = |row: usize| self.origins[row].source != source;
        match self.search(queries, k, search, &is_other)? {
            Some(found) => Ok(Some(found)),
            None => self.search(queries, k, Search::All, &is_other),
        }
    }

    /// The `k` nearest rows of each condition, from which the answer to every [`Search`] follows: one search in place of one
    /// for each. `left_out`: an image whose rows are not searched.
    ///
    /// # Errors
    /// As [`MemoryBank::nearest`].
    pub fn nearest_by_condition(
        &self,
        queries: &[f32],
        k: usize,
        left_out: Option<u32>,
    ) -> Result<ByCondition, BankError> {
        self.nearest_by_condition_without(queries, k, &|source| left_out == Some(source))
    }

    /// As [`Self::nearest_by_condition`], without the rows of every image that `is_left_out`.
    ///
    /// # Errors
    /// As [`MemoryBank::nearest`].
    pub fn nearest_by_condition_without(
        &self,
        queries: &[f32],
        k: usize,
        is_left_out: &(dyn Fn(u32) -> bool + Sync),
    ) -> Result<ByCondition, BankError> {
        self.search_parts(queries, k, &|row| !is_left_out(self.origins[row].source), |_| true)
    }

    /// The `k` nearest rows (at most all) that `search` considers and that `is_searched`; `None` without any.
    fn search(
        &self,
        queries: &[f32],
        k: usize,
        search: Search,
        is_searched: &(dyn Fn(usize) -> bool + Sync),
    ) -> Result<Option<Neighbours>, BankError> {
        let is_considered = |part: &Part| match search {
            Search::Only { condition } if self.has_rows_of(condition) => part.condition() == condition,
            Search::All | Search::Only { .. } | Search::Penalised { .. } => true,
        };
        Ok(self.search_parts(queries, k, is_searched, is_considered)?.under(search))
    }

    fn search_parts(
        &self,
        queries: &[f32],
        k: usize,
        is_searched: &(dyn Fn(usize) -> bool + Sync),
        is_considered: impl Fn(&Part) -> bool,
    ) -> Result<ByCondition, BankError> {
        if !queries.len().is_multiple_of(self.dim()) {
            return Err(BankError::DimMismatch { expected: self.dim(), found: queries.len() });
        }
        let queries = self.compared(queries)?;
        let of_part = |part: &Part| Ok((part.condition(), part.nearest(&queries, k, is_searched)?));
        let parts = self.parts.iter().filter(|part| is_considered(part)).map(of_part);
        Ok(ByCondition::new(parts.collect::<Result<_, BankError>>()?, k))
    }
}

#[cfg(test)]
mod tests;
