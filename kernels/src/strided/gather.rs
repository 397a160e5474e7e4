//! Values of neighbouring pixels brought side by side, so that a convolution is a product of matrices.

use super::shape::{SIDE, Strided};
use super::turn::copy;
use std::ops::Range;

/// Lines of one end, some of which are brought side by side.
#[derive(Clone, Copy)]
pub(super) struct Sides {
    /// Lines of an image, columns of a line, values of a pixel.
    pub(super) size: [usize; 3],
    /// Lines of this end for each of the small one.
    pub(super) step: usize,
    /// Lines side by side.
    pub(super) reach: usize,
}

impl Sides {
    /// The four lines of the large end that a line of the small one sees.
    pub(super) fn of_large(shape: Strided) -> Self {
        Self { size: [2 * shape.height, 2 * shape.width, shape.from], step: 2, reach: SIDE }
    }

    /// A line of the small end, that above and that below.
    pub(super) fn of_small(shape: Strided) -> Self {
        Self { size: [shape.height, shape.width, shape.to], step: 1, reach: 3 }
    }

    /// From a column to the next.
    pub(super) fn pixel(self) -> usize {
        self.reach * self.size[2]
    }

    /// From what belongs to a line of the small end to what belongs to the next.
    pub(super) fn line(self) -> usize {
        (self.size[1] + 2) * self.pixel()
    }

    /// For some lines of the small end, counted through all images, what is around them: `[lines, columns + 2, reach,
    /// channels]`, zeros at the edges. Windows of neighbouring pixels overlap in it, and each is in one piece.
    pub(super) fn gather(self, values: &[f32], lines: Range<usize>, out: &mut [f32]) {
        let [n_lines, n_columns, channels] = self.size;
        let per_image = n_lines / self.step;
        let pixel = self.pixel();
        for (line, out) in lines.zip(out.chunks_exact_mut(self.line())) {
            let (image, y) = (line / per_image, line % per_image);
            for near in 0..self.reach {
                let row = (self.step * y + near).wrapping_sub(1);
                let out = out.chunks_exact_mut(pixel).map(|out| &mut out[near * channels..][..channels]);
                if row >= n_lines {
                    out.for_each(|out| out.fill(0.0));
                    continue;
                }
                let own = &values[(image * n_lines + row) * n_columns * channels..][..n_columns * channels];
                for (at, out) in out.enumerate() {
                    match at.checked_sub(1).filter(|column| *column < n_columns) {
                        Some(column) => copy(&own[column * channels..][..channels], out),
                        None => out.fill(0.0),
                    }
                }
            }
        }
    }
}

/// Columns `first..first + own` of the windows of some pixels of the small end, counted through all images, in rows of
/// `width` values, zeros after the columns. A window is `[4, 4, from]`.
pub(super) fn window_columns(
    shape: Strided,
    large: &[f32],
    pixels: Range<usize>,
    (first, own): (usize, usize),
    (out, width): (&mut [f32], usize),
) {
    let row = SIDE * shape.from;
    if own < width {
        out[..pixels.len() * width].fill(0.0);
    }
    let mut at = 0;
    while at < own {
        let (ky, skipped) = ((first + at) / row, (first + at) % row);
        let len = (row - skipped).min(own - at);
        window_row(shape, large, pixels.clone(), (ky, skipped, len), (&mut out[at..], width));
        at += len;
    }
}

/// `len` values of row `ky` of windows, from `skipped` on.
fn window_row(
    shape: Strided,
    large: &[f32],
    pixels: Range<usize>,
    (ky, skipped, len): (usize, usize, usize),
    (out, stride): (&mut [f32], usize),
) {
    let Strided { height, width, from, .. } = shape;
    let line_len = 2 * width * from;
    let mut done = 0;
    while done < pixels.len() {
        let (line, x) = ((pixels.start + done) / width, (pixels.start + done) % width);
        let columns = x..width.min(x + pixels.len() - done);
        let row = (2 * (line % height) + ky).wrapping_sub(1);
        let outs = out[done * stride..].chunks_mut(stride).map(|out| &mut out[..len]);
        done += columns.len();
        if row >= 2 * height {
            outs.take(columns.len()).for_each(|out| out.fill(0.0));
            continue;
        }
        let own = &large[(line / height * 2 * height + row) * line_len..][..line_len];
        for (column, out) in columns.zip(outs) {
            // In the line with a pixel of zeros at both ends.
            let start = 2 * column * from + skipped;
            if start >= from && start - from + len <= line_len {
                copy(&own[start - from..][..len], out);
                continue;
            }
            for (at, value) in (start..).zip(out) {
                *value = at.checked_sub(from).and_then(|at| own.get(at)).copied().unwrap_or(0.0);
            }
        }
    }
}
