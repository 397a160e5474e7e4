//! The rows that compete for the next pick.

use super::bounds::Bounds;
use crate::simd::{Level, squared_distances};
use rayon::prelude::*;

/// Values (rows times their length) from which on the update of the active rows is shared among threads.
const PARALLEL_VALUES: usize = 1 << 20;
/// Rows per task then.
const TASK_ROWS: usize = 128;

/// Up-to-date rows at or above the threshold, copied side by side, ascending by index.
pub(super) struct Active {
    level: Level,
    dim: usize,
    rows: Vec<f32>,
    indices: Vec<u32>,
    /// Squared distances; negative for rows that have left.
    squares: Vec<f32>,
    distances: Vec<f32>,
    n_left: usize,
}

impl Active {
    pub(super) fn new(level: Level, dim: usize) -> Self {
        Self { level, dim, rows: vec![], indices: vec![], squares: vec![], distances: vec![], n_left: 0 }
    }

    /// Replaces the rows by those at `indices` (ascending), whose bounds are up to date.
    pub(super) fn fill(&mut self, indices: &[u32], rows: &[f32], bounds: &Bounds) {
        self.rows.clear();
        for &i in indices {
            self.rows.extend_from_slice(&rows[i as usize * self.dim..][..self.dim]);
        }
        self.indices.clear();
        self.indices.extend_from_slice(indices);
        self.squares.clear();
        self.squares.extend(indices.iter().map(|&i| bounds.square[i as usize]));
        self.n_left = 0;
    }

    /// The largest squared distance and its row, the lowest index among equals.
    pub(super) fn farthest(&self) -> Option<(f32, u32)> {
        let mut best = (-1.0, 0);
        for (&square, &index) in self.squares.iter().zip(&self.indices) {
            if square > best.0 {
                best = (square, index);
            }
        }
        (best.0 > 0.0).then_some(best)
    }

    /// Applies a new centre, the `n_centers`-th; rows that fall below `tau` leave, and their bounds are recorded.
    pub(super) fn apply(&mut self, center: &[f32], tau: f32, n_centers: u32, bounds: &mut Bounds) {
        self.distances.resize(self.indices.len(), 0.0);
        if self.rows.len() < PARALLEL_VALUES {
            squared_distances(self.level, &self.rows, center, &mut self.distances);
        } else {
            let (level, chunk) = (self.level, TASK_ROWS * self.dim);
            self.distances
                .par_chunks_mut(TASK_ROWS)
                .zip(self.rows.par_chunks(chunk))
                .for_each(|(out, rows)| squared_distances(level, rows, center, out));
        }
        for ((square, &distance), &index) in self.squares.iter_mut().zip(&self.distances).zip(&self.indices) {
            if distance < *square {
                *square = distance;
                if distance < tau {
                    bounds.square[index as usize] = distance;
                    bounds.applied[index as usize] = n_centers;
                    *square = -1.0;
                    self.n_left += 1;
                }
            }
        }
        if self.n_left * 8 > self.indices.len() {
            self.compact();
        }
    }

    /// Closes the gaps of rows that have left.
    fn compact(&mut self) {
        let mut to = 0;
        for from in 0..self.indices.len() {
            if self.squares[from] >= 0.0 {
                self.squares[to] = self.squares[from];
                self.indices[to] = self.indices[from];
                self.rows.copy_within(from * self.dim..(from + 1) * self.dim, to * self.dim);
                to += 1;
            }
        }
        self.squares.truncate(to);
        self.indices.truncate(to);
        self.rows.truncate(to * self.dim);
        self.n_left = 0;
    }
}
