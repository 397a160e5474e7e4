//! Winograd's F(4x4, 3x3) of a convolution: transform tiles of the image, multiply, transform back.

use super::shape::{Shape, chunks};
use super::task::Task;
use crate::scratch::with_scratch;
use crate::simd::{
    Ending, Level, Lines, Place, Product, Start, WINOGRAD_VALUES, gemm_tile, winograd_filters, winograd_input,
    winograd_output,
};
use std::ops::Range;

/// Transformed values (in and out) that are held at a time where the weights do not fit the cache, unless the weights
/// themselves are more.
const TRANSFORMED: usize = 512 * 1024;
/// Transformed weights up to this many values stay in the second-level cache while blocks of tiles go through all three
/// steps there.
const CACHED_WEIGHTS: usize = 352 * 1024;
/// In channels whose filters are transformed at a time.
const DEPTH: usize = 128;
/// Transformed values (in and out) of a block of tiles.
const BLOCK: usize = 192 * 1024;
/// Padding of rows and of the values of a tile: at a distance of a power of two all would fall into one cache set.
const PADDING: usize = 16;

/// Filters by panels of output channels.
pub(super) enum Packed {
    /// Transformed: per value of the tile, per panel, in channels x panel.
    Transformed(Lines<f32>),
    /// As they are: per panel, in channels x 9 x panel. Transformed they would be four times as much, and bringing that
    /// from memory takes longer than transforming them anew.
    Plain(Lines<f32>),
}

/// Packs `weight`, `[co, ci, 3, 3]`.
pub(super) fn pack(level: Level, weight: &[f32], ci: usize, co: usize) -> Packed {
    let width = level.panel_width();
    let panels = co.div_ceil(width);
    let mut plain = Lines::zeros(panels * ci * 9 * width);
    for (o, filters) in weight.chunks(ci * 9).enumerate() {
        let panel = &mut plain[o / width * ci * 9 * width..];
        filters.iter().enumerate().for_each(|(i, w)| panel[i * width + o % width] = *w);
    }
    let values = WINOGRAD_VALUES * panels * ci * width;
    if values > CACHED_WEIGHTS {
        return Packed::Plain(plain);
    }
    let mut transformed = Lines::zeros(values);
    for (p, filters) in plain.chunks(ci * 9 * width).enumerate() {
        winograd_filters(level, filters, width, panels * ci * width, &mut transformed[p * ci * width..]);
    }
    Packed::Transformed(transformed)
}

/// Values that [`run`] holds at most beside images and results.
pub(super) fn scratch_values(packed: &Packed, [from, to]: [Shape; 2], threads: u64) -> u64 {
    // A strip of four rows, the least that is transformed at a time.
    let strip = (to.width.div_ceil(4) * WINOGRAD_VALUES) as u64 * (from.channels + to.channels + 2 * PADDING) as u64;
    match packed {
        Packed::Transformed(_) => threads * strip.max(BLOCK as u64),
        Packed::Plain(packed) => {
            let weights = (WINOGRAD_VALUES * (DEPTH * 64 + PADDING)) as u64;
            strip.max((4 * packed.len()).max(TRANSFORMED) as u64) + threads * weights
        }
    }
}

/// Computes `out` with the packed weights.
pub(super) fn run(task: &Task<'_>, packed: &Packed, out: &mut [f32], scratch: &mut Lines<f32>) {
    let packed = match packed {
        Packed::Transformed(packed) => return blocks(task, packed, out),
        Packed::Plain(packed) => packed,
    };
    // As many strips at a time as keep the transformed values within the size of the weights or the constant.
    let columns = task.to.width.div_ceil(4);
    let each = columns * WINOGRAD_VALUES * (task.from.channels + task.to.channels);
    let together = ((4 * packed.len()).max(TRANSFORMED) / each).max(1);
    for (group, strips) in strips(task, out).chunks_mut(together).enumerate() {
        stages(task, packed, group * together, strips, scratch);
    }
}

/// The strips of four rows of all images; the last strip of an image can be lower.
fn strips<'o>(task: &Task<'_>, out: &'o mut [f32]) -> Vec<&'o mut [f32]> {
    let line = 4 * task.to.width * task.to.channels;
    out.chunks_mut(task.to.len()).flat_map(|image| image.chunks_mut(line)).collect()
}

/// Block by block: few enough tiles that they stay in the cache.
fn blocks(task: &Task<'_>, packed: &[f32], out: &mut [f32]) {
    let (ci, co) = (task.from.channels, task.to.channels);
    let columns = task.to.width.div_ceil(4);
    let stride = ci + PADDING;
    let each = columns * WINOGRAD_VALUES * (stride + co);
    let mut strips = strips(task, out);
    let share = strips.len().div_ceil(rayon::current_num_threads());
    let together = (BLOCK / each).clamp(1, share.max(1));
    chunks(&mut strips, together, |block, strips| {
        let tiles = strips.len() * columns;
        let (plane, step) = (tiles * stride + PADDING, tiles * co + PADDING);
        with_scratch(WINOGRAD_VALUES * (plane + step), |scratch| {
            let (transformed, products) = scratch.split_at_mut(WINOGRAD_VALUES * plane);
            for tile in 0..tiles {
                input(task, block * together * columns + tile, plane, &mut transformed[tile * stride..]);
            }
            for (value, products) in products.chunks_mut(step).enumerate() {
                multiply(task, packed, value, &transformed[value * plane..], stride, &mut products[..tiles * co]);
            }
            for (s, strip) in strips.iter_mut().enumerate() {
                let products = &products[s * columns * co..];
                output(task, block * together + s, products, [co, step], 0..co, strip);
            }
        });
    });
}

