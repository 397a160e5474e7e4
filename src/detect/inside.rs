//! What is looked at of an image.

use crate::image::{Preprocessing, Roi};
use crate::model::Grid;
use crate::score::AnomalyMap;
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

/// Which pixels of the network's input, or of all tiles together, are looked at, `[height_px * width_px]`.
pub(crate) type Seen = Arc<[bool]>;

/// The patches and the pixels of the network's input that a region of interest holds in images of one size.
///
/// A patch is inside when the centre of its cell of the grid is, a pixel when its centre is. Padding never is.
#[derive(Debug, PartialEq)]
pub struct Inside {
    patches: Vec<u32>,
    pixels: Seen,
    grid: Grid,
    /// How much of a map's pixel comes from patches inside, drawn with this deviation.
    weights: OnceLock<(f32, Vec<f32>)>,
}

impl Inside {
    /// Of images of `size` (rows, columns) whose patches lie on `grid`, in all of `rois`; `pixels` are those of the input.
    pub(super) fn of(rois: &[&Roi], of: (&Preprocessing, (usize, usize)), grid: Grid, pixels: Seen) -> Self {
        let is_inside = Self::cells(rois, of, Some(grid));
        let patches = (0..grid.n_patches() as u32).filter(|patch| is_inside[*patch as usize]).collect();
        Self { patches, pixels, grid, weights: OnceLock::new() }
    }

    /// Which cells of a grid over the input of images of `size` (rows, columns) have their centre inside; pixels of the input
    /// where there is no grid.
    pub(super) fn cells(
        rois: &[&Roi],
        (input, size): (&Preprocessing, (usize, usize)),
        grid: Option<Grid>,
    ) -> Vec<bool> {
        let placement = input.placement(size.0, size.1);
        let input_px = placement.input_px();
        let ((scale_y, scale_x), (top, left)) = (placement.scale(), placement.offset_px());
        // The centres of `n` cells along a side of the input, in shares of the image.
        let centres = |n: usize, side: usize, offset: i64, scale: f64, source: usize| -> Vec<f64> {
            let centre = |at: usize| (at as f64 + 0.5) * side as f64 / n as f64;
            (0..n).map(|at| (centre(at) - offset as f64) / scale / source as f64).collect()
        };
        let (n_rows, n_cols) = grid.map_or(input_px, |grid| (grid.n_rows, grid.n_cols));
        let rows = centres(n_rows, input_px.0, top, scale_y, size.0);
        let columns = centres(n_cols, input_px.1, left, scale_x, size.1);
        let is_inside = |y: f64, x: f64| rois.iter().all(|roi| roi.contains(y, x));
        rows.iter().flat_map(|y| columns.iter().map(|x| is_inside(*y, *x))).collect()
    }

    /// The patches inside, by their indices in the grid, in that order.
    #[must_use]
    pub fn patches(&self) -> &[u32] {
        &self.patches
    }

    /// Which pixels are inside, `[height_px * width_px]` of the network's input.
    #[must_use]
    pub fn pixels(&self) -> &[bool] {
        &self.pixels
    }

    /// The same, shared.
    pub(super) fn seen(&self) -> Seen {
        Arc::clone(&self.pixels)
    }

    /// The rows of the patches inside.
    ///
    /// # Shapes
    /// `rows`: `[n_patches, dim]`, all of the grid. Result: `[patches inside, dim]`.
    pub(crate) fn rows(&self, rows: &[f32], dim: usize) -> Vec<f32> {
        self.patches.iter().flat_map(|patch| &rows[*patch as usize * dim..][..dim]).copied().collect()
    }

    /// The same in place: they come first, the others are lost. How many values they are.
    pub(crate) fn bring_forward(&self, rows: &mut [f32], dim: usize) -> usize {
        for (to, from) in self.patches.iter().enumerate() {
            let from = *from as usize;
            rows.copy_within(from * dim..(from + 1) * dim, to * dim);
        }
        self.patches.len() * dim
    }

    /// A value for each patch of the grid, 0 outside.
    pub(super) fn spread(&self, values: &[f32]) -> Vec<f32> {
        let mut all = vec![0.0; self.grid.n_patches()];
        self.patches.iter().zip(values).for_each(|(patch, value)| all[*patch as usize] = *value);
        all
    }

