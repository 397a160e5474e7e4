//! Linear maps by tiles of bf16 parts ([`split_tiles`]): the rows of a task are split once, the weights when they are packed.

use super::rows::Rows;
use crate::scratch::{with_parts, with_scratch};
use crate::simd::{
    Finish, Level, SPLIT_BLOCK, SPLIT_PANEL, SPLIT_ROWS, SPLIT_STEPS, SplitRows, finish_rows, split_pixels,
    split_stride, split_tiles,
};

/// Tiles whose sums are finished together, while they are in the first-level cache.
const TOGETHER: usize = 8;

/// Whether maps of rows of `from` values are computed by tiles: they take whole steps.
pub(super) fn is_tiled(level: Level, from: usize) -> bool {
    level.has_tiles() && from.is_multiple_of(SPLIT_STEPS)
}

/// A map with weights as of [`pack_panels`](crate::packed::pack_panels).
pub(super) struct Tiled<'a> {
    pub(super) level: Level,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) panels: &'a [u16],
    pub(super) bias: &'a [f32],
}

impl Tiled<'_> {
    /// As [`super::Linear::run`].
    pub(super) fn run(&self, rows: Rows<'_>, n: usize, residual: Option<&[f32]>, out: &mut [f32], stride: usize) {
        let pixel = split_stride(self.from);
        let (height, first_rows) = cover(n);
        with_parts(n * pixel, |parts| {
            for (parts, row) in parts.chunks_exact_mut(pixel).zip(rows.values.chunks(rows.stride)) {
                split_pixels(self.level, &row[..self.from], self.from, pixel, parts);
            }
            let rows = SplitRows { values: parts, step: pixel, taps: &[0], channels: self.from, height };
            with_scratch(TOGETHER * height * SPLIT_PANEL, |sums| {
                let panel = self.from / SPLIT_STEPS * SPLIT_BLOCK;
                for (p, weights) in self.panels.chunks_exact(panel).enumerate() {
                    let column = p * SPLIT_PANEL;
                    let width = SPLIT_PANEL.min(self.to - column);
                    for first_rows in first_rows.chunks(TOGETHER) {
                        let mut starts = [0; TOGETHER];
                        starts.iter_mut().zip(first_rows).for_each(|(start, row)| *start = row * pixel);
                        split_tiles(self.level, &rows, weights, &starts[..first_rows.len()], sums);
                        for (sums, row) in sums.chunks_exact(height * SPLIT_PANEL).zip(first_rows) {
                            let residual = residual.map(|r| (&r[row * self.to + column..], self.to));
                            let finish = Finish { residual, low: f32::NEG_INFINITY, high: f32::INFINITY };
                            let out = &mut out[row * stride + column..][..(height - 1) * stride + width];
                            finish_rows(self.level, sums, 0, &self.bias[column..][..width], &finish, out, stride);
                        }
                    }
                }
            });
        });
    }
}

/// Height and first rows of tiles that cover `n` rows, the last one overlapping the one before.
fn cover(n: usize) -> (usize, Vec<usize>) {
    let height = n.clamp(1, SPLIT_ROWS);
    (height, (0..n).step_by(height).map(|row| row.min(n - height)).collect())
}
