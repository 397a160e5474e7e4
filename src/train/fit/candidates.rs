//! The descriptors that a bank is chosen from.

use super::go_on;
use super::look::{Glance, check_unchanged};
use super::room::{Base, Extent, Place, Watch};
use super::scratch::ScratchFile;
use crate::bank::{BankError, RowSource, normalise_rows};
use crate::bundle;
use crate::dataset::Sample;
use crate::detect::{DetectError, FeaturePipeline};
use crate::flow::{Decoded, Flow, in_batches};
use crate::image::Image;
use crate::model::Grid;
use crate::progress::Progress;
use crate::train::{FitPlan, TrainError};
use std::borrow::Cow;
use std::io;
use std::ops::Range;
use std::path::Path;

/// Descriptors of the bank's images, one grid after the other, in memory or in a file.
pub(super) struct Candidates {
    held: Held,
    dim: usize,
    grid: Grid,
    n_rows: usize,
}

enum Held {
    Memory(Vec<f32>),
    File(ScratchFile),
}

impl Candidates {
    /// Describes `images` (indices into `samples`). With cosine distance the rows have length 1.
    pub(super) fn describe(
        pipeline: &FeaturePipeline,
        (samples, glances): (&[&Sample], &[Glance]),
        images: &[usize],
        (plan, flow): (&FitPlan, &Flow),
        progress: &dyn Progress,
    ) -> Result<Self, TrainError> {
        let paths: Vec<&Path> = images.iter().map(|i| samples[*i].path.as_path()).collect();
        let mut found: Option<Self> = None;
        let base = Base::watch(flow);
        progress.begin("describing", images.len());
        in_batches(&paths, flow, |range, decoded| {
            go_on(progress)?;
            // An image that was readable a moment ago and is not any more is an error: the bundle would not be what it says.
            let (pixels, shares) = Decoded::whole(decoded).map_err(DetectError::Image)?;
            let borrowed: Vec<&Image> = pixels.iter().collect();
            let seen: Vec<_> = images[range.clone()].iter().map(|i| (samples[*i], &glances[*i])).collect();
            check_unchanged(&seen, &borrowed)?;
            let mut descriptors = pipeline.describe(&borrowed)?;
            drop((pixels, shares));
            if plan.metric == bundle::Metric::Cosine {
                normalise_rows(&mut descriptors.rows, descriptors.dim);
            }
            let all = match &mut found {
                Some(all) => all,
                None => {
                    let (grid, dim) = (descriptors.grid, descriptors.dim);
                    found.insert(Self::new(images.len(), grid, dim, plan, &base, progress)?)
                }
            };
            all.push(&descriptors.rows)?;
            progress.advance(range.len());
            Ok::<_, TrainError>(())
        })?;
        progress.end();
        found.ok_or(TrainError::Bank(BankError::Empty))
    }

    /// Room for the descriptors of `n_images`.
    fn new(
        n_images: usize,
        grid: Grid,
        dim: usize,
        plan: &FitPlan,
        base: &Watch,
        progress: &dyn Progress,
    ) -> Result<Self, TrainError> {
        let n_patches = grid.n_patches();
        let extent = Extent::of(plan, n_images, n_patches, dim);
        let temporary = std::env::temp_dir();
        let folder = plan.scratch.as_deref().unwrap_or(&temporary);
        let held = match extent.place(plan.pace().allowed_bytes(), base.now(), folder)? {
            Place::Memory => Held::Memory(Vec::with_capacity(n_images * n_patches * dim)),
            Place::File => {
                progress.note(&format!(
                    "the patches do not fit in memory: they go to a scratch file in {}",
                    folder.display()
                ));
                let error = |source| TrainError::Scratch { folder: folder.to_owned(), source };
                Held::File(ScratchFile::new(folder).map_err(error)?)
            }
        };
        Ok(Self { held, dim, grid, n_rows: 0 })
    }

    fn push(&mut self, rows: &[f32]) -> Result<(), TrainError> {
        self.n_rows += rows.len() / self.dim;
        match &mut self.held {
            Held::Memory(all) => {
                all.extend_from_slice(rows);
                Ok(())
            }
            Held::File(file) => {
                file.append(rows).map_err(|source| TrainError::Scratch { folder: file.folder().to_owned(), source })
            }
        }
    }

    pub(super) fn grid(&self) -> Grid {
        self.grid
    }

    /// The descriptors of the `index`-th image, `[n_patches, dim]`.
    pub(super) fn image(&self, index: usize) -> Result<Cow<'_, [f32]>, BankError> {
        let n_patches = self.grid.n_patches();
        self.rows(index * n_patches..(index + 1) * n_patches).map_err(BankError::Rows)
    }

    /// These rows, in this order.
    pub(super) fn gather(&self, rows: &[usize]) -> Result<Vec<f32>, BankError> {
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

impl RowSource for Candidates {
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
