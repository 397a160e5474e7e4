//! Where a source pixel lies in the network's input, and which source pixels lie there at all.

use std::ops::Range;

use super::resample::Axis;
use super::{PixelBox, Resize};

/// The affine relation between source image and network input, per axis.
///
/// Pixel `i` covers `i..i + 1`, its centre is `i + 0.5`. Along each axis the source is resized by
/// `scale` and shifted by `offset` input pixels:
/// `input_centre = source_centre * scale + offset`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    rows: AxisPlacement,
    columns: AxisPlacement,
}

/// One axis of a [`Placement`].
#[derive(Clone, Debug, PartialEq, Eq)]
struct AxisPlacement {
    /// Source pixels, at least 1.
    n_source: usize,
    /// Pixels the whole source has after resizing, at least 1.
    n_resized: usize,
    /// Input pixels, at least 1.
    n_input: usize,
    /// Input coordinate of the resized image's first edge; negative where it is cut off.
    offset_px: i64,
}

impl Placement {
    pub(super) fn new(resize: Resize, source: [usize; 2], input: [usize; 2]) -> Self {
        // Sizes of zero exist in no image and are refused in `apply`; here they must not divide.
        let source = source.map(|n| n.max(1));
        let input = input.map(|n| n.max(1));
        let resized = match resize {
            Resize::StretchBilinear | Resize::StretchNearest => input,
            Resize::FitPad => fit(source, input),
            Resize::ShortestCrop { shortest_px } => shortest(source, shortest_px.max(1)),
        };
        let axis = |i: usize| AxisPlacement::centred(source[i], resized[i], input[i]);
        Placement { rows: axis(0), columns: axis(1) }
    }

    /// Rows and columns that the source lies in: those of the network's input, or of all its tiles together.
    pub fn input_px(&self) -> (usize, usize) {
        (self.rows.n_input, self.columns.n_input)
    }

    /// Input coordinate of the centre of source row `y`, counted so that input pixel centres are
    /// whole numbers: 0 is the centre of the first input row. May lie outside the input.
    pub fn to_input_y(&self, y: usize) -> f32 {
        self.rows.to_input(y)
    }

    /// Input coordinate of the centre of source column `x`; see [`Placement::to_input_y`].
    pub fn to_input_x(&self, x: usize) -> f32 {
        self.columns.to_input(x)
    }

    /// Input pixels per source pixel, vertically and horizontally.
    pub fn scale(&self) -> (f64, f64) {
        (self.rows.scale(), self.columns.scale())
    }

    /// Where the source's first row and first column begin in the input, in input pixels; negative
    /// where they are cut off, positive after padding.
    pub fn offset_px(&self) -> (i64, i64) {
        (self.rows.offset_px, self.columns.offset_px)
    }

    /// Whether the centre of the source pixel lies inside the network's input. What does not was
    /// cut off and not inspected.
    pub fn contains(&self, y: usize, x: usize) -> bool {
        self.source_rows().contains(&y) && self.source_columns().contains(&x)
    }

    /// Source rows that are inspected.
    pub fn source_rows(&self) -> Range<usize> {
        self.rows.source_range()
    }

    /// Source columns that are inspected.
    pub fn source_columns(&self) -> Range<usize> {
        self.columns.source_range()
    }

    /// Input rows that show the image; the others are padding.
    pub fn input_rows(&self) -> Range<usize> {
        self.rows.input_range()
    }

    /// Input columns that show the image; the others are padding.
    pub fn input_columns(&self) -> Range<usize> {
        self.columns.input_range()
    }

    /// Source coordinate of the upper edge of input row `y`, counted so that source row `i` covers `i..i + 1`; within the
    /// source.
    pub fn source_edge_y(&self, y: usize) -> f64 {
        self.rows.source_edge(y)
    }

    /// Source coordinate of the left edge of input column `x`; see [`Placement::source_edge_y`].
    pub fn source_edge_x(&self, x: usize) -> f64 {
        self.columns.source_edge(x)
    }

    /// Source pixels that these rows and columns of the input cover, wholly or in part; at least one.
    pub fn source_box(&self, rows: Range<usize>, columns: Range<usize>) -> PixelBox {
        let (rows, columns) = (self.rows.source_under(rows), self.columns.source_under(columns));
        PixelBox { top_px: rows.start, left_px: columns.start, height_px: rows.len(), width_px: columns.len() }
    }

