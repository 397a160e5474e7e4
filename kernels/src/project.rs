//! Projection of rows to fewer dimensions: to random directions (Johnson and Lindenstrauss, 1984) or to principal ones.

use super::simd::{Level, Product, Start, gemm_tile};
use super::{KernelError, check_rows};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

/// Rows projected by one task, in tiles.
const TASK_TILES: usize = 8;

/// A matrix that maps rows of `dim` values to `to` values.
#[derive(Debug, Clone)]
pub struct Projection {
    level: Level,
    dim: usize,
    to: usize,
    /// In panels: for each input dimension the weights of one panel's outputs.
    panels: Vec<f32>,
}

impl Projection {
    /// A Gaussian matrix, which keeps distances in expectation: its entries are independent normal numbers of mean 0 and
    /// variance `1 / to`, drawn with `ChaCha8` seeded by `seed`; the same on every machine.
    ///
    /// # Errors
    /// [`KernelError::OutOfRange`] where a dimension is zero or exceeds 2^20.
    pub fn random(dim: usize, to: usize, seed: u64) -> Result<Self, KernelError> {
        Self::random_at(dim, to, seed, Level::best())
    }

    fn random_at(dim: usize, to: usize, seed: u64, level: Level) -> Result<Self, KernelError> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let scale = 1.0 / (to as f32).sqrt();
        let mut draw = |_from, _out| {
            let normal: f32 = StandardNormal.sample(&mut rng);
            scale * normal
        };
        Self::of(dim, to, level, &mut draw)
    }

    /// The matrix whose column `out` is `columns[out * dim..][..dim]`.
    ///
    /// # Errors
    /// [`KernelError::OutOfRange`] where a dimension is zero or exceeds 2^20.
    pub fn of_columns(columns: &[f32], dim: usize) -> Result<Self, KernelError> {
        let to = columns.len().checked_div(dim).unwrap_or(0);
        Self::of(dim, to, Level::best(), &mut |from, out| columns[out * dim + from])
    }

    /// Its columns, `[to, dim]`: [`Self::of_columns`] of them is this matrix.
    #[must_use]
    pub fn columns(&self) -> Vec<f32> {
        let width = self.level.panel_width();
        let at = |out: usize, from: usize| self.panels[(out / width * self.dim + from) * width + out % width];
        (0..self.to).flat_map(|out| (0..self.dim).map(move |from| at(out, from))).collect()
    }

    /// All products of the columns of `[n, dim]` rows with each other, `[dim, dim]`: the rows' transpose times the rows. The
    /// order of summation depends on `n` alone.
    ///
    /// # Errors
    /// As [`Self::apply`]; [`KernelError::OutOfRange`] without rows.
    pub fn gram(rows: &[f32], dim: usize) -> Result<Vec<f32>, KernelError> {
        let n = check_rows("rows", rows, dim)?;
        let columns = transposed(rows, dim);
        Self::of_columns(&columns, n)?.apply(&columns)
    }

    /// Asks for the entries output by output, so that the order does not depend on the level's panels.
    fn of(
        dim: usize,
        to: usize,
        level: Level,
        entry: &mut dyn FnMut(usize, usize) -> f32,
    ) -> Result<Self, KernelError> {
        const LARGEST: usize = 1 << 20;
        for (what, found) in [("dim", dim), ("to", to)] {
            if found == 0 || found > LARGEST {
                return Err(KernelError::OutOfRange { what, found, low: 1, high: LARGEST });
            }
        }
        let width = level.panel_width();
        let mut panels = vec![0.0; to.div_ceil(width) * width * dim];
        for out in 0..to {
            for from in 0..dim {
                panels[(out / width * dim + from) * width + out % width] = entry(from, out);
            }
        }
        Ok(Self { level, dim, to, panels })
    }

    /// Values of a projected row.
    #[must_use]
    pub fn to(&self) -> usize {
        self.to
    }

    /// Projects the rows of `[n, dim]` to `[n, to]`.
    ///
    /// A row's result has the same bits whatever the other rows are and however many. Between machines of different SIMD
    /// level it may differ by rounding.
    ///
    /// # Errors
    /// [`KernelError::Shape`], [`KernelError::TooManyRows`] or [`KernelError::NotFinite`] for the rows.
    pub fn apply(&self, rows: &[f32]) -> Result<Vec<f32>, KernelError> {
        let n = check_rows("rows", rows, self.dim)?;
        let (height, width) = (self.level.tile_height(), self.level.panel_width());
        let task = TASK_TILES * height;
        let mut out = vec![0.0; n * self.to];
        out.par_chunks_mut(task * self.to).zip(rows.par_chunks(task * self.dim)).for_each(|(out, rows)| {
            for (p, panel) in self.panels.chunks(width * self.dim).enumerate() {
                let columns = width.min(self.to - p * width);
                for (rows, out) in rows.chunks(height * self.dim).zip(out.chunks_mut(height * self.to)) {
                    let height = rows.len() / self.dim;
                    let product = Product { rows, stride: self.dim, height, depth: self.dim, panel };
                    gemm_tile(self.level, &product, Start::Zero, None, &mut out[p * width..], self.to, columns);
                }
            }
        });
        Ok(out)
    }

    /// The matrix entry that maps input `from` to output `out`.
    #[cfg(test)]
    pub(super) fn entry(&self, from: usize, out: usize) -> f32 {
        let width = self.level.panel_width();
        self.panels[(out / width * self.dim + from) * width + out % width]
    }
}

