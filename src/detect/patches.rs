//! The patches of an image, as a detector gets them.

use super::Inside;
use crate::model::Grid;

/// The descriptors of the patches of one image that are looked at.
#[derive(Clone, Copy, Debug)]
pub struct Patches<'a> {
    /// `[n, dim]`, in the order of the grid.
    pub rows: &'a [f32],
    /// The grid of the image.
    pub grid: Grid,
    /// Which patches of the grid they are; `None` for all.
    pub inside: Option<&'a Inside>,
}

impl<'a> Patches<'a> {
    /// All patches of a grid.
    #[must_use]
    pub fn all(rows: &'a [f32], grid: Grid) -> Self {
        Self { rows, grid, inside: None }
    }

    /// The index in the grid of each, in order.
    pub fn places(&self) -> impl Iterator<Item = usize> + use<'a> {
        let inside = self.inside.map(Inside::patches);
        let n = inside.map_or(self.grid.n_patches(), <[u32]>::len);
        (0..n).map(move |at| inside.map_or(at, |patches| patches[at] as usize))
    }
}