    /// The part of the input that shows the image and lies in this window, and the resampling of rows and of columns that
    /// fills it.
    pub(super) fn within(&self, [rows, columns]: [&Range<usize>; 2]) -> [(Range<usize>, Axis); 2] {
        [self.rows.within(rows), self.columns.within(columns)]
    }
}

impl AxisPlacement {
    fn centred(n_source: usize, n_resized: usize, n_input: usize) -> Self {
        let offset_px = if n_resized > n_input {
            // Half the excess, halves rounded to even as torchvision's centre crop does.
            let excess = n_resized - n_input;
            let half = excess / 2;
            let up = if excess.is_multiple_of(2) { 0 } else { half % 2 };
            -((half + up) as i64)
        } else {
            ((n_input - n_resized) / 2) as i64
        };
        AxisPlacement { n_source, n_resized, n_input, offset_px }
    }

    fn scale(&self) -> f64 {
        self.n_resized as f64 / self.n_source as f64
    }

    fn to_input(&self, source: usize) -> f32 {
        let centre = (source as f64 + 0.5) * self.n_resized as f64 / self.n_source as f64;
        (centre + self.offset_px as f64 - 0.5) as f32
    }

    /// Source pixels with `0 <= centre < n_input`, in integers so that edges are exact.
    fn source_range(&self) -> Range<usize> {
        let doubled_source = 2 * self.n_source as i128;
        let n_resized = self.n_resized as i128;
        // (2 i + 1) n_resized >= limit, solved for the smallest i.
        let first_at_or_above = |input: i128| {
            let limit = (input - i128::from(self.offset_px)) * doubled_source;
            let index = (limit - n_resized + 2 * n_resized - 1).div_euclid(2 * n_resized);
            index.clamp(0, self.n_source as i128) as usize
        };
        first_at_or_above(0)..first_at_or_above(self.n_input as i128)
    }

    fn source_edge(&self, input: usize) -> f64 {
        let resized = (input as i64 - self.offset_px) as f64;
        (resized * self.n_source as f64 / self.n_resized as f64).clamp(0.0, self.n_source as f64)
    }

    /// In integers, so that edges are exact.
    fn source_under(&self, input: Range<usize>) -> Range<usize> {
        let (n_source, n_resized) = (self.n_source as i128, self.n_resized as i128);
        let scaled = |edge: usize| (edge as i128 - i128::from(self.offset_px)) * n_source;
        let first = scaled(input.start).div_euclid(n_resized).clamp(0, n_source - 1);
        let end = (scaled(input.end) + n_resized - 1).div_euclid(n_resized).clamp(first + 1, n_source);
        first as usize..end as usize
    }

    fn input_range(&self) -> Range<usize> {
        let end = self.offset_px.saturating_add_unsigned(self.n_resized as u64);
        let clamp = |edge: i64| edge.clamp(0, self.n_input as i64) as usize;
        clamp(self.offset_px)..clamp(end)
    }

    fn within(&self, window: &Range<usize>) -> (Range<usize>, Axis) {
        let shown = self.input_range();
        let start = shown.start.max(window.start);
        let input = start..shown.end.min(window.end).max(start);
        // Nothing shown: an empty window, wherever it lies.
        let shift = |edge: usize| (edge as i64 - self.offset_px).clamp(0, self.n_resized as i64) as usize;
        let window = shift(input.start)..shift(input.end);
        (input, Axis { n_source: self.n_source, n_target: self.n_resized, window })
    }
}

/// The largest size of the source's aspect inside `input`, rounded, at least one pixel.
fn fit(source: [usize; 2], input: [usize; 2]) -> [usize; 2] {
    let [height, width] = source.map(|n| n as u128);
    let [max_height, max_width] = input.map(|n| n as u128);
    let rounded = |product: u128, by: u128| ((2 * product + by) / (2 * by)).max(1) as usize;
    if height * max_width >= width * max_height {
        [input[0], rounded(width * max_height, height).min(input[1])]
    } else {
        [rounded(height * max_width, width).min(input[0]), input[1]]
    }
}

/// The short side to `shortest_px`, the long one to `floor(shortest_px * long / short)`, as
/// torchvision's `Resize` with a single number.
fn shortest([height, width]: [usize; 2], shortest_px: usize) -> [usize; 2] {
    let long = |long: usize, short: usize| {
        // Bounded so that offsets fit their type; no real image comes near.
        (shortest_px as u128 * long as u128 / short as u128).min(u128::from(u32::MAX)) as usize
    };
    if width <= height { [long(height, width), shortest_px] } else { [shortest_px, long(width, height)] }
}
