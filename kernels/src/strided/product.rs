//! Products of pixels with weights.

use super::turn::turn;
use crate::simd::{Level, Lines, Product, Start, gemm_tile};
use rayon::prelude::*;
use std::ops::Range;

/// Where pixels lie in a slice.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    /// The first one.
    pub(super) first: usize,
    /// From a line to the next.
    pub(super) line: usize,
    /// From a pixel of a line to the next.
    pub(super) pixel: usize,
}

/// How the depth of a product is cut: sums over slabs are added up in their order.
#[derive(Clone, Copy)]
pub(super) struct Slabs {
    /// Values of a slab.
    pub(super) len: usize,
    /// From the start of a slab to that of the next, in what is multiplied.
    pub(super) step: usize,
}

/// A matrix `[depth, columns]`, packed for tiles.
pub(super) struct Panels {
    level: Level,
    depth: usize,
    columns: usize,
    slabs: Slabs,
    values: Lines<f32>,
}

impl Panels {
    /// `fill` writes columns of the matrix into a panel of zeros.
    pub(super) fn of(
        level: Level,
        (depth, columns): (usize, usize),
        slabs: Slabs,
        fill: impl Fn(Range<usize>, &mut [f32]) + Sync,
    ) -> Self {
        let width = level.panel_width();
        let mut values = Lines::zeros(columns.div_ceil(width) * width * depth);
        values.par_chunks_exact_mut(width * depth).enumerate().for_each(|(p, panel)| {
            fill(p * width..columns.min((p + 1) * width), panel);
        });
        Self { level, depth, columns, slabs, values }
    }

    /// Lines of pixels times the matrix, `bias` added.
    pub(super) fn multiply(
        &self,
        (n_lines, n_pixels): (usize, usize),
        (values, from): (&[f32], Grid),
        bias: Option<&[f32]>,
        (out, to): (&mut [f32], Grid),
    ) {
        let width = self.level.panel_width();
        for (slab, first) in (0..self.depth).step_by(self.slabs.len).enumerate() {
            let depth = self.slabs.len.min(self.depth - first);
            for (p, panel) in self.values.chunks_exact(width * self.depth).enumerate() {
                let panel = &panel[first * width..][..depth * width];
                let columns = width.min(self.columns - p * width);
                let start = match bias {
                    _ if slab > 0 => Start::Output,
                    Some(bias) => Start::Bias(&bias[p * width..]),
                    None => Start::Zero,
                };
                for line in 0..n_lines {
                    for tile in tiles(n_pixels, self.level.tile_height()) {
                        let rows = &values[from.first + slab * self.slabs.step + line * from.line..];
                        let rows = &rows[tile.start * from.pixel..];
                        let out = &mut out[to.first + line * to.line + tile.start * to.pixel + p * width..];
                        let product = Product { rows, stride: from.pixel, height: tile.len(), depth, panel };
                        gemm_tile(self.level, &product, start, None, out, to.pixel, columns);
                    }
                }
            }
        }
    }
}

/// A line of pixels in tiles of nearly one height: a tile of one or two rows takes as long as one of four.
fn tiles(n_pixels: usize, height: usize) -> impl Iterator<Item = Range<usize>> {
    let n = n_pixels.div_ceil(height);
    (0..n).map(move |at| at * n_pixels / n..(at + 1) * n_pixels / n)
}

/// Fills columns `column..` and rows `row..` of a panel with the transpose of `n` x `depth` values, `depth` apart.
pub(super) fn fill_turned(
    level: Level,
    (row, column): (usize, usize),
    (values, depth): (&[f32], usize),
    n: usize,
    panel: &mut [f32],
) {
    let width = level.panel_width();
    turn((values, depth), (n, depth), (&mut panel[row * width + column..], width));
}
