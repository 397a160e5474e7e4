//! Which patches of the training images are unlike those of the others: `SoftPatch` (Jiang et al., `NeurIPS` 2022) leaves them out
//! before the coreset is chosen, which would seek them.

use super::coreset::{principal, project};
use super::{BankError, RowSource};
use crate::kernel::{Metric, PreparedRows};
use rayon::prelude::*;
use std::borrow::Cow;
use std::io;
use std::ops::Range;

/// Neighbours that tell how crowded it is around a patch, as in the paper.
pub const OUTLIER_NEIGHBOURS: usize = 6;
/// The least mean distance to neighbours, as a share of the usual one: copies of an image must not make all others outliers.
const LEAST_REACH: f64 = 0.01;

/// The local outlier factor (Breunig et al., 2000) of each row among all: how much less crowded it is around it than around its
/// `k` nearest others; about 1 for a row like the others. All 1 where there are no `k` others.
///
/// # Shapes
/// `rows`: `[n, dim]`. Result: `[n]`.
///
/// # Errors
/// [`BankError::Kernel`] for values that are not finite.
pub fn outlier_factors(rows: &[f32], dim: usize, k: usize) -> Result<Vec<f32>, BankError> {
    let n = rows.len() / dim;
    if n <= k {
        return Ok(vec![1.0; n]);
    }
    let found = PreparedRows::new(rows, dim, Metric::Euclidean)?.nearest(rows, k + 1)?;
    let others = |row: usize| {
        let (from, to) = (row * found.k, (row + 1) * found.k);
        let (distances, indices) = (&found.distances[from..to], &found.indices[from..to]);
        // The row itself is among them, unless more than k others lie on top of it.
        let own = indices.iter().position(|i| *i as usize == row).unwrap_or(k);
        let pairs = distances.iter().zip(indices).enumerate().filter(move |(at, _)| *at != own);
        pairs.map(|(_, (distance, index))| (f64::from(*distance), *index as usize))
    };
    let reach_of = |row: usize| others(row).map(|(distance, _)| distance).fold(0.0, f64::max);
    let reach: Vec<f64> = (0..n).map(reach_of).collect();
    let least = LEAST_REACH * reach.iter().sum::<f64>() / n as f64;
    // The mean reachability distance: one over the local reachability density.
    let sparsity = |row: usize| {
        let sum: f64 = others(row).map(|(distance, other)| distance.max(reach[other])).sum();
        (sum / k as f64).max(least).max(f64::MIN_POSITIVE)
    };
    let sparsity: Vec<f64> = (0..n).map(sparsity).collect();
    let factor =
        |row: usize| (others(row).map(|(_, other)| sparsity[row] / sparsity[other]).sum::<f64>() / k as f64) as f32;
    Ok((0..n).map(factor).collect())
}

/// The outlier factor of each patch among those at the same place of the other images of its condition.
///
/// # Shapes
/// `row_at(image, place)`: the row of `source` that holds a patch, `None` where it is not looked at; there are `n_patches` places;
/// `condition`: `[n_images]`. Result: one for each row.
///
/// # Errors
/// As [`outlier_factors`]; [`BankError::Rows`] where rows can't be read.
pub fn patch_outliers(
    source: &dyn RowSource,
    row_at: &(dyn Fn(usize, usize) -> Option<usize> + Sync),
    n_patches: usize,
    condition: &[usize],
) -> Result<Vec<f32>, BankError> {
    let projection = principal(source)?;
    let (projected, dim) = (project(source, &projection)?, projection.to());
    let mut images: Vec<Vec<usize>> = vec![vec![]; condition.iter().max().map_or(0, |last| last + 1)];
    condition.iter().enumerate().for_each(|(image, condition)| images[*condition].push(image));
    let mut factors = vec![1.0; source.n_rows()];
    for images in images.iter().filter(|images| !images.is_empty()) {
        let at_place = |place: usize| {
            let own: Vec<usize> = images.iter().filter_map(|image| row_at(*image, place)).collect();
            let rows: Vec<f32> = own.iter().flat_map(|row| &projected[row * dim..][..dim]).copied().collect();
            Ok((outlier_factors(&rows, dim, OUTLIER_NEIGHBOURS)?, own))
        };
        let found = (0..n_patches).into_par_iter().map(at_place).collect::<Result<Vec<_>, BankError>>()?;
        for (of_rows, own) in found {
            own.iter().zip(of_rows).for_each(|(row, factor)| factors[*row] = factor);
        }
    }
    Ok(factors)
}

/// Some of the rows of a source, ascending.
pub struct KeptRows<'a> {
    source: &'a dyn RowSource,
    kept: Vec<u32>,
}

