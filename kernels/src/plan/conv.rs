//! A convolution in NHWC order with everything that follows it: packed weights and the two ways to compute it.

use super::graph::Window;
use super::map::finish;
use super::shape::{Shape, chunks};
use super::task::{Settings, Task};
use super::{split, winograd};
use crate::packed::pack_panels;
use crate::scratch::with_scratch;
use crate::simd::{Finish, Level, Lines, Product, Start, gemm_tile, multiply_add, zeros};

/// Values of gathered windows that a task holds at a time; they stay in the second-level cache.
const GATHERED: usize = 192 * 1024;
/// Padding of gathered rows: keeps rows of a power-of-two length out of one cache set.
const PADDING: usize = 16;
/// Row lengths (in values) that are multiples of this one map all rows to one set of the first-level cache.
const CONFLICT: usize = 512;

/// A convolution, ready to run on images of any size.
pub(super) struct PackedConv {
    settings: Settings,
    weights: Weights,
}

enum Weights {
    /// Per group, per panel of output channels: `[kernel rows, kernel columns, in channels]` x panel.
    Gemm(Vec<f32>),
    /// One channel per group: `[kernel rows, kernel columns, channels]`.
    Depthwise(Vec<f32>),
    /// For tiles of bf16 parts.
    Split(Lines<u16>),
    /// For Winograd's convolution.
    Winograd(winograd::Packed),
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
    /// Packs the weights; Winograd's form where it pays and `winograd` allows it (tiles save no time then: what they save
    /// in arithmetic Winograd's convolution saves as well), tiles elsewhere.
    pub(super) fn new(level: Level, spec: ConvSpec<'_>, winograd: bool) -> Self {
        let ConvSpec { window, groups, from, to, weight, bias, low, high } = spec;
        let depthwise = groups == from && groups == to && groups > 1;
        let pays = window.size == [3, 3]
            && window.stride == [1, 1]
            && groups == 1
            && from.is_multiple_of(16)
            && to.is_multiple_of(16);
        let taps = window.size[0] * window.size[1];
        let weights = if depthwise {
            Weights::Depthwise((0..taps * groups).map(|i| weight[i % groups * taps + i / groups]).collect())
        } else if winograd && pays {
            Weights::Winograd(winograd::pack(level, weight, from, to))
        } else if level.has_tiles() && groups == 1 {
            Weights::Split(pack_panels(weight, from, taps))
        } else {
            Weights::Gemm(pack_gemm(level, weight, groups, from / groups, to / groups, window.size))
        };
        Self { settings: Settings { level, window, groups, bias, low, high }, weights }
    }

    pub(super) fn window(&self) -> Window {
        self.settings.window
    }

    /// Values that a run holds at most beside images and results, on all threads together.
    pub(super) fn scratch_values(&self, [from, to]: [Shape; 2]) -> u64 {
        let threads = rayon::current_num_threads() as u64;
        let [rows, _] = self.settings.window.size;
        match &self.weights {
            Weights::Depthwise(_) => 0,
            // At least one row of windows, or the lines that a row of results needs: as parts and as sums.
            Weights::Gemm(_) => threads * GATHERED as u64,
            Weights::Split(_) => {
                let lines = rows as u64 * from.width as u64 * from.channels as u64;
                threads * (split::TASK_VALUES + 2 * lines + to.width as u64 * to.channels as u64)
            }
            Weights::Winograd(packed) => winograd::scratch_values(packed, [from, to], threads),
        }
    }

    /// Computes `out` from one or more images of a shape (shapes in and out), adding `residual` before the bounds are
    /// applied.
    pub(super) fn run(
        &self,
        [from, to]: [Shape; 2],
        images: &[f32],
        residual: Option<&[f32]>,
        out: &mut [f32],
        scratch: &mut Lines<f32>,
    ) {
        let task = Task { conv: &self.settings, from, to, images, residual };
        match &self.weights {
            Weights::Gemm(packed) => task.gemm(packed, out),
            Weights::Depthwise(packed) => task.depthwise(packed, out),
            Weights::Split(packed) => split::run(&task, packed, out, scratch),
            Weights::Winograd(packed) => winograd::run(&task, packed, out, scratch),
        }
    }
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
            let (co_group, panels) = (co / conv.groups, (co / conv.groups).div_ceil(width));
            with_scratch(if direct { 0 } else { n * stride }, |gathered| {
                for g in 0..conv.groups {
                    let source = if direct {
                        &image[first * depth..]
                    } else {
                        for (i, row) in gathered.chunks_mut(stride).enumerate() {
                            self.gather(image, first + i, g * per_group, per_group, &mut row[..depth]);
                        }
                        &*gathered
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
        });
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
            finish(conv.level, out, self.residual.map(|r| &r[i * line..]), conv.low, conv.high);
        });
    }
}

fn pack_gemm(level: Level, weight: &[f32], groups: usize, ci: usize, co: usize, [kh, kw]: [usize; 2]) -> Vec<f32> {
    let width = level.panel_width();
    let (panels, depth) = (co.div_ceil(width), kh * kw * ci);
    let mut packed = zeros(groups * panels * depth * width);
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
