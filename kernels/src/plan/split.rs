//! A convolution by tiles of bf16 parts: the image is split once, and a tile's rows are pixels of it side by side.

use super::graph::Window;
use super::shape::{Shape, chunks};
use super::task::Task;
use crate::scratch::{with_parts, with_scratch};
use crate::simd::{
    Finish, Level, Lines, SPLIT_BLOCK, SPLIT_PANEL, SPLIT_ROWS, SPLIT_STEPS, SplitRows, finish_rows, split_pixels,
    split_stride, split_tiles,
};

/// Values of split pixels that a task holds at a time; with a panel of weights they stay in the second-level cache.
const PARTS: usize = 384 * 1024;
/// Weights that do not stay in the second-level cache: their panels are shared out to the threads, so that each thread reads
/// its panels only.
const LARGE: usize = 512 * 1024;
/// Values of split pixels that all threads share then.
const SHARED: usize = 640 * 1024;
/// Pixels that are split, and rows that are finished, in one go there.
const SHARE: usize = 16;
/// Sums that are held at a time, to be finished in whole rows: they stay in the second-level cache.
const SUMS: usize = 64 * 1024;
/// Values that a task holds: parts, of half the size each, and sums.
pub(super) const TASK_VALUES: u64 = (SHARED / 2 + SUMS) as u64 + 64 * 1024;
/// Padding of the sums of a panel: at a distance of a power of two all would fall into one cache set.
const PADDING: usize = 16;
/// Pixels whose windows are gathered at a time.
const GATHERED: usize = 256;

/// Whether the windows of pixels are gathered, each a row of its own: pixels have too few channels for a tile's row.
fn is_gathered(ci: usize) -> bool {
    !ci.is_multiple_of(SPLIT_STEPS)
}

/// Computes `out` with the packed weights, from gathered windows.
fn run_gathered(task: &Task<'_>, packed: &[u16], out: &mut [f32]) {
    let [kh, kw] = task.conv.window.size;
    let depth = kh * kw * task.from.channels;
    let row = depth.next_multiple_of(SPLIT_STEPS);
    let co = task.to.channels;
    let lines = |channels: usize| Shape { height: out.len() / co, width: 1, channels };
    let geometry = Geometry::new(lines(row), lines(co), Window::square(1, 1, 0));
    let level = task.conv.level;
    chunks(out, GATHERED * co, |i, out| {
        let n = out.len() / co;
        with_parts(n * geometry.pixel, |parts| {
            with_scratch(SPLIT_ROWS * row, |gathered| {
                // A few at a time, which stay in the first-level cache.
                for (group, parts) in parts.chunks_mut(SPLIT_ROWS * geometry.pixel).enumerate() {
                    let gathered = &mut gathered[..parts.len() / geometry.pixel * row];
                    let first = i * GATHERED + group * SPLIT_ROWS;
                    for (pixel, row) in gathered.chunks_exact_mut(row).enumerate() {
                        task.gather(task.images, first + pixel, 0, task.from.channels, &mut row[..depth]);
                        row[depth..].fill(0.0);
                    }
                    split_pixels(level, gathered, row, geometry.pixel, parts);
                }
            });
            let tiles = Tiles::of(&[(0, 0)], n, geometry.pixel);
            multiply(task, packed, &geometry, (&tiles, parts), i * GATHERED * co, out);
        });
    });
}

/// Computes `out` with the packed weights.
pub(super) fn run(task: &Task<'_>, packed: &[u16], out: &mut [f32], scratch: &mut Lines<f32>) {
    if is_gathered(task.from.channels) {
        return run_gathered(task, packed, out);
    }
    // Pixels of a convolution of one tap have no neighbours, so all of them are one line, cut anywhere.
    let is_flat = task.conv.window == Window::square(1, 1, 0);
    let n_images = out.len() / task.to.len();
    let lines = |shape: Shape| Shape { height: shape.height * shape.width, width: 1, ..shape };
    let (from, to) = if is_flat { (lines(task.from), lines(task.to)) } else { (task.from, task.to) };
    let geometry = Geometry::new(from, to, task.conv.window);
    let n_rows = n_images * to.height;
    let threads = rayon::current_num_threads();
    if packed.len() > LARGE && to.channels.div_ceil(SPLIT_PANEL) >= 2 * threads {
        let rows = n_rows.div_ceil(n_rows.div_ceil(geometry.most_rows(SHARED)));
        for (i, out) in out.chunks_mut(rows * to.width * to.channels).enumerate() {
            stages(task, packed, &geometry, i * rows, out, scratch);
        }
        return;
    }
    let tasks = n_rows.div_ceil(geometry.most_rows(PARTS)).next_multiple_of(threads).min(n_rows);
    let rows = n_rows.div_ceil(tasks);
    chunks(out, rows * to.width * to.channels, |i, out| {
        let first = i * rows;
        let segments = geometry.segments(first..first + out.len() / (to.width * to.channels));
        let held = segments.last().map_or(0, |s| s.at + s.n_lines * geometry.line);
        with_parts(held, |parts| {
            for segment in &segments {
                let parts = &mut parts[segment.at..][..segment.n_lines * geometry.line];
                geometry.split(task.conv.level, task.images, segment, 0, parts);
            }
            let tiles = geometry.tiles(&segments);
            multiply(task, packed, &geometry, (&tiles, parts), first * to.width * to.channels, out);
        });
    });
}

