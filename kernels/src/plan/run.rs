//! Running a plan: its steps one after the other, and the steps other than convolutions.

use super::Features;
use super::build::Plan;
use super::graph::Window;
use super::program::{Program, Work};
use crate::simd::{Level, Lines, add_assign, clip, max_assign, multiply_add, zeros};
use rayon::prelude::*;

/// Shape of one image's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
}

impl Shape {
    pub(super) fn len(self) -> usize {
        self.height * self.width * self.channels
    }
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

/// Calls `f` with each chunk of `out` and its number, on the threads of the pool.
pub(super) fn chunks<T: Send>(out: &mut [T], size: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    if rayon::current_num_threads() > 1 {
        out.par_chunks_mut(size).enumerate().for_each(|(i, chunk)| f(i, chunk));
    } else {
        out.chunks_mut(size).enumerate().for_each(|(i, chunk)| f(i, chunk));
    }
}

/// Adds `residual` and applies the bounds.
pub(super) fn finish(level: Level, out: &mut [f32], residual: Option<&[f32]>, low: f32, high: f32) {
    if let Some(residual) = residual {
        add_assign(level, out, &residual[..out.len()]);
    }
    if low > f32::NEG_INFINITY || high < f32::INFINITY {
        clip(level, out, low, high);
    }
}

/// Per-channel `x * scale + shift`, then a residual, then bounds.
pub(super) struct Map {
    pub(super) channels: usize,
    pub(super) affine: Option<(Vec<f32>, Vec<f32>)>,
    pub(super) low: f32,
    pub(super) high: f32,
}

impl Map {
    pub(super) fn run(&self, level: Level, input: &[f32], residual: Option<&[f32]>, out: &mut [f32]) {
        let size = (4096 / self.channels).max(1) * self.channels;
        chunks(out, size, |i, out| {
            let input = &input[i * size..][..out.len()];
            match &self.affine {
                Some((scale, shift)) => {
                    for (out, input) in out.chunks_mut(self.channels).zip(input.chunks(self.channels)) {
                        out.copy_from_slice(shift);
                        multiply_add(level, out, input, scale);
                    }
                }
                None => out.copy_from_slice(input),
            }
            finish(level, out, residual.map(|r| &r[i * size..]), self.low, self.high);
        });
    }
}

/// How a pooling window is summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pooling {
    Max,
    Mean { count_padding: bool },
}

/// Pools images of shape `from` into `to`.
fn pool(level: Level, window: Window, pooling: Pooling, [from, to]: [Shape; 2], image: &[f32], out: &mut [f32]) {
    let Window { size: [kh, kw], stride, pad } = window;
    let c = to.channels;
    chunks(out, to.width * c, |i, out| {
        let (image, oy) = (&image[i / to.height * from.len()..], i % to.height);
        for (ox, pixel) in out.chunks_mut(c).enumerate() {
            let start = if pooling == Pooling::Max { f32::NEG_INFINITY } else { 0.0 };
            pixel.fill(start);
            let (mut inside, mut padded) = (0usize, 0usize);
            for ky in 0..kh {
                for kx in 0..kw {
                    let (py, px) = (oy * stride[0] + ky, ox * stride[1] + kx);
                    padded += usize::from(py < from.height + pad[0] + pad[2] && px < from.width + pad[1] + pad[3]);
                    let (y, x) = (py.wrapping_sub(pad[0]), px.wrapping_sub(pad[1]));
                    if y < from.height && x < from.width {
                        inside += 1;
                        let values = &image[(y * from.width + x) * c..][..c];
                        match pooling {
                            Pooling::Max => max_assign(level, pixel, values),
                            Pooling::Mean { .. } => add_assign(level, pixel, values),
                        }
                    }
                }
            }
            if let Pooling::Mean { count_padding } = pooling {
                let n = if count_padding { padded } else { inside }.max(1) as f32;
                pixel.iter_mut().for_each(|x| *x /= n);
            }
        }
    });
}
