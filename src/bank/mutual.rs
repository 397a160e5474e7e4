//! Images that are scored by each other, without any of them known to be normal: `MuSc` (Li et al., ICLR 2024) on patch descriptors.

use super::BankError;
use crate::kernel::{Metric, PreparedRows, Projection};
use crate::model::Grid;
use rayon::prelude::*;

/// Most cells along a side of the grid that patches are averaged to before they are compared.
const MOST_CELLS: usize = 16;
/// Principal directions that are compared, at most.
const DIRECTIONS: usize = 128;
/// What is added to the variance of every direction before each is divided by its own, as a share of the mean variance.
const RIDGE: f64 = 0.1;
/// Images that each one is compared with, at most: evenly spread over all.
pub const COMPARED_AT_MOST: usize = 200;
/// Share of those whose nearest patches count, the nearest ones: a defect that fewer images show is far from the patches of all of
/// them.
const NEAREST_SHARE: f64 = 0.3;

/// The patches of an image averaged to a grid of at most 16 x 16 cells.
///
/// # Shapes
/// `rows`: `[n_patches, dim]` of `grid`. Result: the coarser grid, and `[n_cells, dim]`.
#[must_use]
pub(crate) fn coarser(rows: &[f32], grid: Grid, dim: usize) -> (Grid, Vec<f32>) {
    let step = grid.n_rows.max(grid.n_cols).div_ceil(MOST_CELLS).max(1);
    let coarse = Grid { n_rows: grid.n_rows.div_ceil(step), n_cols: grid.n_cols.div_ceil(step) };
    let mut cells = vec![0.0f32; coarse.n_patches() * dim];
    let mut counts = vec![0.0f32; coarse.n_patches()];
    for (patch, row) in rows.chunks_exact(dim).enumerate() {
        let cell = patch / grid.n_cols / step * coarse.n_cols + patch % grid.n_cols / step;
        counts[cell] += 1.0;
        cells[cell * dim..][..dim].iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    for (cell, count) in cells.chunks_exact_mut(dim).zip(&counts) {
        cell.iter_mut().for_each(|sum| *sum /= count.max(1.0));
    }
    (coarse, cells)
}

/// Bytes that scoring images by each other takes for each of them, of so many cells and values.
#[must_use]
pub(crate) fn mutual_bytes(n_cells: usize, dim: usize) -> u64 {
    // Rows as they are and as they are compared, and these once more while they are searched.
    (n_cells as u64).saturating_mul((dim + 2 * DIRECTIONS.min(dim)) as u64 * size_of::<f32>() as u64)
}

/// Images ready to be scored by each other.
pub struct Mutual {
    /// `[n_images, n_cells, dim]`, whitened.
    rows: Vec<f32>,
    dim: usize,
    n_cells: usize,
    /// The images that each is compared with.
    others: Vec<(usize, PreparedRows<Vec<f32>>)>,
}

impl Mutual {
    /// Whitens the rows by their own principal directions.
    ///
    /// # Shapes
    /// `rows`: `[n_images, n_cells, dim]`.
    ///
    /// # Errors
    /// [`BankError::Kernel`] for values that are not finite, [`BankError::Empty`] without rows.
    pub fn new(rows: &[f32], dim: usize, n_cells: usize) -> Result<Self, BankError> {
        if rows.is_empty() {
            return Err(BankError::Empty);
        }
        let whitening = whitening(rows, dim)?;
        let (rows, dim) = (whitening.apply(rows)?, whitening.to());
        let n_images = rows.len() / (n_cells * dim);
        let n = n_images.min(COMPARED_AT_MOST);
        let prepared = |at: usize| {
            let image = at * n_images / n;
            let own = rows[image * n_cells * dim..][..n_cells * dim].to_vec();
            Ok((image, PreparedRows::new(own, dim, Metric::Euclidean)?))
        };
        let others = (0..n).into_par_iter().map(prepared).collect::<Result<_, BankError>>()?;
        Ok(Self { rows, dim, n_cells, others })
    }

    /// Images.
    #[must_use]
    pub fn n_images(&self) -> usize {
        self.rows.len() / (self.n_cells * self.dim)
    }

    /// How far each cell of an image is from the others: the mean, over the 30 % of the other images that are nearest, of the distance
    /// to the nearest cell. 0 where there is no other image.
    ///
    /// # Shapes
    /// Result: `[n_cells]`.
    ///
    /// # Errors
    /// [`BankError::Kernel`].
    pub fn score(&self, image: usize) -> Result<Vec<f32>, BankError> {
        let own = &self.rows[image * self.n_cells * self.dim..][..self.n_cells * self.dim];
        let others = self.others.iter().filter(|(other, _)| *other != image);
        let found =
            others.map(|(_, rows)| Ok(rows.nearest(own, 1)?.distances)).collect::<Result<Vec<_>, BankError>>()?;
        let n = ((found.len() as f64 * NEAREST_SHARE) as usize).max(1);
        let of_cell = |cell: usize| {
            let mut distances: Vec<f32> = found.iter().map(|of_image| of_image[cell]).collect();
            distances.sort_by(f32::total_cmp);
            let nearest = &distances[..n.min(distances.len())];
            (nearest.iter().map(|d| f64::from(*d)).sum::<f64>() / nearest.len().max(1) as f64) as f32
        };
        Ok((0..self.n_cells).map(of_cell).collect())
    }
}

/// Principal directions, each divided by the deviation of the rows along it.
fn whitening(rows: &[f32], dim: usize) -> Result<Projection, BankError> {
    let n_rows = rows.len() / dim;
    let sampled = Projection::principal_sample(n_rows);
    let n = sampled.len() as f64;
    let sample: Vec<f32> = sampled.flat_map(|row| &rows[row * dim..][..dim]).copied().collect();
    let directions = Projection::principal(&sample, dim, 1.0, DIRECTIONS)?;
    let variances = |rows: &[f32], dim: usize| -> Vec<f64> {
        let mut sums = vec![(0.0f64, 0.0f64); dim];
        for row in rows.chunks_exact(dim) {
            for ((sum, squares), value) in sums.iter_mut().zip(row) {
                *sum += f64::from(*value);
                *squares += f64::from(*value).powi(2);
            }
        }
        sums.iter().map(|(sum, squares)| (squares / n - (sum / n).powi(2)).max(0.0)).collect()
    };
    let mean = variances(&sample, dim).iter().sum::<f64>() / dim as f64;
    let along = variances(&directions.apply(&sample)?, directions.to());
    let mut columns = directions.columns();
    for (column, variance) in columns.chunks_exact_mut(dim).zip(along) {
        let scale = (variance + RIDGE * mean).max(f64::from(f32::MIN_POSITIVE)).sqrt().recip() as f32;
        column.iter_mut().for_each(|value| *value *= scale);
    }
    Ok(Projection::of_columns(&columns, dim)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIM: usize = 6;
    const CELLS: usize = 9;

    /// A number from 0 to 1 that follows from another.
    fn noise(seed: usize) -> f32 {
        ((seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f32 / (1 << 24) as f32
    }

    /// So many images, the last few with one cell of their own kind.
    fn images(n: usize, n_odd: usize) -> Vec<f32> {
        let mut rows: Vec<f32> = (0..n * CELLS * DIM).map(noise).collect();
        for image in n - n_odd..n {
            rows[(image * CELLS + 4) * DIM..][..DIM].fill(5.0);
        }
        rows
    }

    #[test]
    fn a_cell_that_fewer_than_three_in_ten_images_have_stands_out_although_they_share_it() {
        let mutual = Mutual::new(&images(40, 5), DIM, CELLS).unwrap();
        let score = |image: usize| mutual.score(image).unwrap().into_iter().fold(0.0, f32::max);
        let most_normal = (0..35).map(score).fold(0.0, f32::max);
        for image in 35..40 {
            assert!(score(image) > 1.5 * most_normal, "{} of {most_normal}", score(image));
            let cells = mutual.score(image).unwrap();
            assert!(cells.iter().all(|cell| *cell <= cells[4]));
        }
    }

    #[test]
    fn a_cell_is_as_far_as_the_mean_of_the_nearest_three_tenths_says() {
        let rows = images(21, 2);
        let mutual = Mutual::new(&rows, DIM, CELLS).unwrap();
        let whitened = whitening(&rows, DIM).unwrap().apply(&rows).unwrap();
        let dim = mutual.dim;
        let cell = |image: usize, cell: usize| &whitened[(image * CELLS + cell) * dim..][..dim];
        let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
        let found = mutual.score(3).unwrap();
        for (at, found) in found.iter().enumerate() {
            let nearest =
                |other: usize| (0..CELLS).map(|c| distance(cell(3, at), cell(other, c))).fold(f32::MAX, f32::min);
            let mut all: Vec<f32> = (0..21).filter(|other| *other != 3).map(nearest).collect();
            all.sort_by(f32::total_cmp);
            let expected = all[..6].iter().sum::<f32>() / 6.0;
            assert!((found - expected).abs() < 1e-4 * expected, "{found}, by hand {expected}");
        }
    }

    #[test]
    fn patches_are_averaged_to_at_most_sixteen_cells_a_side() {
        let grid = Grid { n_rows: 5, n_cols: 33 };
        let rows: Vec<f32> = (0..5 * 33).map(|patch| (patch % 33) as f32).collect();
        let (coarse, cells) = coarser(&rows, grid, 1);
        assert_eq!((coarse.n_rows, coarse.n_cols), (2, 11));
        assert_eq!(cells[..3], [1.0, 4.0, 7.0]);
        let (same, cells) = coarser(&rows[..16], Grid { n_rows: 4, n_cols: 4 }, 1);
        assert_eq!((same.n_patches(), &cells[..]), (16, &rows[..16]));
    }
}
