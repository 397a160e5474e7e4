//! Convolutions with a kernel of 4 x 4 that halve both sides, their transposes that double them, and the gradients of both:
//! what a convolutional autoencoder is trained with.
//!
//! The stride is 2, the padding 1 (zeros). A transposed convolution is the gradient of a convolution with respect to its
//! input (Dumoulin and Visin, *A guide to convolution arithmetic for deep learning*, 2016), so that halving and doubling are
//! two readings of one matrix. Values are channels last: `[n, rows, columns, channels]`.
//!
//! What is said of an image has the same bits whatever else is in the batch. The gradients of weights are sums over the
//! pixels of all images, in an order that depends on the shape alone.

mod cross;
mod gather;
mod phase;
mod product;
mod shape;
#[cfg(test)]
mod tests;
mod turn;

pub use shape::Strided;

use super::KernelError;
use super::scratch::with_scratch;
use super::simd::Level;
use cross::{column_sums, crossed};
use gather::Sides;
use phase::Phase;
use product::{Grid, Panels, Slabs};
use rayon::prelude::*;
use shape::{Part, SIDE, TAPS};
use std::ops::Range;

/// Values that a task multiplies a panel with, about: they stay in its cache.
const GATHERED: usize = 1 << 15;
/// Values of a window that are multiplied at a time, if a column of it has no more.
const SLAB: usize = 512;
/// Values of an element-wise task.
const CHUNK: usize = 1 << 14;

/// Halves: the large end `[n, 2 height, 2 width, from]` to the small end `[n, height, width, to]`. `weight` is
/// `[4, 4, from, to]`; `bias`, `[to]`, is added.
///
/// # Errors
/// [`KernelError::OutOfRange`] for a slice whose length is not that of the shape, [`KernelError::Empty`] for a shape with a
/// size of zero.
pub fn halve(shape: Strided, large: &[f32], weight: &[f32], bias: &[f32]) -> Result<Vec<f32>, KernelError> {
    shape.check(&[(Part::Large, large), (Part::Weight, weight), (Part::SmallBias, bias)])?;
    Ok(halved(Level::best(), shape, large, weight, Some(bias)))
}

/// Doubles: the small end `[n, height, width, to]` to the large end `[n, 2 height, 2 width, from]`. `weight` is
/// `[4, 4, from, to]`; `bias`, `[from]`, is added.
///
/// # Errors
/// As [`halve`].
pub fn double(shape: Strided, small: &[f32], weight: &[f32], bias: &[f32]) -> Result<Vec<f32>, KernelError> {
    shape.check(&[(Part::Small, small), (Part::Weight, weight), (Part::LargeBias, bias)])?;
    Ok(doubled(Level::best(), shape, small, weight, Some(bias)))
}

/// The gradient with respect to what [`halve`] was given, `[n, 2 height, 2 width, from]`, for that of what it said,
/// `[n, height, width, to]`.
///
/// # Errors
/// As [`halve`].
pub fn halve_input_gradient(shape: Strided, of_small: &[f32], weight: &[f32]) -> Result<Vec<f32>, KernelError> {
    shape.check(&[(Part::Small, of_small), (Part::Weight, weight)])?;
    Ok(doubled(Level::best(), shape, of_small, weight, None))
}

/// The gradient with respect to what [`double`] was given, `[n, height, width, to]`, for that of what it said,
/// `[n, 2 height, 2 width, from]`.
///
/// # Errors
/// As [`halve`].
pub fn double_input_gradient(shape: Strided, of_large: &[f32], weight: &[f32]) -> Result<Vec<f32>, KernelError> {
    shape.check(&[(Part::Large, of_large), (Part::Weight, weight)])?;
    Ok(halved(Level::best(), shape, of_large, weight, None))
}

/// The gradients of the weights, `[4, 4, from, to]`, and of the bias, `[to]`, of [`halve`], for what it was given,
/// `[n, 2 height, 2 width, from]`, and the gradient of what it said, `[n, height, width, to]`.
///
/// # Errors
/// As [`halve`].
pub fn halve_weight_gradient(
    shape: Strided,
    large: &[f32],
    of_small: &[f32],
) -> Result<(Vec<f32>, Vec<f32>), KernelError> {
    shape.check(&[(Part::Large, large), (Part::Small, of_small)])?;
    Ok((crossed(Level::best(), shape, large, of_small), column_sums(of_small, shape.to)))
}

