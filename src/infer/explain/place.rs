//! Where a patch of the grid lies in its image.

use crate::image::{PixelBox, Placement};
use crate::model::Grid;

/// A patch, in its grid and in its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatchPlace {
    /// Row in the grid, from the top.
    pub row: usize,
    /// Column in the grid, from the left.
    pub col: usize,
    /// The pixels of the image that the cell of the grid covers; the nearest ones where it covers padding alone.
    pub pixels: PixelBox,
}

impl PatchPlace {
    /// The place of patch `index` of `grid`, laid over the network's input, in an image of `size` (height, width) that
    /// `placement` put there.
    #[must_use]
    pub fn of(index: usize, grid: Grid, placement: &Placement, size: (usize, usize)) -> Self {
        let (height_px, width_px) = placement.input_px();
        let (row, col) = (index / grid.n_cols.max(1), index % grid.n_cols.max(1));
        let ((scale_y, scale_x), (offset_y, offset_x)) = (placement.scale(), placement.offset_px());
        let (top_px, height) = span(row, grid.n_rows, height_px, scale_y, offset_y, size.0);
        let (left_px, width) = span(col, grid.n_cols, width_px, scale_x, offset_x, size.1);
        Self { row, col, pixels: PixelBox { top_px, left_px, height_px: height, width_px: width } }
    }
}

/// First source pixel and number of source pixels under cell `index` of `n_cells` along one axis: those whose area the
/// cell touches by more than a thousandth.
fn span(index: usize, n_cells: usize, n_input: usize, scale: f64, offset: i64, n_source: usize) -> (usize, usize) {
    let cell = n_input as f64 / n_cells.max(1) as f64;
    let source = |edge: f64| (edge - offset as f64) / scale;
    let last = n_source.saturating_sub(1);
    let first = (source(index as f64 * cell) + 1e-3).floor().clamp(0.0, last as f64) as usize;
    let end = (source((index + 1) as f64 * cell) - 1e-3).ceil().clamp(0.0, n_source as f64) as usize;
    (first, end.max(first + 1) - first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Preprocessing, Resize};

    fn place(index: usize, resize: Resize, size: (usize, usize)) -> PatchPlace {
        let spec = Preprocessing::imagenet(64, 64, resize);
        PatchPlace::of(index, Grid { n_rows: 8, n_cols: 8 }, &spec.placement(size.0, size.1), size)
    }

    #[test]
    fn a_stretched_image_is_divided_evenly() {
        let found = place(2 * 8 + 5, Resize::StretchBilinear, (128, 32));
        assert_eq!((found.row, found.col), (2, 5));
        assert_eq!(found.pixels, PixelBox { top_px: 32, left_px: 20, height_px: 16, width_px: 4 });
    }

    #[test]
    fn every_pixel_of_a_small_image_is_covered_and_no_box_is_empty_or_outside() {
        for resize in [Resize::StretchBilinear, Resize::FitPad, Resize::ShortestCrop { shortest_px: 72 }] {
            for size in [(31, 95), (1, 1), (3, 200), (64, 64)] {
                for index in 0..64 {
                    let PixelBox { top_px, left_px, height_px, width_px } = place(index, resize, size).pixels;
                    assert!(height_px > 0 && width_px > 0, "{resize:?} {size:?} {index}");
                    assert!(
                        top_px + height_px <= size.0 && left_px + width_px <= size.1,
                        "{resize:?} {size:?} {index}"
                    );
                }
            }
        }
        let rows: usize = (0..8).map(|r| place(r * 8, Resize::StretchBilinear, (31, 95)).pixels.height_px).sum();
        assert!(rows >= 31);
    }

    #[test]
    fn padding_and_cropping_are_taken_back() {
        // 32 x 64 fits in 64 x 64 with 16 rows of padding above: grid row 2 begins at source row 0.
        let found = place(2 * 8, Resize::FitPad, (32, 64));
        assert_eq!(found.pixels, PixelBox { top_px: 0, left_px: 0, height_px: 8, width_px: 8 });
        // 72 of 64: four pixels are cut off on each side.
        let found = place(0, Resize::ShortestCrop { shortest_px: 72 }, (72, 72));
        assert_eq!(found.pixels, PixelBox { top_px: 4, left_px: 4, height_px: 8, width_px: 8 });
    }
}
