//! The descriptors of the images of a fit.

use crate::bank::{BankError, RowSource};
use crate::flow::ScratchFile;
use crate::model::Grid;
use std::borrow::Cow;
use std::io;
use std::ops::Range;
use std::path::Path;

/// Descriptors of many images, one grid after the other, in memory or in a file.
pub struct Described {
    held: Held,
    dim: usize,
    grid: Grid,
    n_rows: usize,
}

enum Held {
    Memory(Vec<f32>),
    File(ScratchFile),
}

impl Described {
    /// In memory, with room for so many images.
    pub(crate) fn in_memory(n_images: usize, grid: Grid, dim: usize) -> Self {
        Self { held: Held::Memory(Vec::with_capacity(n_images * grid.n_patches() * dim)), dim, grid, n_rows: 0 }
    }

    /// In a file in `folder`.
    pub(crate) fn in_file(folder: &Path, grid: Grid, dim: usize) -> io::Result<Self> {
        Ok(Self { held: Held::File(ScratchFile::new(folder)?), dim, grid, n_rows: 0 })
    }

    /// Where the file is, if there is one.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match &self.held {
            Held::Memory(_) => None,
            Held::File(file) => Some(file.folder()),
        }
    }

    /// Adds the descriptors of one or more images.
    pub(crate) fn push(&mut self, rows: &[f32]) -> io::Result<()> {
        self.n_rows += rows.len() / self.dim;
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
        self.n_rows / self.grid.n_patches().max(1)
    }

    /// The descriptors of the `index`-th image.
    ///
    /// # Shapes
    /// Result: `[n_patches, dim]`.
    ///
    /// # Errors
    /// [`BankError::Rows`] where they can't be read.
    pub fn image(&self, index: usize) -> Result<Cow<'_, [f32]>, BankError> {
        let n_patches = self.grid.n_patches();
        self.rows(index * n_patches..(index + 1) * n_patches).map_err(BankError::Rows)
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
        self.n_rows
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