/// The gradients of the weights, `[4, 4, from, to]`, and of the bias, `[from]`, of [`double`], for what it was given,
/// `[n, height, width, to]`, and the gradient of what it said, `[n, 2 height, 2 width, from]`.
///
/// # Errors
/// As [`halve`].
pub fn double_weight_gradient(
    shape: Strided,
    small: &[f32],
    of_large: &[f32],
) -> Result<(Vec<f32>, Vec<f32>), KernelError> {
    shape.check(&[(Part::Small, small), (Part::Large, of_large)])?;
    Ok((crossed(Level::best(), shape, of_large, small), column_sums(of_large, shape.from)))
}

/// Lines of the small end that a task takes, where each pixel is multiplied with so many values at a time.
fn lines_of_task(shape: Strided, values: usize) -> usize {
    (GATHERED / (values * shape.width).max(1)).clamp(1, shape.rows())
}

fn halved(level: Level, shape: Strided, large: &[f32], weight: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let Strided { width, from, to, .. } = shape;
    let fill = |columns: Range<usize>, panel: &mut [f32]| {
        // Taps column by column, as they are gathered.
        let rows = (0..TAPS).flat_map(|tap| {
            let first = (tap % SIDE * SIDE + tap / SIDE) * from;
            first..first + from
        });
        for (row, line) in rows.zip(panel.chunks_exact_mut(level.panel_width())) {
            turn::copy(&weight[row * to..][columns.clone()], &mut line[..columns.len()]);
        }
    };
    let sides = Sides::of_large(shape);
    let slab = sides.pixel() * (SLAB / sides.pixel()).clamp(1, SIDE);
    let panels = Panels::of(level, (TAPS * from, to), Slabs { len: slab, step: slab }, fill);
    let lines = lines_of_task(shape, slab);
    let (near, own) = (
        Grid { first: 0, line: sides.line(), pixel: 2 * sides.pixel() },
        Grid { first: 0, line: width * to, pixel: to },
    );
    let mut small = vec![0.0; shape.rows() * width * to];
    small.par_chunks_mut(lines * width * to).enumerate().for_each(|(task, small)| {
        let n = small.len() / (width * to);
        with_scratch(n * sides.line(), |gathered| {
            sides.gather(large, task * lines..task * lines + n, gathered);
            panels.multiply((n, width), (gathered, near), bias, (small, own));
        });
    });
    small
}

fn doubled(level: Level, shape: Strided, small: &[f32], weight: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let Strided { width, from, .. } = shape;
    let sides = Sides::of_small(shape);
    let phases = Phase::all(level, shape, weight);
    let spare = phases.iter().map(|phase| phase.scratch(level)).max().unwrap_or(0);
    let lines = lines_of_task(shape, sides.pixel());
    let mut large = vec![0.0; shape.rows() * 4 * width * from];
    large.par_chunks_mut(lines * 4 * width * from).enumerate().for_each(|(task, large)| {
        let n = large.len() / (4 * width * from);
        with_scratch(n * (sides.line() + width * spare), |scratch| {
            let (gathered, spare) = scratch.split_at_mut(n * sides.line());
            sides.gather(small, task * lines..task * lines + n, gathered);
            for phase in &phases {
                phase.make((level, shape), (gathered, n), bias, (spare, large));
            }
        });
    });
    large
}

/// A leaky rectifier in place: values below 0 are multiplied by `slope`.
pub fn leaky(values: &mut [f32], slope: f32) {
    values.par_chunks_mut(CHUNK).for_each(|values| {
        values.iter_mut().for_each(|value| *value *= if *value < 0.0 { slope } else { 1.0 });
    });
}

/// Its gradient in place, for that of what it said: where that is below 0 it is multiplied by `slope`. Values without a
/// partner stay.
pub fn leaky_gradient(gradient: &mut [f32], said: &[f32], slope: f32) {
    gradient.par_chunks_mut(CHUNK).zip(said.par_chunks(CHUNK)).for_each(|(gradient, said)| {
        gradient.iter_mut().zip(said).for_each(|(gradient, said)| *gradient *= if *said < 0.0 { slope } else { 1.0 });
    });
}
