//! A convolution in NHWC order with everything that follows it: packed weights and the two ways to compute it.

use super::graph::Window;
use super::run::{Shape, chunks};
use crate::kernel::simd::{
    Ending, Finish, Level, Place, Product, Start, WINOGRAD_VALUES, gemm_tile, multiply_add, winograd_input,
    winograd_output,
};

/// Values of gathered windows that a task holds at a time; they stay in the second-level cache.
const GATHERED: usize = 192 * 1024;
/// Transformed values (in and out) that Winograd's convolution holds at a time, unless its weights are more.
const TRANSFORMED: usize = 2 << 20;
/// Padding of gathered rows: keeps rows of a power-of-two length out of one cache set.
const PADDING: usize = 16;
/// Row lengths (in values) that are multiples of this one map all rows to one set of the first-level cache.
const CONFLICT: usize = 1024;

/// A convolution, ready to run on images of any size.
pub(super) struct PackedConv {
    level: Level,
    window: Window,
    groups: usize,
    bias: Vec<f32>,
    low: f32,
    high: f32,
    weights: Weights,
}

enum Weights {
    /// Per group, per panel of output channels: `[kernel rows, kernel columns, in channels]` x panel.
    Gemm(Vec<f32>),
    /// One channel per group: `[kernel rows, kernel columns, channels]`.
    Depthwise(Vec<f32>),
    /// Per value of the transformed tile, per panel of output channels: in channels x panel.
    Winograd(Vec<f32>),
}

/// What a convolution computes, with all that was folded into it.
pub(super) struct ConvSpec<'a> {
    pub(super) window: Window,
    pub(super) groups: usize,
    /// Channels in and out.
    pub(super) from: usize,
    pub(super) to: usize,
    /// `[out_channels, in_channels / groups, rows, columns]`.
    pub(super) weight: &'a [f32],
    pub(super) bias: Vec<f32>,
    pub(super) low: f32,
    pub(super) high: f32,
}

impl PackedConv {
    /// Packs the weights; Winograd's form where it pays and `winograd` allows it.
    pub(super) fn new(level: Level, spec: ConvSpec<'_>, winograd: bool) -> Self {
        let ConvSpec { window, groups, from, to, weight, bias, low, high } = spec;
        let depthwise = groups == from && groups == to && groups > 1;
        let pays = window.size == [3, 3]
            && window.stride == [1, 1]
            && groups == 1
            && from.is_multiple_of(16)
            && to.is_multiple_of(16);
        let weights = if depthwise {
            let taps = window.size[0] * window.size[1];
            Weights::Depthwise((0..taps * groups).map(|i| weight[i % groups * taps + i / groups]).collect())
        } else if winograd && pays {
            Weights::Winograd(pack_winograd(level, weight, from, to))
        } else {
            Weights::Gemm(pack_gemm(level, weight, groups, from / groups, to / groups, window.size))
        };
        Self { level, window, groups, bias, low, high, weights }
    }

    pub(super) fn window(&self) -> Window {
        self.window
    }

    /// Computes `out` from one or more images of a shape (shapes in and out), adding `residual` before the bounds are
    /// applied.
    pub(super) fn run(
        &self,
        [from, to]: [Shape; 2],
        images: &[f32],
        residual: Option<&[f32]>,
        out: &mut [f32],
        scratch: &mut Vec<f32>,
    ) {
        let task = Task { conv: self, from, to, images, residual };
        match &self.weights {
            Weights::Gemm(packed) => task.gemm(packed, out),
            Weights::Depthwise(packed) => task.depthwise(packed, out),
            Weights::Winograd(packed) => task.winograd(packed, out, scratch),
        }
    }
}

/// A convolution with the images it runs on.
#[derive(Clone, Copy)]
struct Task<'a> {
    conv: &'a PackedConv,
    from: Shape,
    to: Shape,
    images: &'a [f32],
    residual: Option<&'a [f32]>,
}

