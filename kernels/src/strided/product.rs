//! Products of gathered values with weights, and with each other.

use crate::simd::{Level, Product, Start, gemm_tile};
use rayon::prelude::*;

/// A matrix `[depth, columns]`, packed for tiles.
pub(super) struct Panels {
    level: Level,
    depth: usize,
    columns: usize,
    values: Vec<f32>,
}

impl Panels {
    /// `fill` writes the values of a row from a column on.
    pub(super) fn of(
        level: Level,
        (depth, columns): (usize, usize),
        fill: impl Fn(usize, usize, &mut [f32]) + Sync,
    ) -> Self {
        let width = level.panel_width();
        let mut values = vec![0.0; columns.div_ceil(width) * width * depth];
        values.par_chunks_exact_mut(width * depth).enumerate().for_each(|(p, panel)| {
            let own = width.min(columns - p * width);
            for (row, line) in panel.chunks_exact_mut(width).enumerate() {
                fill(row, p * width, &mut line[..own]);
            }
        });
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

/// Adds to `sums`, `[to, panel_width]`, `rows`, `[to, n]` and `stride` apart, times `panel`, `[n, panel_width]`.
pub(super) fn add_products(
    level: Level,
    (rows, stride, to): (&[f32], usize, usize),
    (panel, n): (&[f32], usize),
    sums: &mut [f32],
) {
    let (height, width) = (level.tile_height(), level.panel_width());
    for (at, sums) in sums.chunks_mut(height * width).enumerate() {
        let first = at * height;
        let product =
            Product { rows: &rows[first * stride..], stride, height: height.min(to - first), depth: n, panel };
        gemm_tile(level, &product, Start::Output, None, sums, width, width);
    }
}
