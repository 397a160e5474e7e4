//! Rows catch up with the centres they have missed.

use super::bounds::Bounds;
use crate::simd::{Level, Product, Start, gemm_tile, scan_at_most, squared_distance};
use rayon::prelude::*;

/// Rows caught up together by one task.
const CHUNK: usize = 112;
/// Rows whose progress is held at a time, so that this stays small beside the rows however many there are.
const SLICE: usize = 1024 * CHUNK;
/// Unit roundoff of `f32`.
const U: f32 = 5.960_464_5e-8;

/// The centres so far, as rows and packed in panels for products.
pub(super) struct Centers {
    level: Level,
    dim: usize,
    rows: Vec<f32>,
    /// Per panel: for each dimension one value per centre.
    panels: Vec<f32>,
    /// Minus half the squared norm of each centre, padded to whole panels.
    half_squares: Vec<f32>,
    largest_square: f32,
}

impl Centers {
    pub(super) fn new(level: Level, dim: usize) -> Self {
        Self { level, dim, rows: vec![], panels: vec![], half_squares: vec![], largest_square: 0.0 }
    }

    pub(super) fn push(&mut self, row: &[f32]) {
        let width = self.level.panel_width();
        let lane = self.len() % width;
        if lane == 0 {
            self.panels.resize(self.panels.len() + width * self.dim, 0.0);
            self.half_squares.resize(self.half_squares.len() + width, 0.0);
        }
        let panel = self.panels.len() - width * self.dim;
        for (step, &x) in row.iter().enumerate() {
            self.panels[panel + step * width + lane] = x;
        }
        let square = square(row);
        let at = self.half_squares.len() - width + lane;
        self.half_squares[at] = -0.5 * square;
        self.largest_square = self.largest_square.max(square);
        self.rows.extend_from_slice(row);
    }

    fn len(&self) -> usize {
        self.rows.len() / self.dim
    }

    fn row(&self, index: usize) -> &[f32] {
        &self.rows[index * self.dim..][..self.dim]
    }

    /// The largest value of the expanded squared distance `|x|^2 + |c|^2 - 2 x.c` at which the direct one can be smaller
    /// than `bound`. Rounding bound: `gamma_n = n u / (1 - n u)` times the sum of magnitudes (Higham, section 3.1),
    /// doubled; the direct distance's relative error is of the order of `dim / 16` roundings.
    fn limit(&self, bound: f32, row_square: f32) -> f32 {
        let gamma = 2.0 * (self.dim + 16) as f32 * U;
        let magnitudes = 2.0 * (row_square * self.largest_square).sqrt() + self.largest_square + row_square;
        let direct = 4.0 * (self.dim.div_ceil(16) + 16) as f32 * U;
        bound * (1.0 + direct) + gamma * magnitudes + self.dim as f32 * f32::MIN_POSITIVE
    }
}

fn square(row: &[f32]) -> f32 {
    row.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() as f32
}

/// One row on its way through the centres.
struct Pending {
    index: u32,
    row_square: f32,
    bound: f32,
    applied: usize,
    done: bool,
}

/// Applies to each row of `reached` the centres it has missed, in order, until its bound falls below `tau`.
/// Records the new bounds and returns, ascending, the rows that are up to date and not below `tau`.
pub(super) fn refresh(
    centers: &Centers,
    rows: &[f32],
    mut reached: Vec<u32>,
    tau: f32,
    bounds: &mut Bounds,
) -> Vec<u32> {
    // Rows that missed the same centres are caught up together.
    reached.sort_unstable_by_key(|&i| (bounds.applied[i as usize], i));
    let mut fresh = Vec::new();
    for slice in reached.chunks(SLICE) {
        let shared = &*bounds;
        let caught_up: Vec<Vec<Pending>> =
            slice.par_chunks(CHUNK).map(|chunk| catch_up(centers, rows, chunk, tau, shared)).collect();
        for row in caught_up.into_iter().flatten() {
            bounds.square[row.index as usize] = row.bound;
            bounds.applied[row.index as usize] = row.applied as u32;
            if row.bound >= tau {
                fresh.push(row.index);
            }
        }
    }
    fresh.sort_unstable();
    fresh
}

fn catch_up(centers: &Centers, rows: &[f32], chunk: &[u32], tau: f32, bounds: &Bounds) -> Vec<Pending> {
    let (level, dim) = (centers.level, centers.dim);
    let (height, width) = (level.tile_height(), level.panel_width());
    let row = |index: u32| &rows[index as usize * dim..][..dim];
    let mut pending: Vec<Pending> = chunk
        .iter()
        .map(|&index| {
            let (bound, applied) = (bounds.square[index as usize], bounds.applied[index as usize] as usize);
            Pending { index, row_square: square(row(index)), bound, applied, done: applied == centers.len() }
        })
        .collect();
    let first = pending.iter().filter(|p| !p.done).map(|p| p.applied / width).min();
    let (mut tile, mut products) = (vec![0.0; height * dim], vec![0.0; height * width]);
    let (mut hits, mut due) = (Vec::new(), Vec::new());
    for panel in first.unwrap_or(usize::MAX)..centers.len().div_ceil(width) {
        let in_panel = width.min(centers.len() - panel * width);
        let end = panel * width + in_panel;
        due.clear();
        due.extend((0..pending.len()).filter(|&i| !pending[i].done && pending[i].applied < end));
        for group in due.chunks(height) {
            for (m, &i) in group.iter().enumerate() {
                tile[m * dim..][..dim].copy_from_slice(row(pending[i].index));
            }
            let panel_values = &centers.panels[panel * width * dim..][..width * dim];
            let product = Product { rows: &tile, stride: dim, height: group.len(), depth: dim, panel: panel_values };
            let start = Start::Bias(&centers.half_squares[panel * width..][..width]);
            gemm_tile(level, &product, start, None, &mut products, width, width);
            for (&i, products) in group.iter().zip(products.chunks(width)) {
                let p = &mut pending[i];
                hits.clear();
                let limit = centers.limit(p.bound, p.row_square);
                // Where norms overflow the limit is no number, and every centre is measured.
                if limit.is_finite() {
                    let limits = [limit; 32];
                    scan_at_most(level, &products[..in_panel], p.row_square, -2.0, &limits[..in_panel], &mut hits);
                } else {
                    hits.extend(0..in_panel as u32);
                }
                let mut applied = end;
                for center in hits.iter().map(|&h| panel * width + h as usize).filter(|&c| c >= p.applied) {
                    p.bound = p.bound.min(squared_distance(level, row(p.index), centers.row(center)));
                    if p.bound < tau {
                        (applied, p.done) = (center + 1, true);
                        break;
                    }
                }
                p.applied = applied;
                p.done |= applied == centers.len();
            }
        }
    }
    pending
}
