//! Position embeddings for any grid of patches.

/// Constant of the cubic kernel (Keys 1981, eq. 4) in PyTorch's bicubic interpolation.
const SHARPNESS: f64 = -0.75;
/// The same in its antialiased interpolation, which follows Pillow.
const SHARPNESS_ANTIALIAS: f64 = -0.5;
/// Half the width of the cubic kernel in source cells.
const SUPPORT: f64 = 2.0;

/// The embeddings of a square grid and the rule for other grids.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PositionTable {
    /// `[side, side, dim]` in row-major order.
    pub(super) values: Vec<f32>,
    /// Rows and columns.
    pub(super) side: usize,
    /// Length of an embedding.
    pub(super) dim: usize,
    /// Added to the number of rows and columns before the scale is computed.
    pub(super) offset: f64,
    /// Whether the kernel widens when the grid shrinks.
    pub(super) antialias: bool,
}

/// For one output cell: the first source cell read and the weight of it and the following ones.
type Taps = Vec<(usize, f64)>;

impl PositionTable {
    /// Embeddings `[n_rows, n_cols, dim]`: the table itself for its own grid, else interpolated.
    pub(super) fn resized(&self, n_rows: usize, n_cols: usize) -> Vec<f32> {
        let Self { side, dim, .. } = *self;
        if n_rows == side && n_cols == side {
            return self.values.clone();
        }
        let (rows, cols) = (self.taps(n_rows), self.taps(n_cols));
        let mut wide = vec![0.0; side * n_cols * dim];
        for row in 0..side {
            for (col, taps) in cols.iter().enumerate() {
                let out = &mut wide[(row * n_cols + col) * dim..][..dim];
                for &(source, weight) in taps {
                    let cell = &self.values[(row * side + source) * dim..][..dim];
                    out.iter_mut().zip(cell).for_each(|(out, value)| *out += weight * f64::from(*value));
                }
            }
        }
        let mut sum = vec![0.0; n_cols * dim];
        let mut result = Vec::with_capacity(n_rows * n_cols * dim);
        for taps in &rows {
            sum.fill(0.0);
            for &(source, weight) in taps {
                let line = &wide[source * n_cols * dim..][..n_cols * dim];
                sum.iter_mut().zip(line).for_each(|(sum, value)| *sum += weight * value);
            }
            result.extend(sum.iter().map(|value| *value as f32));
        }
        result
    }

    /// Source cells and weights of each of `n` output cells along one axis.
    fn taps(&self, n: usize) -> Vec<Taps> {
        let scale = self.side as f64 / (n as f64 + self.offset);
        (0..n).map(|i| if self.antialias { self.antialiased(i, scale) } else { self.plain(i, scale) }).collect()
    }

    /// Four cells around the output's centre; cells beyond the edge repeat it.
    fn plain(&self, i: usize, scale: f64) -> Taps {
        let centre = (i as f64 + 0.5) * scale - 0.5;
        let last = self.side as i64 - 1;
        let nearest = centre.floor() as i64;
        (nearest - 1..=nearest + 2)
            .map(|cell| (cell.clamp(0, last) as usize, cubic(cell as f64 - centre, SHARPNESS)))
            .collect()
    }

    /// All cells under the kernel, widened by `scale` where the grid shrinks; weights sum to 1.
    fn antialiased(&self, i: usize, scale: f64) -> Taps {
        let centre = (i as f64 + 0.5) * scale;
        let stretch = scale.max(1.0);
        let support = SUPPORT * stretch;
        let first = (centre - support + 0.5).max(0.0) as usize;
        let end = ((centre + support + 0.5) as usize).min(self.side);
        let raw: Vec<f64> =
            (first..end).map(|cell| cubic((cell as f64 + 0.5 - centre) / stretch, SHARPNESS_ANTIALIAS)).collect();
        let total: f64 = raw.iter().sum();
        (first..end).zip(raw).map(|(cell, weight)| (cell, weight / total)).collect()
    }
}

/// Keys' cubic convolution kernel.
fn cubic(x: f64, a: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(side: usize, offset: f64, antialias: bool) -> PositionTable {
        let values = (0..side * side * 2).map(|i| ((i * 37) % 11) as f32 / 7.0).collect();
        PositionTable { values, side, dim: 2, offset, antialias }
    }

    #[test]
    fn its_own_grid_is_returned_unchanged() {
        let table = table(5, 0.1, false);
        assert_eq!(table.resized(5, 5), table.values);
    }

    #[test]
    fn a_constant_table_stays_constant_at_any_size() {
        for (offset, antialias) in [(0.1, false), (0.0, true)] {
            let mut table = table(5, offset, antialias);
            table.values.fill(3.0);
            for (n_rows, n_cols) in [(1, 1), (2, 9), (37, 4), (16, 16)] {
                let resized = table.resized(n_rows, n_cols);
                assert_eq!(resized.len(), n_rows * n_cols * 2);
                assert!(resized.iter().all(|v| (v - 3.0).abs() < 1e-5), "{n_rows} x {n_cols}");
            }
        }
    }

    #[test]
    fn rows_and_columns_are_not_exchanged() {
        let mut table = table(4, 0.0, true);
        for row in 0..4 {
            table.values[row * 8..(row + 1) * 8].fill(row as f32);
        }
        let resized = table.resized(2, 6);
        assert!(resized[..12].windows(2).all(|w| (w[0] - w[1]).abs() < 1e-5));
        assert!(resized[12] > resized[0] + 1.0);
    }
}