/// Computes some rows of the result, from the `first` on, stage by stage: all threads split the pixels, each multiplies them
/// with some of the panels, then all finish the sums.
fn stages(
    task: &Task<'_>,
    packed: &[u16],
    geometry: &Geometry,
    first: usize,
    out: &mut [f32],
    scratch: &mut Lines<f32>,
) {
    let (conv, to) = (task.conv, geometry.to);
    let (co, line) = (to.channels, geometry.line);
    let segments = geometry.segments(first..first + out.len() / (to.width * co));
    let tiles = geometry.tiles(&segments);
    let height = tiles.height;
    let panel = geometry.panel();
    let sums_of_panel = tiles.starts.len() * height * SPLIT_PANEL + PADDING;
    let len = co.div_ceil(SPLIT_PANEL) * sums_of_panel;
    let sums = scratch.at_least(len);
    with_parts(segments.last().map_or(0, |s| s.at + s.n_lines * line), |parts| {
        for segment in &segments {
            let parts = &mut parts[segment.at..][..segment.n_lines * line];
            let lines = (SHARE * geometry.pixel).div_ceil(line);
            chunks(parts, lines * line, |i, parts| {
                geometry.split(conv.level, task.images, segment, i * lines, parts);
            });
        }
        let rows = geometry.split_rows(parts, &tiles);
        chunks(sums, sums_of_panel, |p, sums| {
            split_tiles(conv.level, &rows, &packed[p * panel..][..panel], &tiles.starts, sums);
        });
    });
    let (sums, first) = (&*sums, first * to.width * co);
    chunks(out, SHARE * co, |i, out| {
        let here = i * SHARE..i * SHARE + out.len() / co;
        for (tile, pixel) in tiles.pixels.iter().enumerate() {
            let (from, to) = (here.start.max(*pixel), here.end.min(pixel + height));
            if from >= to {
                continue;
            }
            let residual = task.residual.map(|r| (&r[first + from * co..], co));
            let finish = Finish { residual, low: conv.low, high: conv.high };
            let sums = &sums[(tile * height + from - pixel) * SPLIT_PANEL..];
            let out = &mut out[(from - here.start) * co..(to - here.start) * co];
            finish_rows(conv.level, sums, sums_of_panel, &conv.bias, &finish, out, co);
        }
    });
}

/// Where the pixels of split images are.
struct Geometry {
    from: Shape,
    to: Shape,
    window: Window,
    /// Between pixels: their three parts, and an odd number of cache lines.
    pixel: usize,
    /// Between lines, padding included.
    line: usize,
    taps: Vec<usize>,
}

/// Some rows of the result that belong to one image.
struct Segment {
    image: usize,
    /// The first row and their number.
    row: usize,
    n_rows: usize,
    /// Lines of the padded image that they need, from where on they are split.
    n_lines: usize,
    at: usize,
}

impl Geometry {
    fn new(from: Shape, to: Shape, window: Window) -> Self {
        let pixel = split_stride(from.channels);
        let line = ((to.width - 1) * window.stride[1] + window.size[1]) * pixel;
        let [kh, kw] = window.size;
        let taps = (0..kh * kw).map(|tap| tap / kw * line + tap % kw * pixel).collect();
        Self { from, to, window, pixel, line, taps }
    }

    /// Rows of the result whose pixels can be held at a time.
    fn most_rows(&self, parts: usize) -> usize {
        let lines = (parts / self.line).saturating_sub(self.window.size[0] - 1);
        (lines / self.window.stride[0]).max(1)
    }

    /// The parts of a range of rows, counted through all images.
    fn segments(&self, rows: std::ops::Range<usize>) -> Vec<Segment> {
        let mut segments: Vec<Segment> = vec![];
        let (mut row, mut at) = (rows.start, 0);
        while row < rows.end {
            let (image, first) = (row / self.to.height, row % self.to.height);
            let n_rows = (self.to.height - first).min(rows.end - row);
            let n_lines = (n_rows - 1) * self.window.stride[0] + self.window.size[0];
            segments.push(Segment { image, row: first, n_rows, n_lines, at });
            at += n_lines * self.line;
            row += n_rows;
        }
        segments
    }

