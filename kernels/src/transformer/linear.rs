//! Linear maps of rows and the norm before them.

use super::rows::{Rows, pack, unconflicted};
use super::tiles::{self, Tiled};
use crate::KernelError;
use crate::packed::pack_panels;
use crate::simd::{Finish, Level, Lines, Product, SPLIT_ROWS, Start, gemm_tile, normalize};
use rayon::prelude::*;
use std::ops::Range;

/// Rows that share one pass over the weights, in tiles.
const TASK_TILES: usize = 8;

/// `y = W x + b` for rows `x`, with packed weights.
#[derive(Debug, Clone)]
pub struct Linear {
    pub(super) level: Level,
    pub(super) from: usize,
    pub(super) to: usize,
    panels: Panels,
    bias: Vec<f32>,
}

/// Packed weights.
#[derive(Debug, Clone)]
enum Panels {
    Whole(Vec<f32>),
    /// In parts, for tiles.
    Split(Lines<u16>),
}

impl Linear {
    /// Packs `weight`, `[bias.len(), from]` row-major.
    ///
    /// # Errors
    /// [`KernelError::Shape`] where the weights are not `bias.len()` rows of `from`, or there are none.
    pub fn new(weight: &[f32], bias: &[f32], from: usize) -> Result<Self, KernelError> {
        Self::with_level(weight, bias, from, Level::best())
    }

    pub(super) fn with_level(weight: &[f32], bias: &[f32], from: usize, level: Level) -> Result<Self, KernelError> {
        if weight.is_empty() || bias.len().checked_mul(from) != Some(weight.len()) {
            return Err(KernelError::Shape { what: "weight", len: weight.len(), dim: from });
        }
        let panels = if tiles::is_tiled(level, from) {
            Panels::Split(pack_panels(weight, from, 1))
        } else {
            let mut panels = vec![0.0; bias.len().div_ceil(level.panel_width()) * level.panel_width() * from];
            pack(level, weight, from, bias.len(), from, &mut panels);
            Panels::Whole(panels)
        };
        Ok(Self { level, from, to: bias.len(), panels, bias: bias.to_vec() })
    }

    /// Applies the map to the rows of `[n, from]`, adds `residual` and writes to `out`, both `[n, to]`.
    ///
    /// # Errors
    /// [`KernelError::Shape`] where the slices are not as many rows.
    pub fn apply(&self, rows: &[f32], residual: &[f32], out: &mut [f32]) -> Result<(), KernelError> {
        let n = rows.len() / self.from;
        for (what, len, dim) in
            [("rows", rows.len(), self.from), ("residual", residual.len(), self.to), ("out", out.len(), self.to)]
        {
            if n.checked_mul(dim) != Some(len) {
                return Err(KernelError::Shape { what, len, dim });
            }
        }
        let task = task_rows(self.level, n, TASK_TILES);
        let each = out.par_chunks_mut(task * self.to).zip(residual.par_chunks(task * self.to));
        each.zip(rows.par_chunks(task * self.from)).for_each_init(Vec::new, |copy, ((out, residual), rows)| {
            let rows = unconflicted(Rows { values: rows, stride: self.from }, self.from, copy);
            self.run(rows, out.len() / self.to, Some(residual), out, self.to);
        });
        Ok(())
    }

    /// Applies the map to `n` rows, adds `residual` (`[n, to]`) and writes rows of `stride` to `out`. On this thread.
    pub(super) fn run(&self, rows: Rows<'_>, n: usize, residual: Option<&[f32]>, out: &mut [f32], stride: usize) {
        let panels = match &self.panels {
            Panels::Whole(panels) => panels,
            Panels::Split(panels) => {
                let Self { level, from, to, bias, .. } = self;
                let tiled = Tiled { level: *level, from: *from, to: *to, panels, bias };
                return tiled.run(rows, n, residual, out, stride);
            }
        };
        let (height, width) = (self.level.tile_height(), self.level.panel_width());
        // Tiles of nearly equal height: a last tile of one row would waste most of its time.
        let tiles = n.div_ceil(height);
        for (p, panel) in panels.chunks(width * self.from).enumerate() {
            let column = p * width;
            let columns = width.min(self.to - column);
            for i in 0..tiles {
                let (from, to) = (i * n / tiles, (i + 1) * n / tiles);
                let source = &rows.values[from * rows.stride..];
                let product = Product { rows: source, stride: rows.stride, height: to - from, depth: self.from, panel };
                let residual = residual.map(|r| (&r[from * self.to + column..], self.to));
                let finish = Finish { residual, low: f32::NEG_INFINITY, high: f32::INFINITY };
                let finish = residual.is_some().then_some(&finish);
                let start = Start::Bias(&self.bias[column..]);
                let out = &mut out[from * stride + column..];
                gemm_tile(self.level, &product, start, finish, out, stride, columns);
            }
        }
    }
}

/// Rows per task for `n` rows: at most `tiles` tiles, and the same for every thread.
pub(super) fn task_rows(level: Level, n: usize, tiles: usize) -> usize {
    let tasks = n.div_ceil(tiles * level.tile_height()).next_multiple_of(rayon::current_num_threads());
    n.div_ceil(tasks.max(1)).max(1)
}

/// Rows `[n, dim]` shared out in tasks of at most about `tiles` tiles, each with the range of its rows. Where there are tiles
/// of parts, all tasks but the last are whole pairs of them: a tile takes the same time however few rows it has.
pub(super) fn shares(level: Level, values: &mut [f32], dim: usize, tiles: usize) -> Vec<(Range<usize>, &mut [f32])> {
    let n = values.len() / dim;
    let unit = if level.has_tiles() { 2 * SPLIT_ROWS } else { 1 };
    let units = n.div_ceil(unit);
    let tasks = n.div_ceil(task_rows(level, n, tiles)).min(units);
    let mut rest = values;
    let bound = |task: usize| (task * units / tasks * unit).min(n);
    let mut shares = Vec::with_capacity(tasks);
    for rows in (0..tasks).map(|task| bound(task)..bound(task + 1)) {
        let (share, after) = rest.split_at_mut(rows.len() * dim);
        shares.push((rows, share));
        rest = after;
    }
    shares
}

/// Scale and shift of a layer norm.
#[derive(Debug, Clone)]
pub struct Norm {
    /// One factor per value of a token.
    pub scale: Vec<f32>,
    /// One summand per value.
    pub shift: Vec<f32>,
    /// Added to the variance.
    pub epsilon: f32,
}

impl Norm {
    /// Normalises every row.
    ///
    /// # Errors
    /// [`KernelError::Shape`] where the values are not rows of the norm's length.
    pub fn apply(&self, rows: &[f32]) -> Result<Vec<f32>, KernelError> {
        let dim = self.scale.len();
        if dim == 0 || self.shift.len() != dim || !rows.len().is_multiple_of(dim) {
            return Err(KernelError::Shape { what: "rows of a norm", len: rows.len(), dim });
        }
        let mut out = vec![0.0; rows.len()];
        self.run(rows, Level::best(), &mut out, dim);
        Ok(out)
    }

    /// Normalises `rows` (without gaps) to rows of `stride`. On this thread.
    pub(super) fn run(&self, rows: &[f32], level: Level, out: &mut [f32], stride: usize) {
        let dim = self.scale.len();
        for (out, row) in out.chunks_mut(stride).zip(rows.chunks(dim)) {
            normalize(level, row, &self.scale, &self.shift, self.epsilon, &mut out[..dim]);
        }
    }
}
