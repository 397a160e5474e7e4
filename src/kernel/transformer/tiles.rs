//! Linear maps by tiles of bf16 parts ([`split_tiles`]): the rows of a task are split once, the weights when they are packed.

use super::linear::Rows;
use crate::kernel::scratch::{with_parts, with_scratch};
use crate::kernel::simd::{
    Finish, Level, Lines, SPLIT_BLOCK, SPLIT_PANEL, SPLIT_ROWS, SPLIT_STEPS, SplitRows, finish_rows, pack_split,
    split_pixels, split_tiles,
};
use rayon::prelude::*;

/// Tiles whose sums are finished together, while they are in the first-level cache.
const TOGETHER: usize = 8;
/// Values of a cache line.
const LINE: usize = 32;

/// Whether maps of rows of `from` values are computed by tiles: they take whole steps.
pub(super) fn is_tiled(level: Level, from: usize) -> bool {
    level.has_tiles() && from.is_multiple_of(SPLIT_STEPS)
}

/// Packs rows of `from` values as the right factor.
pub(super) fn pack(weight: &[f32], from: usize) -> Lines<u16> {
    let panel = from / SPLIT_STEPS * SPLIT_BLOCK;
    let mut packed = Lines::zeros((weight.len() / from).div_ceil(SPLIT_PANEL) * panel);
    packed.par_chunks_mut(panel).zip(weight.par_chunks(SPLIT_PANEL * from)).for_each(|(packed, rows)| {
        for (column, row) in rows.chunks_exact(from).enumerate() {
            for (block, weights) in packed.chunks_exact_mut(SPLIT_BLOCK).zip(row.chunks_exact(SPLIT_STEPS)) {
                weights.iter().enumerate().for_each(|(step, weight)| pack_split(*weight, step, column, block));
            }
        }
    });
    packed
}

/// A map with weights as of [`pack`].
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
        // The three parts of a row, and an odd number of cache lines.
        let pixel = ((3 * self.from).div_ceil(LINE) | 1) * LINE;
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
