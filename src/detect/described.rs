//! The descriptors of the images of a fit.

use super::{Canvas, Inside, Order, Patches, Tiling};
use crate::bank::{BankError, RowSource};
use crate::flow::ScratchFile;
use crate::image::Placement;
use crate::model::Grid;
use std::borrow::Cow;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Descriptors of many images, those of the patches that are looked at, one image after the other, in memory or in a file.
pub struct Described {
    held: Held,
    dim: usize,
    grid: Grid,
    images: Vec<OfImage>,
}

/// What is known of an image's rows.
struct OfImage {
    /// Where its own end, and where those of its turned copies do.
    own_end: usize,
    end: usize,
    grid: Grid,
    /// What is looked at, where that is not all.
    inside: Option<Arc<Inside>>,
    /// The order of the patches that are looked at, where it is not that of the grid: the image was cut into tiles.
    order: Option<Arc<Order>>,
    /// Which of its own patches count where it is judged; `None` for all.
    counts: Option<Vec<bool>>,
}

/// Rows of a large image that are compared at a time, at most.
const PIECE: usize = 4096;

enum Held {
    Memory(Vec<f32>),
    File(ScratchFile),
}

impl Described {
    /// In memory, with room for so many rows. `grid`: of what the network sees at a time.
    pub(crate) fn in_memory(n_rows: usize, grid: Grid, dim: usize) -> Self {
        Self::new(Held::Memory(Vec::with_capacity(n_rows * dim)), grid, dim)
    }

    /// In a file in `folder`.
    pub(crate) fn in_file(folder: &Path, grid: Grid, dim: usize) -> io::Result<Self> {
        Ok(Self::new(Held::File(ScratchFile::new(folder)?), grid, dim))
    }

    fn new(held: Held, grid: Grid, dim: usize) -> Self {
        Self { held, dim, grid, images: vec![] }
    }

