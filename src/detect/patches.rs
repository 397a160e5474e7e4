//! The patches of an image, as a detector gets them.

use crate::model::Grid;

/// The descriptors of the patches of one image that are looked at, or of some of them.
#[derive(Clone, Copy, Debug)]
pub struct Patches<'a> {
    /// `[n, dim]`.
    pub rows: &'a [f32],
    /// The grid of the image.
    pub grid: Grid,
    /// Which patches of the grid they are, by their indices in it; `None` for all of them in order.
    pub places: Option<&'a [u32]>,
}

impl<'a> Patches<'a> {
    /// All patches of a grid.
    #[must_use]
    pub fn all(rows: &'a [f32], grid: Grid) -> Self {
        Self { rows, grid, places: None }
    }

    /// The index in the grid of each, in order.
    pub fn places(&self) -> impl Iterator<Item = usize> + use<'a> {
        let Self { grid, places, .. } = *self;
        let n = places.map_or(grid.n_patches(), <[u32]>::len);
        (0..n).map(move |at| places.map_or(at, |places| places[at] as usize))
    }
}
