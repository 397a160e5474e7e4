//! Running a plan: its steps one after the other.

use super::build::Plan;
use super::graph::Window;
use super::map::{Pooling, pool};
use super::program::{Program, Work};
use super::shape::{Shape, chunks};
use crate::simd::{Lines, zeros};

/// One output of a network for a batch of images.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// `[batch, height, width, channels]`.
    pub values: Vec<f32>,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Values per pixel.
    pub channels: usize,
}

/// Images run together: weights are read from memory once for all of them.
const TOGETHER: usize = 8;
/// Values that all buffers hold at most, as far as more than one image is concerned.
const HELD: usize = 64 << 20;

/// Memory of one run.
#[derive(Default)]
pub(super) struct Workspace {
    buffers: Vec<Vec<f32>>,
    scratch: Lines<f32>,
}

/// Images that are run together, at most.
fn together(plan: &Plan) -> usize {
    let held: usize = plan.buffers.iter().sum();
    (HELD / held.max(1)).clamp(1, TOGETHER)
}

/// Whether a buffer is handed over: outputs are computed there; the other buffers serve again.
fn is_output(plan: &Plan, buffer: usize) -> bool {
    buffer > 0 && plan.outputs.iter().any(|(b, _)| *b == buffer)
}

/// Bytes that [`run`] holds at the peak for a batch of `batch` images.
pub(super) fn bytes(program: &Program, plan: &Plan, batch: usize) -> u64 {
    let together = together(plan).min(batch) as u64;
    let buffer = |(b, size): (usize, &usize)| {
        let images = if is_output(plan, b) { batch as u64 } else { together };
        images.saturating_mul(*size as u64)
    };
    let buffers = plan.buffers.iter().enumerate().map(buffer).fold(0, u64::saturating_add);
    // Outputs that are asked for twice, or that are the image itself, are copies.
    let is_copied = |o: usize| plan.outputs[o].0 == 0 || plan.outputs[..o].iter().any(|(b, _)| *b == plan.outputs[o].0);
    let copies = (0..plan.outputs.len()).filter(|o| is_copied(*o)).map(|o| plan.outputs[o].1.len() as u64);
    let copies = copies.fold(0, u64::saturating_add).saturating_mul(batch as u64);
    let scratch = program.steps.iter().zip(&plan.steps).filter_map(|(step, placed)| match &step.work {
        Work::Conv(conv) => Some(conv.scratch_values([placed.from, placed.to])),
        Work::Map(_) | Work::Pool(..) | Work::GlobalMean => None,
    });
    let values = buffers.saturating_add(copies).saturating_add(scratch.max().unwrap_or(0));
    values.saturating_mul(size_of::<f32>() as u64)
}

/// Runs whole images in NCHW order, a few at a time.
pub(super) fn run(program: &Program, plan: &Plan, images: &[f32], workspace: &mut Workspace) -> Vec<Features> {
    let size = plan.input.len();
    let batch = images.len() / size;
    let together = together(plan);
    let Workspace { buffers, scratch } = workspace;
    buffers.resize_with(plan.buffers.len().max(buffers.len()), Vec::new);
    let is_output = |buffer: usize| is_output(plan, buffer);
    for (b, size) in plan.buffers.iter().enumerate() {
        if is_output(b) {
            buffers[b] = zeros(batch * size);
        } else if buffers[b].len() < together.min(batch) * size {
            // Nothing of the old values is kept, so they need not be copied.
            buffers[b] = zeros(together.min(batch) * size);
        }
    }
    for (group, images) in images.chunks(together * size).enumerate() {
        let n = images.len() / size;
        // Where this group's part of a buffer is.
        let part = |buffer: usize, len: usize| {
            let start = if is_output(buffer) { group * together * len } else { 0 };
            start..start + n * len
        };
        to_nhwc(images, plan.input, &mut buffers[0]);
        for (step, placed) in program.steps.iter().zip(&plan.steps) {
            let (from, to) = (placed.from, placed.to);
            let mut output = std::mem::take(&mut buffers[placed.output]);
            let input = &buffers[placed.input][part(placed.input, from.len())];
            let residual = placed.residual.map(|r| &buffers[r][part(r, to.len())]);
            let out = &mut output[part(placed.output, to.len())];
            match &step.work {
                Work::Conv(conv) => conv.run([from, to], input, residual, out, scratch),
                Work::Map(map) => map.run(program.level, input, residual, out),
                Work::Pool(window, pooling) => pool(program.level, *window, *pooling, [from, to], input, out),
                Work::GlobalMean => {
                    let window = Window { size: [from.height, from.width], stride: [1, 1], pad: [0; 4] };
                    pool(program.level, window, Pooling::Mean { count_padding: false }, [from, to], input, out);
                }
            }
            buffers[placed.output] = output;
        }
    }
    let mut features: Vec<Features> = Vec::with_capacity(plan.outputs.len());
    for (o, &(buffer, Shape { height, width, channels })) in plan.outputs.iter().enumerate() {
        let earlier = plan.outputs[..o].iter().position(|(b, _)| *b == buffer);
        let values = match (buffer, earlier) {
            (0, _) => {
                let mut values = vec![0.0; images.len()];
                to_nhwc(images, plan.input, &mut values);
                values
            }
            (_, Some(earlier)) => features[earlier].values.clone(),
            (_, None) => std::mem::take(&mut buffers[buffer]),
        };
        features.push(Features { values, height, width, channels });
    }
    features
}

/// Images from NCHW to NHWC order.
fn to_nhwc(images: &[f32], shape: Shape, out: &mut [f32]) {
    let (pixels, channels) = (shape.height * shape.width, shape.channels);
    for (image, out) in images.chunks(shape.len()).zip(out.chunks_mut(shape.len())) {
        chunks(out, shape.width * channels, |row, out| {
            let plane = |c: usize| &image[c * pixels + row * shape.width..][..shape.width];
            if channels == 3 {
                let (red, green, blue) = (plane(0), plane(1), plane(2));
                let planes = red.iter().zip(green).zip(blue);
                for (out, ((red, green), blue)) in out.as_chunks_mut::<3>().0.iter_mut().zip(planes) {
                    *out = [*red, *green, *blue];
                }
            } else {
                for c in 0..channels {
                    out.iter_mut().skip(c).step_by(channels).zip(plane(c)).for_each(|(out, x)| *out = *x);
                }
            }
        });
    }
}