    /// The map of the patches inside: each pixel is the mean of those, weighted as in a map of all, so that what lies outside
    /// takes nothing from the border; outside it is 0.
    pub(super) fn draw(&self, values: &[f32], (height_px, width_px): (usize, usize), sigma_px: f32) -> AnomalyMap {
        let draw = |values: &[f32]| AnomalyMap::draw(&self.spread(values), self.grid, height_px, width_px, sigma_px);
        let weights = || draw(&vec![1.0; self.patches.len()]).values;
        // A detector draws all its maps alike.
        let (known, kept) = self.weights.get_or_init(|| (sigma_px, weights()));
        let weights = if *known == sigma_px { Cow::Borrowed(kept) } else { Cow::Owned(weights()) };
        let mut map = draw(values);
        map.values.iter_mut().zip(&*weights).for_each(|(v, w)| *v = if *w > 0.0 { *v / w } else { 0.0 });
        self.clear(&mut map);
        map
    }

    /// Sets a map to 0 outside.
    pub(super) fn clear(&self, map: &mut AnomalyMap) {
        map.values
            .iter_mut()
            .zip(&*self.pixels)
            .for_each(|(value, is_inside)| *value = if *is_inside { *value } else { 0.0 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Resize, RoiArea};

    fn inside(roi: &Roi, resize: Resize, size: (usize, usize)) -> Inside {
        let (input, grid) = (Preprocessing::imagenet(64, 64, resize), Grid { n_rows: 8, n_cols: 8 });
        let pixels = Inside::cells(&[roi], (&input, size), None).into();
        Inside::of(&[roi], (&input, size), grid, pixels)
    }

    fn left_half() -> Roi {
        Roi { inside: vec![RoiArea::Rectangle([0.0, 0.0, 0.5, 1.0])], ignored: vec![] }
    }

    #[test]
    fn patches_and_pixels_are_inside_by_their_centres_and_padding_never_is() {
        let stretched = inside(&left_half(), Resize::StretchBilinear, (100, 300));
        assert_eq!(stretched.patches()[..5], [0, 1, 2, 3, 8]);
        assert_eq!((stretched.patches().len(), stretched.pixels().iter().filter(|p| **p).count()), (32, 64 * 32));
        // 32 of 64 rows are padding.
        let padded = inside(&left_half(), Resize::FitPad, (100, 200));
        assert_eq!((padded.patches().len(), padded.patches()[0]), (16, 16));
        let whole = inside(&Roi { inside: vec![], ignored: vec![] }, Resize::FitPad, (100, 200));
        assert_eq!(whole.patches().len(), 32);
        // A crop of the middle half sees a quarter to the left and one to the right.
        let cropped = inside(&left_half(), Resize::ShortestCrop { shortest_px: 64 }, (100, 200));
        assert_eq!((cropped.patches().len(), cropped.patches()[..4].to_vec()), (32, vec![0, 1, 2, 3]));
    }

    #[test]
    fn the_border_of_a_map_is_as_high_as_its_middle() {
        let inside = inside(&left_half(), Resize::StretchBilinear, (64, 64));
        for sigma_px in [4.0, 0.0] {
            let map = inside.draw(&vec![2.0; inside.patches().len()], (64, 64), sigma_px);
            let is_right = |(at, v): (usize, &f32)| if at % 64 < 32 { (v - 2.0).abs() < 1e-5 } else { *v == 0.0 };
            assert!(map.values.iter().enumerate().all(is_right), "{sigma_px}");
        }
    }

    #[test]
    fn rows_are_those_of_the_patches_inside() {
        let inside = inside(&left_half(), Resize::StretchBilinear, (64, 64));
        let mut rows: Vec<f32> = (0..64 * 2).map(|i| i as f32).collect();
        let own = inside.rows(&rows, 2);
        assert_eq!((own.len(), own[8..12].to_vec()), (64, vec![16.0, 17.0, 18.0, 19.0]));
        let n = inside.bring_forward(&mut rows, 2);
        assert_eq!(rows[..n], own);
    }
}
