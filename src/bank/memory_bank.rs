//! The memory bank: normal patch descriptors, and the search among them.

use super::BankError;
use crate::kernel::{self, PreparedRows};

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
    rows: PreparedRows,
    origins: Vec<BankRow>,
}

impl MemoryBank {
    /// Takes rows `[n_rows, dim]` and the origin of each.
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
        Ok(Self { rows: PreparedRows::new(rows, dim, metric)?, origins })
    }

    /// Rows, at least one.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.rows.n_rows()
    }

    /// Values per row.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.rows.dim()
    }

    /// How queries are compared with rows.
    #[must_use]
    pub fn metric(&self) -> kernel::Metric {
        self.rows.metric()
    }

    /// All rows, `[n_rows, dim]`.
    #[must_use]
    pub fn rows(&self) -> &[f32] {
        self.rows.values()
    }

    /// One row's values.
    #[must_use]
    pub fn row(&self, index: usize) -> &[f32] {
        &self.rows.values()[index * self.dim()..][..self.dim()]
    }

    /// Where each row comes from.
    #[must_use]
    pub fn origins(&self) -> &[BankRow] {
        &self.origins
    }

    /// The `k` nearest rows (at most all) of each query `[n_queries, dim]`: distances ascending, ties to the lower row.
    /// The answer for a query does not depend on the others, bit for bit.
    ///
    /// # Errors
    /// [`BankError::DimMismatch`] for queries of another descriptor; [`BankError::Kernel`] for values that are not finite.
    pub fn nearest(&self, queries: &[f32], k: usize) -> Result<Neighbours, BankError> {
        if !queries.len().is_multiple_of(self.dim()) {
            return Err(BankError::DimMismatch { expected: self.dim(), found: queries.len() });
        }
        let k = k.clamp(1, self.n_rows());
        Ok(self.rows.nearest(queries, k)?)
    }

    /// The nearest row of each query `[n_queries, dim]` among those that do not come from image `source`: what the bank
    /// would say of that image had it never seen it. `None` when all rows come from it.
    ///
    /// # Errors
    /// As [`MemoryBank::nearest`].
    pub fn nearest_of_others(&self, queries: &[f32], source: u32) -> Result<Option<Neighbours>, BankError> {
        if self.origins.iter().all(|origin| origin.source == source) {
            return Ok(None);
        }
        let mut found = self.nearest(queries, 1)?;
        let is_own = |row: u32| self.origins[row as usize].source == source;
        let mut open: Vec<usize> = (0..found.indices.len()).filter(|q| is_own(found.indices[*q])).collect();
        let mut k = 1;
        // Few queries have one of their own image's rows nearest, and fewer several: widen the search for those alone.
        while !open.is_empty() {
            k = (k * 4).min(self.n_rows());
            let again: Vec<f32> = open.iter().flat_map(|q| &queries[q * self.dim()..][..self.dim()]).copied().collect();
            let wider = self.nearest(&again, k)?;
            let mut still_open = vec![];
            for (slot, query) in open.into_iter().enumerate() {
                let candidates = slot * wider.k..(slot + 1) * wider.k;
                match candidates.into_iter().find(|c| !is_own(wider.indices[*c])) {
                    Some(c) => (found.distances[query], found.indices[query]) = (wider.distances[c], wider.indices[c]),
                    None => still_open.push(query),
                }
            }
            open = still_open;
        }
        Ok(Some(found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Metric;
    use proptest::prelude::*;

    fn bank(rows: &[f32], dim: usize, sources: &[u32]) -> MemoryBank {
        let origins = sources.iter().map(|source| BankRow { condition: 0, source: *source, position: 0 }).collect();
        MemoryBank::new(rows.to_vec(), dim, origins, Metric::Euclidean).unwrap()
    }

    proptest! {
        #[test]
        fn leaving_an_image_out_equals_a_bank_without_it(
            rows in prop::collection::vec(-5i8..5, 2..60), queries in prop::collection::vec(-6i8..6, 1..12), left_out in 0u32..3,
        ) {
            let rows: Vec<f32> = rows.chunks_exact(2).flatten().map(|v| f32::from(*v)).collect();
            let queries: Vec<f32> = queries.iter().flat_map(|v| [f32::from(*v), 0.5]).collect();
            let sources: Vec<u32> = (0..rows.len() as u32 / 2).map(|i| i * i % 3).collect();
            let kept: Vec<usize> = (0..sources.len()).filter(|i| sources[*i] != left_out).collect();
            let found = bank(&rows, 2, &sources).nearest_of_others(&queries, left_out).unwrap();
            if kept.is_empty() {
                prop_assert!(found.is_none());
            } else {
                let others: Vec<f32> = kept.iter().flat_map(|i| [rows[2 * i], rows[2 * i + 1]]).collect();
                let expected = bank(&others, 2, &vec![9; kept.len()]).nearest(&queries, 1).unwrap();
                let found = found.unwrap();
                prop_assert_eq!(found.distances, expected.distances);
                let rows: Vec<u32> = expected.indices.iter().map(|i| kept[*i as usize] as u32).collect();
                prop_assert_eq!(found.indices, rows);
            }
        }
    }

    #[test]
    fn refuses_an_empty_bank_and_foreign_queries() {
        assert!(matches!(MemoryBank::new(vec![], 3, vec![], Metric::Euclidean), Err(BankError::Empty)));
        let found = bank(&[0.0, 1.0], 2, &[0]).nearest(&[1.0, 2.0, 3.0], 1);
        assert!(matches!(found, Err(BankError::DimMismatch { expected: 2, found: 3 })));
    }

    #[test]
    fn more_neighbours_than_rows_gives_all_rows() {
        let found = bank(&[0.0, 1.0, 5.0], 1, &[0, 1, 2]).nearest(&[1.0], 9).unwrap();
        assert_eq!((found.k, found.indices), (3, vec![1, 0, 2]));
    }
}