    /// Where the file is, if there is one.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match &self.held {
            Held::Memory(_) => None,
            Held::File(file) => Some(file.folder()),
        }
    }

    /// Adds the descriptors of an image: of the patches inside, where that is known. `counts`: which of them do where it is judged.
    pub(crate) fn push(
        &mut self,
        rows: &[f32],
        inside: Option<Arc<Inside>>,
        counts: Option<Vec<bool>>,
    ) -> io::Result<()> {
        let n_rows = self.n_rows();
        self.images.push(OfImage { own_end: n_rows, end: n_rows, grid: self.grid, inside, order: None, counts });
        self.extend(rows)
    }

    /// Begins an image in tiles, which has no rows yet.
    pub(crate) fn begin(&mut self, tiling: &Tiling) {
        let (inside, order) = (tiling.inside.clone(), Some(Arc::clone(&tiling.order)));
        let n_rows = self.n_rows();
        self.images.push(OfImage { own_end: n_rows, end: n_rows, grid: tiling.grid, inside, order, counts: None });
    }

    /// Adds rows to the last image.
    pub(crate) fn extend(&mut self, rows: &[f32]) -> io::Result<()> {
        self.add(rows, true)
    }

    /// Adds rows of a turned copy of the last image: they are learned from, and the image is not judged by them.
    pub(crate) fn extend_turned(&mut self, rows: &[f32]) -> io::Result<()> {
        self.add(rows, false)
    }

    fn add(&mut self, rows: &[f32], are_own: bool) -> io::Result<()> {
        if let Some(image) = self.images.last_mut() {
            image.end += rows.len() / self.dim;
            image.own_end = if are_own { image.end } else { image.own_end };
        }
        match &mut self.held {
            Held::Memory(all) => {
                all.extend_from_slice(rows);
                Ok(())
            }
            Held::File(file) => file.append(rows),
        }
    }

    /// The patch grid of what the network sees at a time: of an image, or of one of its tiles.
    #[must_use]
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// The patch grid of the `index`-th image.
    #[must_use]
    pub fn grid_of(&self, index: usize) -> Grid {
        self.images[index].grid
    }

    /// Whether images were cut into tiles: the same index in the grid is then another place in each.
    #[must_use]
    pub fn is_in_tiles(&self) -> bool {
        self.images.iter().any(|image| image.order.is_some())
    }

    /// Images.
    #[must_use]
    pub fn n_images(&self) -> usize {
        self.images.len()
    }

    /// The descriptors that the `index`-th image gives to learn from.
    ///
    /// # Shapes
    /// Result: `[n, dim]`, of the patches that are looked at; of turned copies of it after its own.
    ///
    /// # Errors
    /// [`BankError::Rows`] where they can't be read.
    pub fn image(&self, index: usize) -> Result<Cow<'_, [f32]>, BankError> {
        self.rows(self.rows_of(index)).map_err(BankError::Rows)
    }

    /// What is looked at of the `index`-th image; `None` for all of it.
    #[must_use]
    pub fn inside(&self, index: usize) -> Option<&Inside> {
        self.images[index].inside.as_deref()
    }

    /// Which patches of the `index`-th image count where it is judged; `None` for all.
    pub(crate) fn counts(&self, index: usize) -> Option<&[bool]> {
        self.images[index].counts.as_deref()
    }

    /// Whether turned copies of images are learned from.
    #[must_use]
    pub fn has_turned_copies(&self) -> bool {
        self.images.iter().any(|image| image.own_end < image.end)
    }

    /// What the maps of the `index`-th image are drawn on, where it lies as `placement` says.
    pub(crate) fn canvas<'a>(&'a self, index: usize, placement: &'a Placement) -> Canvas<'a> {
        let OfImage { grid, inside, order, .. } = &self.images[index];
        Canvas { grid: *grid, inside: inside.as_deref(), order: order.as_deref(), placement }
    }

    /// Which rows of the `index`-th image are compared at a time: all of them, unless it is in tiles.
    pub(crate) fn pieces(&self, index: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let Range { start, end } = self.own_rows(index);
        let length = if self.images[index].order.is_some() { PIECE } else { (end - start).max(1) };
        (start..end).step_by(length).map(move |from| from..end.min(from + length))
    }

    /// The patches of the `index`-th image whose rows are these of all rows, as a detector gets them.
    pub(crate) fn patches<'a>(&'a self, index: usize, (rows, range): (&'a [f32], Range<usize>)) -> Patches<'a> {
        let start = self.rows_of(index).start;
        let places = self.places(index).map(|places| &places[range.start - start..range.end - start]);
        Patches { rows, grid: self.grid_of(index), places }
    }

    /// The patches of the `index`-th image that are looked at, in the order of its rows; `None` for all of the grid.
    fn places(&self, index: usize) -> Option<&[u32]> {
        let OfImage { inside, order, .. } = &self.images[index];
        order.as_ref().map(|order| order.places()).or(inside.as_ref().map(|inside| inside.patches()))
    }

    /// Which rows are the own ones of the `index`-th image, not those of its turned copies.
    #[must_use]
    pub fn own_rows(&self, index: usize) -> Range<usize> {
        self.rows_of(index).start..self.images[index].own_end
    }

    /// Which rows are those of the `index`-th image.
    #[must_use]
    pub fn rows_of(&self, index: usize) -> Range<usize> {
        let start = if index == 0 { 0 } else { self.images[index - 1].end };
        start..self.images[index].end
    }

    /// The image that a row is of, and the index of its patch in the grid; `None` for one of a turned copy.
    #[must_use]
    pub fn origin(&self, row: usize) -> (usize, Option<usize>) {
        let index = self.images.partition_point(|image| image.end <= row);
        let at = row - self.rows_of(index).start;
        let place = self.places(index).map_or(at, |places| places.get(at).map_or(at, |place| *place as usize));
        (index, (row < self.images[index].own_end).then_some(place))
    }

    /// The row of a patch of the grid of the `index`-th image, if it is looked at.
    #[must_use]
    pub fn row_at(&self, index: usize, place: usize) -> Option<usize> {
        let at = match &self.images[index] {
            OfImage { order: Some(order), .. } => order.rank(place),
            OfImage { inside: Some(inside), .. } => inside.patches().binary_search(&(place as u32)).ok(),
            OfImage { .. } => Some(place),
        };
        at.map(|at| self.rows_of(index).start + at)
    }

    /// These rows, in this order.
    ///
    /// # Shapes
    /// Result: `[rows.len(), dim]`.
    ///
    /// # Errors
    /// As [`Self::image`].
    pub fn gather(&self, rows: &[usize]) -> Result<Vec<f32>, BankError> {
        let mut values = vec![0.0; rows.len() * self.dim];
        // A disk reads forwards.
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_unstable_by_key(|at| rows[*at]);
        for at in order {
            let row = self.rows(rows[at]..rows[at] + 1).map_err(BankError::Rows)?;
            values[at * self.dim..][..self.dim].copy_from_slice(&row);
        }
        Ok(values)
    }
}

impl RowSource for Described {
    fn n_rows(&self) -> usize {
        self.images.last().map_or(0, |image| image.end)
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn rows(&self, range: Range<usize>) -> io::Result<Cow<'_, [f32]>> {
        match &self.held {
            Held::Memory(all) => Ok(Cow::Borrowed(&all[range.start * self.dim..range.end * self.dim])),
            Held::File(file) => file.read((range.start * self.dim) as u64, range.len() * self.dim).map(Cow::Owned),
        }
    }
}
