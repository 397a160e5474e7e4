//! The descriptors of the images of a fit.

use super::{Inside, Patches};
use crate::bank::{BankError, RowSource};
use crate::flow::ScratchFile;
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
    /// Where the rows of each image end.
    ends: Vec<usize>,
    /// What is looked at of each.
    inside: Vec<Option<Arc<Inside>>>,
}

enum Held {
    Memory(Vec<f32>),
    File(ScratchFile),
}

impl Described {
    /// In memory, with room for so many images.
    pub(crate) fn in_memory(n_images: usize, grid: Grid, dim: usize) -> Self {
        Self::new(Held::Memory(Vec::with_capacity(n_images * grid.n_patches() * dim)), grid, dim)
    }

    /// In a file in `folder`.
    pub(crate) fn in_file(folder: &Path, grid: Grid, dim: usize) -> io::Result<Self> {
        Ok(Self::new(Held::File(ScratchFile::new(folder)?), grid, dim))
    }

    fn new(held: Held, grid: Grid, dim: usize) -> Self {
        Self { held, dim, grid, ends: vec![], inside: vec![] }
    }

    /// Where the file is, if there is one.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match &self.held {
            Held::Memory(_) => None,
            Held::File(file) => Some(file.folder()),
        }
    }

    /// Adds the descriptors of an image: of the patches inside, where that is known.
    pub(crate) fn push(&mut self, rows: &[f32], inside: Option<Arc<Inside>>) -> io::Result<()> {
        self.ends.push(self.n_rows() + rows.len() / self.dim);
        self.inside.push(inside);
        match &mut self.held {
            Held::Memory(all) => {
                all.extend_from_slice(rows);
                Ok(())
            }
            Held::File(file) => file.append(rows),
        }
    }

    /// The patch grid of one image.
    #[must_use]
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// Images.
    #[must_use]
    pub fn n_images(&self) -> usize {
        self.ends.len()
    }

    /// The descriptors of the `index`-th image.
    ///
    /// # Shapes
    /// Result: `[n, dim]`, of the patches that are looked at.
    ///
    /// # Errors
    /// [`BankError::Rows`] where they can't be read.
    pub fn image(&self, index: usize) -> Result<Cow<'_, [f32]>, BankError> {
        self.rows(self.rows_of(index)).map_err(BankError::Rows)
    }

    /// What is looked at of the `index`-th image; `None` for all of it.
    #[must_use]
    pub fn inside(&self, index: usize) -> Option<&Inside> {
        self.inside[index].as_deref()
    }

    /// These descriptors of the `index`-th image, as a detector gets them.
    #[must_use]
    pub fn patches<'a>(&'a self, index: usize, rows: &'a [f32]) -> Patches<'a> {
        Patches { rows, grid: self.grid, inside: self.inside(index) }
    }

    /// Which rows are those of the `index`-th image.
    #[must_use]
    pub fn rows_of(&self, index: usize) -> Range<usize> {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        start..self.ends[index]
    }

    /// The image that a row is of, and the index of its patch in the grid.
    #[must_use]
    pub fn origin(&self, row: usize) -> (usize, usize) {
        let index = self.ends.partition_point(|end| *end <= row);
        let at = row - self.rows_of(index).start;
        (index, self.inside(index).map_or(at, |inside| inside.patches()[at] as usize))
    }

    /// The row of a patch of the grid of the `index`-th image, if it is looked at.
    #[must_use]
    pub fn row_at(&self, index: usize, place: usize) -> Option<usize> {
        let at = match self.inside(index) {
            None => Some(place),
            Some(inside) => inside.patches().binary_search(&(place as u32)).ok(),
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
        self.ends.last().copied().unwrap_or(0)
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
