//! Products of gathered values with weights, and with each other.

use crate::simd::{Level, Product, Start, gemm_tile};

/// A matrix `[depth, columns]`, packed for tiles.
pub(super) struct Panels {
    level: Level,
    depth: usize,
    columns: usize,
    values: Vec<f32>,
}

impl Panels {
    pub(super) fn of(level: Level, (depth, columns): (usize, usize), entry: impl Fn(usize, usize) -> f32) -> Self {
        let width = level.panel_width();
        let mut values = vec![0.0; columns.div_ceil(width) * width * depth];
        for (p, panel) in values.chunks_exact_mut(width * depth).enumerate() {
            let own = width.min(columns - p * width);
            for (row, line) in panel.chunks_exact_mut(width).enumerate() {
                line[..own].iter_mut().enumerate().for_each(|(at, value)| *value = entry(row, p * width + at));
            }
        }
        Self { level, depth, columns, values }
    }

    /// `rows` times the matrix, `bias` added, into `out`, `[n, columns]`.
    pub(super) fn multiply(&self, rows: &[f32], bias: &[f32], out: &mut [f32]) {
        let (height, width) = (self.level.tile_height(), self.level.panel_width());
        for (p, panel) in self.values.chunks_exact(width * self.depth).enumerate() {
            let columns = width.min(self.columns - p * width);
            let start = Start::Bias(&bias[p * width..]);
            for (rows, out) in rows.chunks(height * self.depth).zip(out.chunks_mut(height * self.columns)) {
                let height = rows.len() / self.depth;
                let product = Product { rows, stride: self.depth, height, depth: self.depth, panel };
                gemm_tile(self.level, &product, start, None, &mut out[p * width..], self.columns, columns);
            }
        }
    }
}

/// Adds to `sums`, `[to, depth]`, the transpose of `small`, `[n, to]`, times `gathered`, `[n, depth]`.
pub(super) fn add_products(
    level: Level,
    (small, to): (&[f32], usize),
    (gathered, depth): (&[f32], usize),
    sums: &mut [f32],
) {
    let (height, width) = (level.tile_height(), level.panel_width());
    let n = small.len() / to;
    let mut turned = vec![0.0f32; n * to];
    for (unit, line) in turned.chunks_exact_mut(n).enumerate() {
        line.iter_mut().zip(small[unit..].iter().step_by(to)).for_each(|(to, from)| *to = *from);
    }
    let mut panel = vec![0.0f32; n * width];
    for first in (0..depth).step_by(width) {
        let columns = width.min(depth - first);
        for (line, row) in panel.chunks_exact_mut(width).zip(gathered.chunks_exact(depth)) {
            line[..columns].copy_from_slice(&row[first..first + columns]);
        }
        for (rows, sums) in turned.chunks(height * n).zip(sums.chunks_mut(height * depth)) {
            let product = Product { rows, stride: n, height: rows.len() / n, depth: n, panel: &panel };
            gemm_tile(level, &product, Start::Output, None, &mut sums[first..], depth, columns);
        }
    }
}
