//! A convolution with the images it runs on: what every way to compute it takes.

use super::graph::Window;
use super::shape::Shape;
use crate::simd::Level;

/// What a convolution is, without its weights, which each way packs as it needs them.
pub(super) struct Settings {
    pub(super) level: Level,
    pub(super) window: Window,
    pub(super) groups: usize,
    pub(super) bias: Vec<f32>,
    pub(super) low: f32,
    pub(super) high: f32,
}

/// A convolution with the images it runs on.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    pub(super) conv: &'a Settings,
    pub(super) from: Shape,
    pub(super) to: Shape,
    pub(super) images: &'a [f32],
    pub(super) residual: Option<&'a [f32]>,
}

impl Task<'_> {
    /// Copies the window of one output pixel: `[kernel rows, kernel columns, channels]`.
    pub(super) fn gather(&self, image: &[f32], pixel: usize, channel: usize, channels: usize, row: &mut [f32]) {
        let Window { size: [kh, kw], stride, pad } = self.conv.window;
        let pixels = self.to.height * self.to.width;
        let image = &image[pixel / pixels * self.from.len()..];
        let pixel = pixel % pixels;
        let (top, left) = (pixel / self.to.width * stride[0], pixel % self.to.width * stride[1]);
        for (ky, row) in row.chunks_mut(kw * channels).enumerate().take(kh) {
            let y = (top + ky).wrapping_sub(pad[0]);
            let all = self.from.channels;
            if y < self.from.height && left >= pad[1] && left - pad[1] + kw <= self.from.width && channels == all {
                copy(&image[(y * self.from.width + left - pad[1]) * all..][..kw * all], row);
                continue;
            }
            for (kx, values) in row.chunks_mut(channels).enumerate() {
                let x = (left + kx).wrapping_sub(pad[1]);
                if y < self.from.height && x < self.from.width {
                    values.copy_from_slice(&image[(y * self.from.width + x) * all + channel..][..channels]);
                } else {
                    values.fill(0.0);
                }
            }
        }
    }
}

/// Copies a few values; the lengths of the first layers of networks on RGB images without a call.
fn copy(from: &[f32], to: &mut [f32]) {
    match (from.first_chunk::<9>(), from.first_chunk::<21>(), from.len()) {
        (Some(values), _, 9) => to.copy_from_slice(values),
        (_, Some(values), 21) => to.copy_from_slice(values),
        _ => to.copy_from_slice(from),
    }
}
