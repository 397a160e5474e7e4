//! The memory bank: normal patch descriptors, and the search among them.

use super::by_condition::ByCondition;
use super::part::Part;
use super::{BankError, Search};
use crate::kernel;
use crate::model::OpenDevice;
use std::collections::BTreeMap;

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
    /// All rows, where there is more than one part.
    rows: Option<Vec<f32>>,
    origins: Vec<BankRow>,
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
        let is_one = members.len() == 1;
        let mut all = Some(rows);
        let part = |(condition, indices): (u32, Vec<u32>)| {
            let own = if is_one { all.take() } else { None };
            let own = own.unwrap_or_else(|| kernel::gather(all.as_deref().unwrap_or_default(), dim, &indices));
            Part::new(condition as usize, own, dim, metric, indices)
        };
        let parts = members.into_iter().map(part).collect::<Result<_, BankError>>()?;
        Ok(Self { parts, rows: all, origins })
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
        let of_query = |(query, row): (&[f32], &u32)| {
            let condition = self.origins[*row as usize].condition as usize;
            self.parts.iter().find(|part| part.condition() == condition).map_or(Ok(1), |p| p.probes_to(query, *row))
        };
        queries.chunks(self.dim()).zip(&nearest.indices).map(of_query).collect::<Result<_, _>>().map(Some)
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
        let of_part = |part: &Part| Ok((part.condition(), part.nearest(queries, k, is_searched)?));
        let parts = self.parts.iter().filter(|part| is_considered(part)).map(of_part);
        Ok(ByCondition::new(parts.collect::<Result<_, BankError>>()?, k))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every distance from the definition, sorted.
    fn naive(bank: &MemoryBank, query: &[f32], k: usize, search: Search) -> Vec<(f64, u32)> {
        let mut all: Vec<(f64, u32)> = (0..bank.n_rows())
            .filter_map(|row| {
                let own = bank.origins()[row].condition as usize;
                let factor = match search {
                    Search::All => 1.0,
                    Search::Only { condition } if own != condition => return None,
                    Search::Only { .. } => 1.0,
                    Search::Penalised { condition, factor } => {
                        if own == condition {
                            1.0
                        } else {
                            f64::from(factor)
                        }
                    }
                };
                let square: f64 =
                    query.iter().zip(bank.row(row)).map(|(q, b)| (f64::from(*q) - f64::from(*b)).powi(2)).sum();
                Some((square.sqrt() * factor, row as u32))
            })
            .collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        all.truncate(k);
        all
    }

    fn bank(n_rows: usize, n_conditions: usize, seed: u32) -> MemoryBank {
        let value = |i: usize| ((i as u32 + 1).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 8) as f32 / 1e7;
        let origins =
            (0..n_rows).map(|i| BankRow { condition: (i % n_conditions) as u32, source: 0, position: 0 }).collect();
        let rows = (0..n_rows * 3).map(value).collect();
        MemoryBank::new(rows, 3, origins, kernel::Metric::Euclidean).unwrap()
    }

    proptest! {
        #[test]
        fn every_search_is_that_of_its_definition(
            n_rows in 3usize..40, n_conditions in 1usize..4, k in 1usize..5, condition in 0usize..3,
            factor in 1.0f32..3.0, seed in any::<u32>(),
        ) {
            let bank = bank(n_rows, n_conditions, seed);
            let condition = condition % n_conditions;
            let query = [0.7f32, 0.2, 1.1];
            for search in [Search::All, Search::Only { condition }, Search::Penalised { condition, factor }] {
                let found = bank.nearest_in(&[query, query].concat(), k, search).unwrap();
                let expected = naive(&bank, &query, k, search);
                prop_assert_eq!(found.k, expected.len());
                for half in 0..2 {
                    for (i, (distance, _)) in expected.iter().enumerate() {
                        prop_assert!((f64::from(found.distances[half * found.k + i]) - distance).abs() < 1e-5);
                    }
                    prop_assert_eq!(found.indices[half * found.k], expected[0].1);
                }
            }
        }
    }

    #[test]
    fn a_factor_of_one_changes_nothing_bit_for_bit() {
        let bank = bank(30, 3, 5);
        let queries: Vec<f32> = (0..21).map(|i| (i as f32).sin().abs()).collect();
        let all = bank.nearest(&queries, 4).unwrap();
        assert_eq!(bank.nearest_in(&queries, 4, Search::Penalised { condition: 1, factor: 1.0 }).unwrap(), all);
    }

    #[test]
    fn all_lists_of_an_index_give_the_exact_answer_of_every_search() {
        let mut bank = bank(60, 3, 11);
        let queries: Vec<f32> = (0..30).map(|i| (i as f32).cos().abs()).collect();
        let searches = [Search::All, Search::Only { condition: 2 }, Search::Penalised { condition: 1, factor: 1.5 }];
        let exact: Vec<Neighbours> = searches.map(|s| bank.nearest_in(&queries, 4, s).unwrap()).into();
        let list_of = kernel::k_means(bank.rows(), 3, bank.metric(), 7).unwrap();
        bank.index(&list_of, 7).unwrap();
        for (search, exact) in searches.into_iter().zip(&exact) {
            assert_eq!(&bank.nearest_in(&queries, 4, search).unwrap(), exact);
        }
        bank.index(&list_of, 1).unwrap();
        for (search, exact) in searches.into_iter().zip(&exact) {
            let found = bank.nearest_in(&queries, 4, search).unwrap();
            assert!(found.distances.iter().zip(&exact.distances).all(|(found, exact)| found >= exact));
        }
        assert!(matches!(bank.index(&list_of[1..], 1), Err(BankError::Shape { expected: 60, found: 59, .. })));
    }

    #[test]
    fn so_many_probes_as_are_said_to_be_needed_find_the_nearest_row_and_fewer_do_not() {
        let mut bank = bank(90, 3, 17);
        let queries: Vec<f32> = (0..90).map(|i| (i as f32 * 0.7).cos().abs()).collect();
        // Lists that have nothing to do with the rows' places.
        let list_of: Vec<u32> = (0..90).map(|row| row * row % 7).collect();
        bank.index(&list_of, usize::MAX).unwrap();
        let exact = bank.nearest(&queries, 1).unwrap();
        let needed = bank.probes_to_others(&queries, &|source| source == 7).unwrap().unwrap();
        assert!(needed.iter().any(|n| *n > 1), "{needed:?}");
        for (query, n) in needed.into_iter().enumerate() {
            let mut distance = |n_probes| {
                bank.set_probes(n_probes);
                bank.nearest(&queries[3 * query..][..3], 1).unwrap().distances[0]
            };
            assert_eq!(distance(n), exact.distances[query]);
            assert!(n == 1 || distance(n - 1) > exact.distances[query]);
        }
        assert_eq!(bank.probes_to_others(&queries, &|source| source == 0).unwrap(), None, "all rows come from there");
    }

    #[test]
    fn a_condition_without_rows_is_searched_for_among_all() {
        let bank = bank(10, 2, 1);
        let all = bank.nearest(&[0.5; 3], 2).unwrap();
        assert_eq!(bank.nearest_in(&[0.5; 3], 2, Search::Only { condition: 9 }).unwrap(), all);
        assert_eq!(bank.nearest_in(&[0.5; 3], 2, Search::Penalised { condition: 9, factor: 2.0 }).unwrap(), all);
    }

    fn of_sources(rows: &[f32], dim: usize, sources: &[u32]) -> MemoryBank {
        let origins = sources.iter().map(|source| BankRow { condition: 0, source: *source, position: 0 }).collect();
        MemoryBank::new(rows.to_vec(), dim, origins, kernel::Metric::Euclidean).unwrap()
    }

    #[test]
    fn leaving_an_image_out_heeds_the_search() {
        let origin = |condition, source| BankRow { condition, source, position: 0 };
        let origins = vec![origin(0, 0), origin(0, 1), origin(1, 2)];
        let bank = MemoryBank::new(vec![0.0, 4.0, 1.0], 1, origins, kernel::Metric::Euclidean).unwrap();
        let row = |source, search| bank.nearest_of_others(&[0.1], 1, source, search).unwrap().unwrap().indices[0];
        assert_eq!(row(0, Search::All), 2);
        assert_eq!(row(0, Search::Only { condition: 0 }), 1);
        assert_eq!(row(0, Search::Penalised { condition: 0, factor: 9.0 }), 1);
        // The condition has no rows of other images.
        assert_eq!(row(2, Search::Only { condition: 1 }), 0);
    }

    proptest! {
        #[test]
        fn leaving_an_image_out_equals_a_bank_without_it(
            rows in prop::collection::vec(-5i8..5, 2..60), queries in prop::collection::vec(-6i8..6, 1..12), left_out in 0u32..3,
            k in 1usize..5,
        ) {
            let rows: Vec<f32> = rows.chunks_exact(2).flatten().map(|v| f32::from(*v)).collect();
            let queries: Vec<f32> = queries.iter().flat_map(|v| [f32::from(*v), 0.5]).collect();
            let sources: Vec<u32> = (0..rows.len() as u32 / 2).map(|i| i * i % 3).collect();
            let kept: Vec<usize> = (0..sources.len()).filter(|i| sources[*i] != left_out).collect();
            let found = of_sources(&rows, 2, &sources).nearest_of_others(&queries, k, left_out, Search::All).unwrap();
            if kept.is_empty() {
                prop_assert!(found.is_none());
            } else {
                let others: Vec<f32> = kept.iter().flat_map(|i| [rows[2 * i], rows[2 * i + 1]]).collect();
                let expected = of_sources(&others, 2, &vec![9; kept.len()]).nearest(&queries, k).unwrap();
                let found = found.unwrap();
                prop_assert_eq!(found.distances, expected.distances);
                let rows: Vec<u32> = expected.indices.iter().map(|i| kept[*i as usize] as u32).collect();
                prop_assert_eq!(found.indices, rows);
            }
        }
    }

    proptest! {
        #[test]
        fn one_search_by_condition_answers_every_other(
            n_rows in 3usize..60, n_conditions in 1usize..4, k in 1usize..9, condition in 0usize..4,
            factor in 1.0f32..3.0, seed in any::<u32>(), left_out in prop::option::of(0u32..4),
        ) {
            let mut bank = bank(n_rows, n_conditions, seed);
            for (row, origin) in bank.origins.iter_mut().enumerate() {
                origin.source = (row * row % 4) as u32;
            }
            let queries: Vec<f32> = (0..21).map(|i| (i as f32 + seed as f32).sin().abs()).collect();
            let by_condition = bank.nearest_by_condition(&queries, k, left_out).unwrap();
            for search in [Search::All, Search::Only { condition }, Search::Penalised { condition, factor }] {
                let expected = match left_out {
                    None => Some(bank.nearest_in(&queries, k, search).unwrap()),
                    Some(source) => bank.nearest_of_others(&queries, k, source, search).unwrap(),
                };
                prop_assert_eq!(by_condition.under(search), expected, "{:?}", search);
            }
        }
    }

    #[test]
    fn refuses_an_empty_bank_and_foreign_queries() {
        assert!(matches!(MemoryBank::new(vec![], 3, vec![], kernel::Metric::Euclidean), Err(BankError::Empty)));
        let found = of_sources(&[0.0, 1.0], 2, &[0]).nearest(&[1.0, 2.0, 3.0], 1);
        assert!(matches!(found, Err(BankError::DimMismatch { expected: 2, found: 3 })));
    }

    #[test]
    fn more_neighbours_than_rows_gives_all_rows() {
        let found = of_sources(&[0.0, 1.0, 5.0], 1, &[0, 1, 2]).nearest(&[1.0], 9).unwrap();
        assert_eq!((found.k, found.indices), (3, vec![1, 0, 2]));
    }
}
