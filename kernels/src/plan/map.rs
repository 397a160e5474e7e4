//! Steps other than convolutions: maps of values, and pooling.

use super::graph::Window;
use super::shape::{Shape, chunks};
use crate::simd::{Level, add_assign, clip, max_assign, multiply_add};

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
pub(super) fn pool(
    level: Level,
    window: Window,
    pooling: Pooling,
    [from, to]: [Shape; 2],
    image: &[f32],
    out: &mut [f32],
) {
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
