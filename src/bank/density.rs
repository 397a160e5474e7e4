//! Local density: how crowded the bank is around each of its rows.
//!
//! A distance of 1 means little where normal patches are 2 apart and much where they are 0.1 apart. Divided by the local
//! scale of the nearest row, distances in crowded and in sparse parts of the bank become comparable, so that one threshold
//! can serve several conditions (arXiv 2509.10951).

use super::{BankError, MemoryBank, Neighbours};
use std::ops::Range;

/// Rows of the bank whose mean distance is the local scale of a row.
pub const DENSITY_NEIGHBOURS: usize = 5;
/// The least scale, as a share of the mean one: rows that lie on top of each other must not make every distance infinite.
const LEAST_SCALE: f64 = 0.1;

/// The local scale of every row of a bank.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalDensity {
    scales: Vec<f32>,
    /// The mean scale divided by each row's.
    factors: Vec<f32>,
}

impl LocalDensity {
    /// Measures a bank: the scale of a row is its mean distance to the [`DENSITY_NEIGHBOURS`] nearest other rows of any
    /// condition (fewer where there are fewer), in the distance of the bank; 1 where there is just one row.
    ///
    /// # Errors
    /// [`BankError::Kernel`] for values that are not finite.
    pub fn measure(bank: &MemoryBank) -> Result<Self, BankError> {
        Self::new(Self::scales_of(bank, 0..bank.n_rows())?, bank.n_rows())
    }

    /// The scales of some rows of a bank, see [`Self::measure`].
    ///
    /// # Errors
    /// As [`Self::measure`].
    pub fn scales_of(bank: &MemoryBank, rows: Range<usize>) -> Result<Vec<f32>, BankError> {
        let k = DENSITY_NEIGHBOURS.min(bank.n_rows() - 1);
        if k == 0 || rows.is_empty() {
            return Ok(vec![1.0; rows.len()]);
        }
        let dim = bank.dim();
        let found = bank.nearest(&bank.rows()[rows.start * dim..rows.end * dim], k + 1)?;
        let scale = |(at, (distances, indices)): (usize, (&[f32], &[u32]))| {
            // The row itself is among them, unless more than k others lie on top of it.
            let own = indices.iter().position(|i| *i as usize == rows.start + at).unwrap_or(k);
            let others = distances.iter().enumerate().filter(|(i, _)| *i != own);
            (others.map(|(_, d)| f64::from(*d)).sum::<f64>() / k as f64) as f32
        };
        let parts = found.distances.chunks_exact(found.k).zip(found.indices.chunks_exact(found.k));
        Ok(parts.enumerate().map(scale).collect())
    }

    /// Takes the scales that [`Self::measure`] found before.
    ///
    /// # Shapes
    /// `scales`: `[n_rows]`.
    ///
    /// # Errors
    /// [`BankError::Shape`] unless there are `n_rows`.
    pub fn new(scales: Vec<f32>, n_rows: usize) -> Result<Self, BankError> {
        if scales.len() != n_rows {
            return Err(BankError::Shape { what: "scales of the bank's rows", expected: n_rows, found: scales.len() });
        }
        let mean = scales.iter().map(|s| f64::from(*s)).sum::<f64>() / n_rows.max(1) as f64;
        let factor = |scale: &f32| {
            if mean > 0.0 { (mean / f64::from(*scale).max(LEAST_SCALE * mean)) as f32 } else { 1.0 }
        };
        Ok(Self { factors: scales.iter().map(factor).collect(), scales })
    }

    /// The scale of each row, in the unit of the bank's distance.
    #[must_use]
    pub fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// Divides every distance by the scale of its row (at least a tenth of the mean one) and multiplies it by the mean
    /// scale, so that the unit stays. The neighbours stay the same and in the same order: the first is the nearest row,
    /// although its distance may now be larger than that of the second.
    pub fn normalise(&self, found: &mut Neighbours) {
        for (distance, row) in found.distances.iter_mut().zip(&found.indices) {
            *distance *= self.factors[*row as usize];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::BankRow;
    use crate::kernel::Metric;
    use proptest::prelude::*;

    fn bank(rows: &[f32], dim: usize) -> MemoryBank {
        let origin = |i: usize| BankRow { condition: (i % 2) as u32, source: i as u32, position: 0 };
        let origins = (0..rows.len() / dim).map(origin).collect();
        MemoryBank::new(rows.to_vec(), dim, origins, Metric::Euclidean).unwrap()
    }

    proptest! {
        #[test]
        fn normalised_distances_are_those_of_the_definition(
            values in prop::collection::vec(-9i8..9, 2..60), query in prop::collection::vec(-9i8..9, 2),
        ) {
            let rows: Vec<f32> = values.chunks_exact(2).flatten().map(|v| f32::from(*v)).collect();
            let query: Vec<f32> = query.into_iter().map(f32::from).collect();
            let (bank, n) = (bank(&rows, 2), rows.len() / 2);
            let far = |a: &[f32], b: &[f32]| f64::from(a[0] - b[0]).hypot(f64::from(a[1] - b[1]));
            let row = |i: usize| &rows[2 * i..2 * i + 2];
            let scales: Vec<f64> = (0..n)
                .map(|i| {
                    let mut others: Vec<f64> = (0..n).filter(|j| *j != i).map(|j| far(row(i), row(j))).collect();
                    others.sort_by(f64::total_cmp);
                    others.truncate(5);
                    if others.is_empty() { 1.0 } else { others.iter().sum::<f64>() / others.len() as f64 }
                })
                .collect();
            let mean = scales.iter().sum::<f64>() / n as f64;
            let density = LocalDensity::measure(&bank).unwrap();
            for (a, b) in density.scales().iter().zip(&scales) {
                prop_assert!((f64::from(*a) - b).abs() < 1e-4, "{} {}", a, b);
            }
            let plain = bank.nearest(&query, 3).unwrap();
            let mut found = plain.clone();
            density.normalise(&mut found);
            prop_assert_eq!(&found.indices, &plain.indices);
            for (distance, i) in found.distances.iter().zip(&plain.indices) {
                let i = *i as usize;
                let factor = if mean > 0.0 { mean / scales[i].max(0.1 * mean) } else { 1.0 };
                let expected = far(&query, row(i)) * factor;
                prop_assert!((f64::from(*distance) - expected).abs() < 1e-3 * (1.0 + expected), "{} {}", distance, expected);
            }
        }
    }

    #[test]
    fn a_single_row_and_equal_rows_change_no_distance() {
        for rows in [vec![1.0, 2.0], [1.0f32, 2.0].repeat(9)] {
            let bank = bank(&rows, 2);
            let mut found = bank.nearest(&[4.0, 6.0], 1).unwrap();
            LocalDensity::measure(&bank).unwrap().normalise(&mut found);
            assert_eq!(found.distances, [5.0]);
        }
        assert!(matches!(LocalDensity::new(vec![1.0], 2), Err(BankError::Shape { expected: 2, found: 1, .. })));
    }
}