impl<'a> KeptRows<'a> {
    /// All but the rows with the largest factors above 1: at most this share of all, rounded; of equals the later ones go.
    #[must_use]
    pub fn without(source: &'a dyn RowSource, factors: &[f32], share: f64) -> Self {
        let mut order: Vec<u32> = (0..factors.len() as u32).collect();
        order.sort_by(|a, b| factors[*a as usize].total_cmp(&factors[*b as usize]));
        let n_usual = order.iter().filter(|row| factors[**row as usize] <= 1.0).count();
        let n_kept = factors.len() - (factors.len() as f64 * share).round() as usize;
        order.truncate(n_kept.max(n_usual));
        order.sort_unstable();
        Self { source, kept: order }
    }

    /// Which rows of the source they are.
    #[must_use]
    pub fn kept(&self) -> &[u32] {
        &self.kept
    }
}

impl RowSource for KeptRows<'_> {
    fn n_rows(&self) -> usize {
        self.kept.len()
    }

    fn dim(&self) -> usize {
        self.source.dim()
    }

    fn rows(&self, range: Range<usize>) -> io::Result<Cow<'_, [f32]>> {
        let kept = &self.kept[range];
        let (Some(first), Some(last)) = (kept.first(), kept.last()) else { return Ok(Cow::Owned(vec![])) };
        let (first, last, dim) = (*first as usize, *last as usize, self.dim());
        // Nearly all of them: one read of the whole stretch.
        let all = self.source.rows(first..last + 1)?;
        Ok(Cow::Owned(kept.iter().flat_map(|row| &all[(*row as usize - first) * dim..][..dim]).copied().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::coreset::InMemory;

    #[test]
    fn outlier_factors_are_those_of_the_paper_by_hand() {
        let found = outlier_factors(&[-1.1, 0.2, 101.1, 0.3], 1, 2).unwrap();
        let expected = [0.982_142_9, 1.037_037, 73.369_71, 0.982_142_9];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5 * expected, "{found}, by hand {expected}");
        }
    }

    #[test]
    fn copies_and_few_rows_have_finite_factors() {
        assert_eq!(outlier_factors(&[3.0; 20], 1, 6).unwrap(), [1.0; 20]);
        assert_eq!(outlier_factors(&[1.0, 2.0, 50.0], 1, 6).unwrap(), [1.0; 3]);
        let mut rows = vec![3.0f32; 10];
        rows.extend([5.0, 6.0, 7.0, 8.0, 9.0]);
        assert!(outlier_factors(&rows, 1, 3).unwrap().iter().all(|factor| factor.is_finite() && *factor < 1000.0));
    }

    #[test]
    fn a_patch_is_compared_with_those_at_its_place_and_of_its_condition_alone() {
        // 24 images of four places, each place around a value of its own; two conditions 100 apart.
        let wobble = |i: usize| (i * 7919 % 101) as f32 / 1000.0;
        let mut rows = vec![];
        for row in 0..24 * 4 {
            let (image, place) = (row / 4, row % 4);
            rows.extend((0..3).map(|d| place as f32 * 5.0 + (image % 2) as f32 * 100.0 + wobble(row * 3 + d)));
        }
        // Image 3 shows at place 1 what is usual at place 2.
        let odd = 3 * 4 + 1;
        let usual: Vec<f32> = rows[(3 * 4 + 2) * 3..][..3].to_vec();
        rows[odd * 3..][..3].copy_from_slice(&usual);
        let source = InMemory { rows: &rows, dim: 3 };
        let factors_of = |n_conditions: usize| {
            let condition: Vec<usize> = (0..24).map(|image| image % n_conditions).collect();
            patch_outliers(&source, &|image, place| Some(image * 4 + place), 4, &condition).unwrap()
        };
        // Six images of a condition have five others: too few to tell.
        assert_eq!(factors_of(4), [1.0; 96]);
        let factors = factors_of(2);
        let most = (0..96).max_by(|a, b| factors[*a].total_cmp(&factors[*b])).unwrap();
        assert!(most == odd && factors[odd] > 5.0, "{most}: {}", factors[most]);
        let kept = KeptRows::without(&source, &factors, 1.0 / 96.0);
        assert_eq!((kept.n_rows(), kept.kept().contains(&(odd as u32))), (95, false));
        let read = kept.rows(odd - 1..odd + 2).unwrap();
        assert_eq!(read[..3], rows[(odd - 1) * 3..odd * 3]);
        assert_eq!(read[3..], rows[(odd + 1) * 3..(odd + 3) * 3]);
    }

    #[test]
    fn rows_that_are_no_outliers_stay_whatever_the_share() {
        let source = InMemory { rows: &[0.0; 30], dim: 3 };
        assert_eq!(KeptRows::without(&source, &[1.0; 10], 0.5).n_rows(), 10);
        let factors = [1.0, 9.0, 0.5, 1.5, 1.0, 0.9, 1.0, 1.0, 1.0, 1.0];
        assert_eq!(KeptRows::without(&source, &factors, 0.1).kept(), [0, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(KeptRows::without(&source, &factors, 0.9).kept(), [0, 2, 4, 5, 6, 7, 8, 9]);
    }
}
