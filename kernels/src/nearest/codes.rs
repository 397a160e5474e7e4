//! Rows as eight-bit codes, with rigorous bounds of what the codes leave out.
//!
//! A row `x` becomes `step * n`, `n` whole numbers from -127 to 127, after the mean of the bank was taken away (distances
//! do not change, steps become finer); the length of what is left over, `|x - center - step * n|`, is kept. By the
//! triangle inequality the distance of two rows differs from that of their codes by at most the sum of both lengths.

use super::bound::U;
use super::metric::{Metric, norm_and_square};
use crate::simd::{BYTE_DEPTH, Level, Lines, STEPS, centred, quantize};
use rayon::prelude::*;

/// Largest code.
const LARGEST: f32 = 127.0;
/// Norms between which no square over- or underflows in a way that the bounds do not cover.
const NORMS: std::ops::RangeInclusive<f32> = 1e-12..=1e15;
/// Rows whose mean is taken as the center.
const SAMPLED: usize = 4096;

/// What is known of one row and its codes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coded {
    /// Value of one step.
    pub(super) step: f32,
    /// Sum of the codes.
    pub(super) sum: i32,
    /// Squared length of the coded row.
    pub(super) square: f64,
    /// Upper bound of the length of what the codes leave out.
    pub(super) rest: f64,
}

/// The coded rows of a bank.
#[derive(Debug, Clone)]
pub(super) struct Codes {
    /// Codes of all rows, `stride` apart, zero from `dim` to `depth`.
    pub(super) values: Lines<i8>,
    pub(super) stride: usize,
    /// Values per row, padded to whole groups of [`STEPS`].
    pub(super) depth: usize,
    pub(super) rows: Vec<Coded>,
    /// The largest `rest` and the largest `square`.
    pub(super) largest_rest: f64,
    pub(super) largest_square: f64,
    pub(super) level: Level,
    coder: Coder,
}

/// How rows become codes.
#[derive(Debug, Clone)]
struct Coder {
    level: Level,
    metric: Metric,
    center: Vec<f32>,
    center_norm: f64,
}

impl Codes {
    /// Codes of rows `[n, dim]` with their norms; `None` where no useful bound holds: very long rows, extreme values, or a
    /// zero row under the cosine metric, which has no direction.
    pub(super) fn new(level: Level, rows: &[f32], dim: usize, metric: Metric, norms: &[f32]) -> Option<Self> {
        if dim > BYTE_DEPTH - STEPS || norms.iter().any(|n| !is_usable(*n, metric)) {
            return None;
        }
        let center = mean(rows, dim, metric, norms);
        let center_norm = f64::from(norm_and_square(&center).0);
        let coder = Coder { level, metric, center, center_norm };
        let depth = dim.next_multiple_of(STEPS);
        // An odd number of cache lines between rows spreads them over all sets of the cache.
        let stride = (depth.div_ceil(64) | 1) * 64;
        let mut values = Lines::zeros(norms.len() * stride);
        let rows: Vec<Coded> = values
            .par_chunks_mut(stride)
            .zip(rows.par_chunks(dim))
            .zip(norms)
            .map_init(|| vec![0.0; dim], |buffer, ((codes, row), norm)| coder.code(row, *norm, buffer, codes))
            .collect();
        let largest = |value: fn(&Coded) -> f64| rows.iter().map(value).fold(0.0, f64::max);
        let (largest_rest, largest_square) = (largest(|r| r.rest), largest(|r| r.square));
        Some(Self { values, stride, depth, rows, largest_rest, largest_square, level, coder })
    }

    /// Writes the codes of a query, of which there may be fewer than room for them; `None` as in [`Self::new`].
    pub(super) fn query(&self, query: &[f32], norm: f32, buffer: &mut [f32], codes: &mut [i8]) -> Option<Coded> {
        is_usable(norm, self.coder.metric).then(|| self.coder.code(query, norm, buffer, codes))
    }
}

fn is_usable(norm: f32, metric: Metric) -> bool {
    match metric {
        Metric::Euclidean => norm <= *NORMS.end(),
        Metric::Cosine => NORMS.contains(&norm),
    }
}

/// What a row is multiplied by before its codes are taken.
fn factor(metric: Metric, norm: f32) -> f32 {
    match metric {
        Metric::Euclidean => 1.0,
        Metric::Cosine => 1.0 / norm,
    }
}

/// Mean of (at most [`SAMPLED`], evenly spread) rows.
fn mean(rows: &[f32], dim: usize, metric: Metric, norms: &[f32]) -> Vec<f32> {
    let every = norms.len().div_ceil(SAMPLED);
    let mut sums = vec![0.0f64; dim];
    for (row, norm) in rows.chunks_exact(dim).zip(norms).step_by(every) {
        let factor = factor(metric, *norm);
        sums.iter_mut().zip(row).for_each(|(s, x)| *s += f64::from(factor * x));
    }
    let n = norms.len().div_ceil(every) as f64;
    sums.into_iter().map(|s| (s / n) as f32).collect()
}

impl Coder {
    fn code(&self, row: &[f32], norm: f32, buffer: &mut [f32], codes: &mut [i8]) -> Coded {
        let factor = factor(self.metric, norm);
        let largest = centred(self.level, row, &self.center, factor, buffer);
        let (step, per_step) = (largest / LARGEST, LARGEST / largest);
        let is_coded = step.is_normal() && per_step.is_normal();
        let left = if is_coded {
            quantize(self.level, buffer, step, per_step)
        } else {
            // All that is left is far below any bound; the codes are zero.
            buffer.fill(0.0);
            largest * largest * row.len() as f32
        };
        // Neither sum can overflow: rows have at most `BYTE_DEPTH` codes.
        let (mut sum, mut squares) = (0i32, 0i32);
        for (code, x) in codes.iter_mut().zip(&*buffer) {
            // Whole numbers from -127 to 127 stand in the low bits after this addition.
            *code = (x + 12_582_912.0).to_bits() as i8;
            sum += i32::from(*code);
            squares += i32::from(*code) * i32::from(*code);
        }
        let step = if is_coded { step } else { 0.0 };
        let terms = (row.len() / 16 + 16) as f64;
        // Rounding: of the sum of squares, and in each value of its product with the factor and its difference from the
        // center and from the code.
        let length = f64::from(norm) * f64::from(factor) + self.center_norm;
        let rest = f64::from(left).sqrt() * (1.0 + terms * U) + 8.0 * U * length + 1e-30;
        Coded { step, sum, square: f64::from(step) * f64::from(step) * f64::from(squares), rest }
    }
}
