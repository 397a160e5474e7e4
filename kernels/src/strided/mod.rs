//! Convolutions with a kernel of 4 x 4 that halve both sides, their transposes that double them, and the gradients of both: what a
//! convolutional autoencoder is trained with.
//!
//! The stride is 2, the padding 1 (zeros). A transposed convolution is the gradient of a convolution with respect to its input
//! (Dumoulin and Visin, *A guide to convolution arithmetic for deep learning*, 2016), so that halving and doubling are two readings of
//! one matrix. Values are channels last: `[n, rows, columns, channels]`.
//!
//! What is said of an image has the same bits whatever else is in the batch; sums over images are made in their order.

mod gather;
mod product;
#[cfg(test)]
mod tests;

use super::KernelError;
use super::scratch::with_scratch;
use super::simd::Level;
use gather::{Phase, window_columns, windows};
use product::{Panels, add_products};
use rayon::prelude::*;

/// Taps of a kernel along a side.
const SIDE: usize = 4;
/// Taps of a kernel.
const TAPS: usize = SIDE * SIDE;
/// Values that a task gathers at a time, about: they stay in its cache.
const GATHERED: usize = 1 << 16;
/// Values of an element-wise task.
const CHUNK: usize = 1 << 14;

/// A layer between a large end, `[n, 2 height, 2 width, from]`, and a small one, `[n, height, width, to]`. Its weights are `[4, 4, from,
/// to]`, rows and columns of the kernel first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strided {
    /// Images.
    pub n: usize,
    /// Rows of the small end.
    pub height: usize,
    /// Columns of the small end.
    pub width: usize,
    /// Values of a pixel of the large end.
    pub from: usize,
    /// Values of a pixel of the small end.
    pub to: usize,
}

impl Strided {
    fn small_len(self) -> usize {
        self.height * self.width * self.to
    }

    fn large_len(self) -> usize {
        4 * self.height * self.width * self.from
    }

    fn weights_len(self) -> usize {
        TAPS * self.from * self.to
    }