    /// Splits lines of a segment, from the `first` on, with zeros outside the image.
    fn split(&self, level: Level, images: &[f32], segment: &Segment, first: usize, parts: &mut [u16]) {
        let Shape { height, width, channels } = self.from;
        if self.is_flat() {
            let n = parts.len() / self.line;
            let values = &images[segment.image * self.from.len() + (segment.row + first) * channels..][..n * channels];
            return split_pixels(level, values, channels, self.pixel, parts);
        }
        let image = &images[segment.image * self.from.len()..][..self.from.len()];
        let [top, left] = [self.window.pad[0], self.window.pad[1]];
        let n_pixels = self.line / self.pixel;
        for (i, line) in parts.chunks_exact_mut(self.line).enumerate() {
            let y = (segment.row * self.window.stride[0] + first + i).wrapping_sub(top);
            if y >= height {
                line.fill(0);
                continue;
            }
            let within = left.min(n_pixels)..(left + width).min(n_pixels);
            line[..within.start * self.pixel].fill(0);
            line[within.end * self.pixel..].fill(0);
            let values = &image[y * width * channels..][..within.len() * channels];
            split_pixels(level, values, channels, self.pixel, &mut line[within.start * self.pixel..]);
        }
    }

    /// Values of a panel of weights.
    fn panel(&self) -> usize {
        self.taps.len() * self.from.channels / SPLIT_STEPS * SPLIT_BLOCK
    }

    fn split_rows<'a>(&'a self, values: &'a [u16], tiles: &Tiles) -> SplitRows<'a> {
        let channels = self.from.channels;
        SplitRows { values, step: tiles.step, taps: &self.taps, channels, height: tiles.height }
    }

    /// Whether pixels have no neighbours.
    fn is_flat(&self) -> bool {
        self.from.width == 1 && self.window == Window::square(1, 1, 0)
    }

    /// The tiles of some segments.
    fn tiles(&self, segments: &[Segment]) -> Tiles {
        if self.is_flat() {
            return Tiles::of(&[(0, 0)], segments.iter().map(|segment| segment.n_rows).sum(), self.pixel);
        }
        Tiles::of(&self.rows(segments), self.to.width, self.window.stride[1] * self.pixel)
    }

    /// For each row of the result where it starts: among the split pixels, and among the pixels of the result.
    fn rows(&self, segments: &[Segment]) -> Vec<(usize, usize)> {
        let starts = segments
            .iter()
            .flat_map(|segment| (0..segment.n_rows).map(|row| segment.at + row * self.window.stride[0] * self.line));
        starts.enumerate().map(|(row, start)| (start, row * self.to.width)).collect()
    }
}

/// Tiles of one height that cover runs of pixels.
struct Tiles {
    height: usize,
    step: usize,
    /// Where their rows start among the split pixels, and among those of the result.
    starts: Vec<usize>,
    pixels: Vec<usize>,
}

impl Tiles {
    /// Covers runs of `n` pixels; where `n` is no multiple of the height, the last tile of a run overlaps the one before.
    fn of(runs: &[(usize, usize)], n: usize, step: usize) -> Self {
        let height = n.div_ceil(n.div_ceil(SPLIT_ROWS));
        let within = || (0..n.div_ceil(height)).map(move |tile| (tile * height).min(n - height));
        let starts = runs.iter().flat_map(|(start, _)| within().map(move |at| start + at * step)).collect();
        let pixels = runs.iter().flat_map(|(_, pixel)| within().map(move |at| pixel + at)).collect();
        Self { height, step, starts, pixels }
    }
}

/// All tiles times all panels; `first` is where `out` starts in the whole result.
fn multiply(
    task: &Task<'_>,
    packed: &[u16],
    geometry: &Geometry,
    (tiles, parts): (&Tiles, &[u16]),
    first: usize,
    out: &mut [f32],
) {
    let (conv, co) = (task.conv, geometry.to.channels);
    let (rows, panel) = (geometry.split_rows(parts, tiles), geometry.panel());
    let height = tiles.height;
    let panels = co.div_ceil(SPLIT_PANEL);
    // An even number of tiles: they are computed in pairs.
    let together = (SUMS / (panels * SPLIT_PANEL * height)).next_multiple_of(2).min(tiles.starts.len());
    let sums_of_panel = together * height * SPLIT_PANEL + PADDING;
    with_scratch(panels * sums_of_panel, |sums| {
        for (starts, pixels) in tiles.starts.chunks(together).zip(tiles.pixels.chunks(together)) {
            for (weights, sums) in packed.chunks_exact(panel).zip(sums.chunks_exact_mut(sums_of_panel)) {
                split_tiles(conv.level, &rows, weights, starts, sums);
            }
            for (tile, pixel) in pixels.iter().enumerate() {
                let at = pixel * co;
                let residual = task.residual.map(|r| (&r[first + at..], co));
                let finish = Finish { residual, low: conv.low, high: conv.high };
                let sums = &sums[tile * height * SPLIT_PANEL..];
                finish_rows(conv.level, sums, sums_of_panel, &conv.bias, &finish, &mut out[at..][..height * co], co);
            }
        }
    });
}