/// Step by step for some strips, from the `first` on, so that weights are read and transformed once for all their tiles.
fn stages(task: &Task<'_>, packed: &[f32], first: usize, strips: &mut [&mut [f32]], scratch: &mut Lines<f32>) {
    let (ci, co) = (task.from.channels, task.to.channels);
    let level = task.conv.level;
    let width = level.panel_width();
    let columns = task.to.width.div_ceil(4);
    let tiles = strips.len() * columns;
    let stride = WINOGRAD_VALUES * ci + PADDING;
    // Per panel of out channels, per value of the tile: a row of the panel's channels for each tile.
    let plane = tiles * width + PADDING;
    let panel = WINOGRAD_VALUES * plane;
    let len = tiles * stride + co.div_ceil(width) * panel;
    let (transformed, products) = scratch.at_least(len).split_at_mut(tiles * stride);
    chunks(transformed, stride, |tile, out| input(task, first * columns + tile, ci, out));
    let transformed = &*transformed;
    chunks(products, panel, |p, out| {
        let filters = &packed[p * ci * 9 * width..][..ci * 9 * width];
        let step = DEPTH * width + PADDING;
        with_scratch(WINOGRAD_VALUES * step, |weights| {
            for (slab, filters) in filters.chunks(DEPTH * 9 * width).enumerate() {
                let depth = filters.len() / (9 * width);
                winograd_filters(level, filters, width, step, weights);
                let start = if slab == 0 { Start::Zero } else { Start::Output };
                for (value, (out, panel)) in out.chunks_mut(plane).zip(weights.chunks(step)).enumerate() {
                    let panel = &panel[..depth * width];
                    let rows = &transformed[value * ci + slab * DEPTH..];
                    tile_by_tile(level, &Rows { values: rows, stride, n: tiles }, panel, start, out, width, width);
                }
            }
        });
    });
    let products = &*products;
    chunks(strips, 1, |strip, out| {
        for p in 0..co.div_ceil(width) {
            let products = &products[p * panel + strip * columns * width..];
            output(task, first + strip, products, [width, plane], p * width..co.min((p + 1) * width), &mut *out[0]);
        }
    });
}

/// Transforms a tile, counted through all images; its values are `step` apart in `out`.
fn input(task: &Task<'_>, tile: usize, step: usize, out: &mut [f32]) {
    let columns = task.to.width.div_ceil(4);
    let per_image = task.to.height.div_ceil(4) * columns;
    let (image, tile) = (&task.images[tile / per_image * task.from.len()..], tile % per_image);
    let pad = task.conv.window.pad;
    let place = Place {
        height: task.from.height,
        width: task.from.width,
        channels: task.from.channels,
        top: (tile / columns * 4) as isize - pad[0] as isize,
        left: (tile % columns * 4) as isize - pad[1] as isize,
    };
    winograd_input(task.conv.level, image, &place, step, out);
}

/// One of the values of all tiles: rows of in channels, `stride` apart, times all transformed weights.
fn multiply(task: &Task<'_>, packed: &[f32], value: usize, rows: &[f32], stride: usize, out: &mut [f32]) {
    let (level, ci, co) = (task.conv.level, task.from.channels, task.to.channels);
    let width = level.panel_width();
    let panels = co.div_ceil(width);
    for p in 0..panels {
        let panel = &packed[(value * panels + p) * ci * width..][..ci * width];
        let columns = width.min(co - p * width);
        let rows = Rows { values: rows, stride, n: out.len() / co };
        tile_by_tile(level, &rows, panel, Start::Zero, &mut out[p * width..], co, columns);
    }
}

/// Rows of a product.
struct Rows<'a> {
    values: &'a [f32],
    stride: usize,
    n: usize,
}

/// Multiplies rows with a panel; the first `columns` of each result go to `out`, `step` apart.
fn tile_by_tile(
    level: Level,
    rows: &Rows<'_>,
    panel: &[f32],
    start: Start<'_>,
    out: &mut [f32],
    step: usize,
    columns: usize,
) {
    let depth = panel.len() / level.panel_width();
    let tiles = rows.n.div_ceil(level.tile_height());
    for t in 0..tiles {
        let (from, to) = (t * rows.n / tiles, (t + 1) * rows.n / tiles);
        let source = &rows.values[from * rows.stride..];
        let product = Product { rows: source, stride: rows.stride, height: to - from, depth, panel };
        gemm_tile(level, &product, start, None, &mut out[from * step..], step, columns);
    }
}

/// Transforms the products of a strip back to some channels of the image; `products` begin at its first tile, tiles and
/// values are `[tile, value]` steps apart.
fn output(
    task: &Task<'_>,
    strip: usize,
    products: &[f32],
    [tile, value]: [usize; 2],
    channels: Range<usize>,
    out: &mut [f32],
) {
    let (conv, to) = (task.conv, task.to);
    let n_rows = to.height.div_ceil(4);
    let at = strip / n_rows * to.len() + strip % n_rows * 4 * to.width * to.channels;
    let residual = task.residual.map(|r| &r[at..]);
    let ending = Ending { bias: &conv.bias, residual, low: conv.low, high: conv.high };
    let height = out.len() / (to.width * to.channels);
    for column in 0..to.width.div_ceil(4) {
        // The strip is an image of its own.
        let left = (column * 4) as isize;
        let place = Place { height, width: to.width, channels: to.channels, top: 0, left };
        winograd_output(conv.level, &products[column * tile..], value, channels.clone(), &ending, &place, out);
    }
}