impl Task<'_> {
    fn gemm(&self, packed: &[f32], out: &mut [f32]) {
        let (conv, threads) = (self.conv, rayon::current_num_threads());
        let (per_group, co) = (self.from.channels / conv.groups, self.to.channels);
        let depth = conv.window.size[0] * conv.window.size[1] * per_group;
        let (height, width) = (conv.level.tile_height(), conv.level.panel_width());
        let pixels = out.len() / co;
        let image = self.images;
        let direct = conv.window == Window::square(1, 1, 0) && conv.groups == 1 && !depth.is_multiple_of(CONFLICT);
        let most = (GATHERED / depth / height).clamp(1, 16) * height;
        let tasks = pixels.div_ceil(most).next_multiple_of(threads).min(pixels.div_ceil(height).max(threads));
        let rows = pixels.div_ceil(tasks);
        let finish =
            |at: usize| Finish { residual: self.residual.map(|r| (&r[at..], co)), low: conv.low, high: conv.high };
        chunks(out, rows * co, |task, out| {
            let first = task * rows;
            let n = out.len() / co;
            let stride = if direct { depth } else { depth + PADDING };
            let mut gathered = if direct { vec![] } else { vec![0.0; n * stride] };
            let (co_group, panels) = (co / conv.groups, (co / conv.groups).div_ceil(width));
            for g in 0..conv.groups {
                let source = if direct {
                    &image[first * depth..]
                } else {
                    for (i, row) in gathered.chunks_mut(stride).enumerate() {
                        self.gather(image, first + i, g * per_group, per_group, &mut row[..depth]);
                    }
                    &gathered
                };
                for p in 0..panels {
                    let panel = &packed[(g * panels + p) * depth * width..][..depth * width];
                    let columns = width.min(co_group - p * width);
                    let channel = g * co_group + p * width;
                    // Tiles of nearly equal height: a last tile of one row would waste most of its time.
                    let tiles = n.div_ceil(height);
                    for t in 0..tiles {
                        let (from, to) = (t * n / tiles, (t + 1) * n / tiles);
                        let product =
                            Product { rows: &source[from * stride..], stride, height: to - from, depth, panel };
                        gemm_tile(
                            conv.level,
                            &product,
                            Start::Bias(&conv.bias[channel..]),
                            Some(&finish((first + from) * co + channel)),
                            &mut out[from * co + channel..],
                            co,
                            columns,
                        );
                    }
                }
            }
        });
    }

    /// Copies the window of one output pixel: `[kernel rows, kernel columns, channels]`.
    fn gather(&self, image: &[f32], pixel: usize, channel: usize, channels: usize, row: &mut [f32]) {
        let Window { size: [kh, kw], stride, pad } = self.conv.window;
        let pixels = self.to.height * self.to.width;
        let image = &image[pixel / pixels * self.from.len()..];
        let pixel = pixel % pixels;
        let (top, left) = (pixel / self.to.width * stride[0], pixel % self.to.width * stride[1]);
        for (ky, row) in row.chunks_mut(kw * channels).enumerate().take(kh) {
            let y = (top + ky).wrapping_sub(pad[0]);
            let all = self.from.channels;
            if y < self.from.height && left >= pad[1] && left - pad[1] + kw <= self.from.width && channels == all {
                row.copy_from_slice(&image[(y * self.from.width + left - pad[1]) * all..][..kw * all]);
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

    fn depthwise(&self, packed: &[f32], out: &mut [f32]) {
        let conv = self.conv;
        let Window { size: [kh, kw], stride, pad } = conv.window;
        let c = self.to.channels;
        let line = self.to.width * c;
        chunks(out, line, |i, out| {
            let (image, oy) = (&self.images[i / self.to.height * self.from.len()..], i % self.to.height);
            for (ox, pixel) in out.chunks_mut(c).enumerate() {
                pixel.copy_from_slice(&conv.bias);
                for ky in 0..kh {
                    let y = (oy * stride[0] + ky).wrapping_sub(pad[0]);
                    for kx in 0..kw {
                        let x = (ox * stride[1] + kx).wrapping_sub(pad[1]);
                        if y < self.from.height && x < self.from.width {
                            let values = &image[(y * self.from.width + x) * c..][..c];
                            multiply_add(conv.level, pixel, values, &packed[(ky * kw + kx) * c..][..c]);
                        }
                    }
                }
            }
            super::run::finish(conv.level, out, self.residual.map(|r| &r[i * line..]), conv.low, conv.high);
        });
    }

    /// A few images at a time: as many as keep the transformed values within the size of the weights or [`TRANSFORMED`].
    fn winograd(&self, packed: &[f32], out: &mut [f32], scratch: &mut Vec<f32>) {
        let tiles = self.to.height.div_ceil(4) * self.to.width.div_ceil(4);
        let each = tiles * (WINOGRAD_VALUES * (self.from.channels + self.to.channels) + PADDING);
        let group = (packed.len().max(TRANSFORMED) / each).max(1);
        let groups = self.images.chunks(group * self.from.len()).zip(out.chunks_mut(group * self.to.len()));
        for (g, (images, out)) in groups.enumerate() {
            let residual = self.residual.map(|r| &r[g * group * self.to.len()..]);
            Task { images, residual, ..*self }.winograd_group(packed, out, scratch);
        }
    }

    fn winograd_group(&self, packed: &[f32], out: &mut [f32], scratch: &mut Vec<f32>) {
        let conv = self.conv;
        let (ci, co) = (self.from.channels, self.to.channels);
        let (height, width) = (conv.level.tile_height(), conv.level.panel_width());
        let (n_rows, n_columns) = (self.to.height.div_ceil(4), self.to.width.div_ceil(4));
        let per_image = n_rows * n_columns;
        let tiles = out.len() / self.to.len() * per_image;
        let stride = WINOGRAD_VALUES * ci + PADDING;
        let plane = tiles * co;
        scratch.resize((tiles * stride + WINOGRAD_VALUES * plane).max(scratch.len()), 0.0);
        let (transformed, products) = scratch.split_at_mut(tiles * stride);
        let products = &mut products[..WINOGRAD_VALUES * plane];
        let pad = conv.window.pad;
        chunks(transformed, stride, |tile, out| {
            let (image, tile) = (&self.images[tile / per_image * self.from.len()..], tile % per_image);
            let place = Place {
                height: self.from.height,
                width: self.from.width,
                channels: ci,
                top: (tile / n_columns * 4) as isize - pad[0] as isize,
                left: (tile % n_columns * 4) as isize - pad[1] as isize,
            };
            winograd_input(conv.level, image, &place, out);
        });
        let transformed = &*transformed;
        chunks(products, plane, |value, out| {
            let panels = co.div_ceil(width);
            let groups = tiles.div_ceil(height);
            for p in 0..panels {
                let panel = &packed[(value * panels + p) * ci * width..][..ci * width];
                let columns = width.min(co - p * width);
                for g in 0..groups {
                    let (from, to) = (g * tiles / groups, (g + 1) * tiles / groups);
                    let rows = &transformed[from * stride + value * ci..];
                    let product = Product { rows, stride, height: to - from, depth: ci, panel };
                    gemm_tile(conv.level, &product, Start::Zero, None, &mut out[from * co + p * width..], co, columns);
                }
            }
        });
        let products = &*products;
        let line = 4 * self.to.width * co;
        // Strips of four rows; the last strip of an image can be lower.
        let mut strips: Vec<&mut [f32]> =
            out.chunks_mut(self.to.len()).flat_map(|image| image.chunks_mut(line)).collect();
        chunks(&mut strips, 1, |strip, out| {
            let out = &mut *out[0];
            let at = strip / n_rows * self.to.len() + strip % n_rows * line;
            let residual = self.residual.map(|r| &r[at..]);
            let ending = Ending { bias: &conv.bias, residual, low: conv.low, high: conv.high };
            let height = out.len() / (self.to.width * co);
            for column in 0..n_columns {
                // The strip is an image of its own.
                let place = Place { height, width: self.to.width, channels: co, top: 0, left: (column * 4) as isize };
                let products = &products[(strip * n_columns + column) * co..];
                winograd_output(conv.level, products, plane, &ending, &place, out);
            }
        });
    }
}

fn pack_gemm(level: Level, weight: &[f32], groups: usize, ci: usize, co: usize, [kh, kw]: [usize; 2]) -> Vec<f32> {
    let width = level.panel_width();
    let (panels, depth) = (co.div_ceil(width), kh * kw * ci);
    let mut packed = vec![0.0; groups * panels * depth * width];
    for (g, packed) in packed.chunks_mut(panels * depth * width).enumerate() {
        for o in 0..co {
            let filter = &weight[(g * co + o) * depth..][..depth];
            for (i, &w) in filter.iter().enumerate() {
                let (channel, tap) = (i / (kh * kw), i % (kh * kw));
                packed[((o / width) * depth + tap * ci + channel) * width + o % width] = w;
            }
        }
    }
    packed
}

/// `G g G^T` of every filter, computed in double precision.
fn pack_winograd(level: Level, weight: &[f32], ci: usize, co: usize) -> Vec<f32> {
    const G: [[f64; 3]; 6] = [
        [0.25, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
        [0.0, 0.0, 1.0],
    ];
    let width = level.panel_width();
    let panels = co.div_ceil(width);
    let mut packed = vec![0.0; WINOGRAD_VALUES * panels * ci * width];
    for o in 0..co {
        for c in 0..ci {
            let filter = &weight[(o * ci + c) * 9..][..9];
            let half = G.map(|g| [0, 1, 2].map(|x| (0..3).map(|y| g[y] * f64::from(filter[y * 3 + x])).sum::<f64>()));
            for (y, half) in half.iter().enumerate() {
                for (x, g) in G.iter().enumerate() {
                    let value: f64 = (0..3).map(|j| half[j] * g[j]).sum();
                    packed[(((y * 6 + x) * panels + o / width) * ci + c) * width + o % width] = value as f32;
                }
            }
        }
    }
    packed
}
