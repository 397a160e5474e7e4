//! Steps of a plan other than convolutions, and how work is shared.

use super::graph::Window;
use crate::kernel::simd::{Level, add_assign, clip, max_assign, multiply_add};
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

/// Calls `f` with each chunk of `out` and its number, on several threads if there are `threads` to share the work.
pub(super) fn chunks<T: Send>(out: &mut [T], size: usize, threads: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    if threads > 1 {
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
    pub(super) fn run(&self, level: Level, input: &[f32], residual: Option<&[f32]>, out: &mut [f32], threads: usize) {
        let size = (4096 / self.channels).max(1) * self.channels;
        chunks(out, size, threads, |i, out| {
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

/// A pooling step.
pub(super) struct Pool {
    pub(super) window: Window,
    pub(super) pooling: Pooling,
    pub(super) from: Shape,
    pub(super) to: Shape,
}

impl Pool {
    pub(super) fn run(&self, level: Level, image: &[f32], out: &mut [f32], threads: usize) {
        let Window { size: [kh, kw], stride, pad } = self.window;
        let c = self.to.channels;
        chunks(out, self.to.width * c, threads, |i, out| {
            let (image, oy) = (&image[i / self.to.height * self.from.len()..], i % self.to.height);
            for (ox, pixel) in out.chunks_mut(c).enumerate() {
                let start = if self.pooling == Pooling::Max { f32::NEG_INFINITY } else { 0.0 };
                pixel.fill(start);
                let (mut inside, mut padded) = (0usize, 0usize);
                for ky in 0..kh {
                    for kx in 0..kw {
                        let (py, px) = (oy * stride[0] + ky, ox * stride[1] + kx);
                        padded += usize::from(
                            py < self.from.height + pad[0] + pad[2] && px < self.from.width + pad[1] + pad[3],
                        );
                        let (y, x) = (py.wrapping_sub(pad[0]), px.wrapping_sub(pad[1]));
                        if y < self.from.height && x < self.from.width {
                            inside += 1;
                            let values = &image[(y * self.from.width + x) * c..][..c];
                            match self.pooling {
                                Pooling::Max => max_assign(level, pixel, values),
                                Pooling::Mean { .. } => add_assign(level, pixel, values),
                            }
                        }
                    }
                }
                if let Pooling::Mean { count_padding } = self.pooling {
                    let n = if count_padding { padded } else { inside }.max(1) as f32;
                    pixel.iter_mut().for_each(|x| *x /= n);
                }
            }
        });
    }
}