    /// Refuses what is empty, and slices of other lengths.
    fn check<const N: usize>(self, slices: [(&'static str, usize, usize); N]) -> Result<(), KernelError> {
        for (what, found) in [("n", self.n), ("height", self.height), ("width", self.width)] {
            if found == 0 {
                return Err(KernelError::Empty { what });
            }
        }
        if self.from == 0 || self.to == 0 {
            return Err(KernelError::Empty { what: "channels" });
        }
        match slices.into_iter().find(|(_, found, expected)| found != expected) {
            Some((what, found, expected)) => {
                Err(KernelError::OutOfRange { what, found, low: expected, high: expected })
            }
            None => Ok(()),
        }
    }

    /// Rows of the small end that a task takes, where each pixel gathers so many values.
    fn rows_of_task(self, gathered: usize) -> usize {
        (GATHERED / (gathered * self.width).max(1)).clamp(1, self.height)
    }
}

/// Halves: large end to small end, `bias` of `to` values added.
///
/// # Errors
/// [`KernelError::OutOfRange`] for slices that are not of the shape, [`KernelError::Empty`] for one that is empty.
pub fn halve(shape: Strided, large: &[f32], weight: &[f32], bias: &[f32]) -> Result<Vec<f32>, KernelError> {
    shape.check([("bias", bias.len(), shape.to)])?;
    halved(Level::best(), shape, large, weight, bias)
}

/// Doubles: small end to large end, `bias` of `from` values added.
///
/// # Errors
/// As [`halve`].
pub fn double(shape: Strided, small: &[f32], weight: &[f32], bias: &[f32]) -> Result<Vec<f32>, KernelError> {
    shape.check([("bias", bias.len(), shape.from)])?;
    doubled(Level::best(), shape, small, weight, bias)
}

/// The gradient with respect to what [`halve`] was given, for that of what it said.
///
/// # Errors
/// As [`halve`].
pub fn halve_input_gradient(shape: Strided, of_small: &[f32], weight: &[f32]) -> Result<Vec<f32>, KernelError> {
    doubled(Level::best(), shape, of_small, weight, &vec![0.0; shape.from])
}

/// The gradient with respect to what [`double`] was given, for that of what it said.
///
/// # Errors
/// As [`halve`].
pub fn double_input_gradient(shape: Strided, of_large: &[f32], weight: &[f32]) -> Result<Vec<f32>, KernelError> {
    halved(Level::best(), shape, of_large, weight, &vec![0.0; shape.to])
}

/// The gradients of the weights and the bias of [`halve`], for what it was given and the gradient of what it said.
///
/// # Errors
/// As [`halve`].
pub fn halve_weight_gradient(
    shape: Strided,
    large: &[f32],
    of_small: &[f32],
) -> Result<(Vec<f32>, Vec<f32>), KernelError> {
    Ok((crossed(Level::best(), shape, large, of_small)?, column_sums(of_small, shape.to)))
}

/// The gradients of the weights and the bias of [`double`], for what it was given and the gradient of what it said.
///
/// # Errors
/// As [`halve`].
pub fn double_weight_gradient(
    shape: Strided,
    small: &[f32],
    of_large: &[f32],
) -> Result<(Vec<f32>, Vec<f32>), KernelError> {
    Ok((crossed(Level::best(), shape, of_large, small)?, column_sums(of_large, shape.from)))
}

fn halved(level: Level, shape: Strided, large: &[f32], weight: &[f32], bias: &[f32]) -> Result<Vec<f32>, KernelError> {
    let Strided { n, height, width, from, to } = shape;
    shape.check([("large end", large.len(), n * shape.large_len()), ("weight", weight.len(), shape.weights_len())])?;
    let depth = TAPS * from;
    let panels = Panels::of(level, (depth, to), |row, first, line| {
        line.copy_from_slice(&weight[row * to + first..][..line.len()]);
    });
    let rows = shape.rows_of_task(depth);
    let mut out = vec![0.0; n * shape.small_len()];
    let images = out.par_chunks_mut(shape.small_len()).zip(large.par_chunks(shape.large_len()));
    images.for_each(|(out, large)| {
        out.par_chunks_mut(rows * width * to).enumerate().for_each(|(task, out)| {
            let first = task * rows;
            let some = first..(first + rows).min(height);
            with_scratch(some.len() * width * depth, |gathered| {
                let gathered = &mut gathered[..some.len() * width * depth];
                windows(shape, large, some, gathered);
                panels.multiply(gathered, bias, out);
            });
        });
    });
    Ok(out)
}

fn doubled(level: Level, shape: Strided, small: &[f32], weight: &[f32], bias: &[f32]) -> Result<Vec<f32>, KernelError> {
    let Strided { n, height, width, from, to } = shape;
    shape.check([("small end", small.len(), n * shape.small_len()), ("weight", weight.len(), shape.weights_len())])?;
    let phases = Phase::all(shape, level.panel_width());
    let panels: Vec<(&Phase, Panels, Vec<f32>)> = phases
        .iter()
        .map(|phase| {
            let fill = |row: usize, first: usize, line: &mut [f32]| {
                let (neighbour, unit) = (row / to, row % to);
                for (at, value) in line.iter_mut().enumerate() {
                    let (output, own) = ((first + at) / from, (first + at) % from);
                    let tap = phase.tap(neighbour, output);
                    *value = tap.map_or(0.0, |tap| weight[(tap * from + own) * to + unit]);
                }
            };
            let panels = Panels::of(level, (phase.n_neighbours() * to, phase.n_outputs() * from), fill);
            (phase, panels, bias.repeat(phase.n_outputs()))
        })
        .collect();
    let depth = phases.first().map_or(0, |phase| phase.n_neighbours()) * to;
    let most = phases.first().map_or(0, |phase| phase.n_outputs()) * from;
    let rows = shape.rows_of_task(depth);
    let mut out = vec![0.0; n * shape.large_len()];
    let images = out.par_chunks_mut(shape.large_len()).zip(small.par_chunks(shape.small_len()));
    images.for_each(|(out, small)| {
        out.par_chunks_mut(rows * 4 * width * from).enumerate().for_each(|(task, out)| {
            let first = task * rows;
            let some = first..(first + rows).min(height);
            let n_pixels = some.len() * width;
            with_scratch(n_pixels * (depth + most), |scratch| {
                let (gathered, said) = scratch[..n_pixels * (depth + most)].split_at_mut(n_pixels * depth);
                for (phase, panels, bias) in &panels {
                    phase.gather(shape, small, some.clone(), gathered);
                    panels.multiply(gathered, bias, said);
                    phase.scatter(shape, said, out);
                }
            });
        });
    });
    Ok(out)
}

/// The sum over all pixels of the small end of each value of their windows in the large end times each of their own, `[4, 4, from,
/// to]`.
fn crossed(level: Level, shape: Strided, large: &[f32], small: &[f32]) -> Result<Vec<f32>, KernelError> {
    let Strided { n, height, width, to, .. } = shape;
    shape.check([
        ("large end", large.len(), n * shape.large_len()),
        ("small end", small.len(), n * shape.small_len()),
    ])?;
    let n_pixels = height * width;
    // [to, height * width] of each image.
    let mut turned = vec![0.0f32; small.len()];
    turned.par_chunks_exact_mut(n_pixels).enumerate().for_each(|(at, line)| {
        let own = small[at / to * shape.small_len() + at % to..].iter().step_by(to);
        line.iter_mut().zip(own).for_each(|(to, from)| *to = *from);
    });
    let wide = level.panel_width();
    let rows = shape.rows_of_task(wide);
    let mut weights = vec![0.0; shape.weights_len()];
    // Each task has columns of the windows to itself, so that nothing is added up afterwards.
    weights.par_chunks_mut(wide * to).enumerate().for_each(|(p, weights)| {
        let columns = p * wide..p * wide + weights.len() / to;
        let mut sums = vec![0.0f32; to * wide];
        let mut panel = vec![0.0f32; rows * width * wide];
        for (large, turned) in large.chunks_exact(shape.large_len()).zip(turned.chunks_exact(shape.small_len())) {
            for first in (0..height).step_by(rows) {
                let some = first..(first + rows).min(height);
                let n_some = some.len() * width;
                let panel = &mut panel[..n_some * wide];
                window_columns(shape, large, some, (columns.clone(), wide), panel);
                add_products(level, (&turned[first * width..], n_pixels, to), (panel, n_some), &mut sums);
            }
        }
        for (column, weights) in weights.chunks_exact_mut(to).enumerate() {
            weights.iter_mut().zip(sums[column..].iter().step_by(wide)).for_each(|(weight, sum)| *weight = *sum);
        }
    });
    Ok(weights)
}

/// The sum of each column of `[n, width]`.
fn column_sums(values: &[f32], width: usize) -> Vec<f32> {
    let mut sums = vec![0.0f64; width];
    for row in values.chunks_exact(width) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    sums.into_iter().map(|sum| sum as f32).collect()
}

/// A leaky rectifier in place: values below 0 are multiplied by `slope`.
pub fn leaky(values: &mut [f32], slope: f32) {
    values.par_chunks_mut(CHUNK).for_each(|values| {
        values.iter_mut().for_each(|value| *value = if *value < 0.0 { slope * *value } else { *value });
    });
}

/// Its gradient in place, for that of what it said: of values below 0 it is multiplied by `slope`.
pub fn leaky_gradient(gradient: &mut [f32], said: &[f32], slope: f32) {
    gradient.par_chunks_mut(CHUNK).zip(said.par_chunks(CHUNK)).for_each(|(gradient, said)| {
        gradient
            .iter_mut()
            .zip(said)
            .for_each(|(gradient, said)| *gradient = if *said < 0.0 { slope * *gradient } else { *gradient });
    });
}
