//! The descriptors that a detector is fitted to.

use super::look::{Glance, check_unchanged};
use super::room::{Base, Extent, Place, Watch};
use crate::condition::Gate;
use crate::dataset::Sample;
use crate::detect::{Described, DetectError, FeaturePipeline, Method, go_on};
use crate::flow::{Decoded, Flow, Origin, in_batches};
use crate::image::Image;
use crate::model::Grid;
use crate::progress::Progress;
use crate::train::{FitPlan, TrainError};
use rayon::prelude::*;
use std::path::Path;

/// Descriptors of the images that are learned from, and what a gate may learn from them.
pub(super) struct DescribedImages {
    pub(super) described: Described,
    /// The pooled descriptors of each image, where they were asked for: as the gate will see them, before the method makes
    /// them its own.
    pub(super) pooled: Vec<Vec<f32>>,
}

/// What is described, and how.
#[derive(Clone, Copy)]
pub(super) struct Describing<'a> {
    pub(super) features: &'a FeaturePipeline,
    pub(super) method: &'a dyn Method,
    pub(super) samples: &'a [&'a Sample],
    pub(super) glances: &'a [Glance<'a>],
    /// Which of the samples.
    pub(super) images: &'a [usize],
    /// Conditions in all.
    pub(super) n_conditions: usize,
    /// Whether their pooled descriptors are wanted.
    pub(super) pools: bool,
}

impl Describing<'_> {
    pub(super) fn run(
        &self,
        plan: &FitPlan,
        flow: &Flow,
        progress: &dyn Progress,
    ) -> Result<DescribedImages, TrainError> {
        let Self { samples, glances, images, .. } = *self;
        let origins: Vec<Origin<'_>> = images.iter().map(|i| glances[*i].origin).collect();
        let (mut found, mut pooled) = (None, vec![]);
        let base = Base::watch(flow);
        progress.begin("describing", images.len());
        in_batches(&origins, flow, |range, decoded| {
            go_on(progress)?;
            // An image that was readable a moment ago and is not any more is an error: the bundle would not be what it says.
            let (pixels, shares) = Decoded::whole(decoded).map_err(DetectError::Image)?;
            let borrowed: Vec<&Image> = pixels.iter().map(|image| &**image).collect();
            let seen: Vec<_> = images[range.clone()].iter().map(|i| (samples[*i], &glances[*i])).collect();
            check_unchanged(&seen, &borrowed)?;
            let mut descriptors = self.features.describe(&borrowed)?;
            drop((pixels, shares));
            let (grid, dim) = (descriptors.grid, descriptors.dim);
            let per_image = grid.n_patches() * dim;
            if self.pools {
                let of_batch = descriptors.rows.par_chunks_exact(per_image).map(|rows| Gate::pooled(rows, dim));
                pooled.extend(of_batch.collect::<Vec<_>>());
            }
            self.method.prepare(&mut descriptors.rows, dim);
            let all = match &mut found {
                Some(all) => all,
                None => found.insert(self.room(grid, dim, plan, &base, progress)?),
            };
            push(all, &descriptors.rows)?;
            progress.advance(range.len());
            Ok::<_, TrainError>(())
        })?;
        progress.end();
        let described = found.ok_or(TrainError::Bank(crate::bank::BankError::Empty))?;
        Ok(DescribedImages { described, pooled })
    }

    /// Room for the descriptors of all images.
    fn room(
        &self,
        grid: Grid,
        dim: usize,
        plan: &FitPlan,
        base: &Watch,
        progress: &dyn Progress,
    ) -> Result<Described, TrainError> {
        let n_images = self.images.len();
        let extent = Extent::new(self.method, n_images, (grid.n_patches(), dim), self.n_conditions);
        let temporary = std::env::temp_dir();
        let folder = plan.scratch.as_deref().unwrap_or(&temporary);
        match extent.place(plan.pace().allowed_bytes(), base.now(), folder)? {
            Place::Memory => Ok(Described::in_memory(n_images, grid, dim)),
            Place::File => {
                let shown = folder.display();
                progress.note(&format!("the patches do not fit in memory: they go to a scratch file in {shown}"));
                let error = |source| TrainError::Scratch { folder: folder.to_owned(), source };
                Described::in_file(folder, grid, dim).map_err(error)
            }
        }
    }
}

fn push(described: &mut Described, rows: &[f32]) -> Result<(), TrainError> {
    let pushed = described.push(rows);
    let folder = || described.folder().unwrap_or(Path::new(".")).to_owned();
    pushed.map_err(|source| TrainError::Scratch { folder: folder(), source })
}