/// `[n, width]` as `[width, n]`.
pub(crate) fn transposed(values: &[f32], width: usize) -> Vec<f32> {
    (0..width).flat_map(|column| values.iter().skip(column).step_by(width).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(seed: u64, n: usize) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..n).map(|_| StandardNormal.sample(&mut rng)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn equals_the_plain_product(seed: u64, n in 0usize..150, dim in 1usize..90, to in 1usize..70) {
            let rows = values(seed, n * dim);
            for level in Level::supported() {
                let projection = Projection::random_at(dim, to, seed, level).unwrap();
                let found = projection.apply(&rows).unwrap();
                prop_assert_eq!(found.len(), n * to);
                for (row, found) in rows.chunks(dim).zip(found.chunks(to)) {
                    for (o, f) in found.iter().enumerate() {
                        let terms = row.iter().enumerate().map(|(i, x)| f64::from(*x) * f64::from(projection.entry(i, o)));
                        let (sum, size) = terms.fold((0.0, 0.0), |a, t| (a.0 + t, a.1 + t.abs()));
                        prop_assert!((f64::from(*f) - sum).abs() <= 1e-5 * size + 1e-30);
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_its_company() {
        let (dim, to) = (100, 40);
        let projection = Projection::random(dim, to, 1).unwrap();
        let rows = values(2, 311 * dim);
        let all = projection.apply(&rows).unwrap();
        for size in [1, 5, 100] {
            let parts: Vec<f32> = rows.chunks(size * dim).flat_map(|r| projection.apply(r).unwrap()).collect();
            assert_eq!(parts, all);
        }
    }

    #[test]
    fn the_matrix_is_the_same_at_every_level_and_keeps_lengths() {
        let (dim, to) = (64, 128);
        let matrices: Vec<Vec<f32>> = Level::supported()
            .into_iter()
            .map(|level| {
                let p = Projection::random_at(dim, to, 9, level).unwrap();
                (0..dim * to).map(|i| p.entry(i / to, i % to)).collect()
            })
            .collect();
        assert!(matrices.iter().all(|m| *m == matrices[0]));
        let mean_square = matrices[0].iter().map(|x| x * x).sum::<f32>() / dim as f32;
        assert!((mean_square - 1.0).abs() < 0.1, "{mean_square}");
    }

    #[test]
    fn refuses_empty_dimensions() {
        assert!(matches!(Projection::random(0, 3, 0), Err(KernelError::OutOfRange { what: "dim", .. })));
        assert!(matches!(Projection::random(3, 0, 0), Err(KernelError::OutOfRange { what: "to", .. })));
        assert!(matches!(Projection::random(3, 2, 0).unwrap().apply(&[0.0; 4]), Err(KernelError::Shape { .. })));
    }
}
