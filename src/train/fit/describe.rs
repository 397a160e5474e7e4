//! The descriptors that a detector is fitted to.

use super::look::{Glance, check_unchanged};
use super::room::{Base, Extent, Place, Watch};
use crate::bank::PatchDescriptors;
use crate::condition::Gate;
use crate::dataset::Sample;
use crate::detect::{Described, DetectError, FeaturePipeline, Inside, Method, go_on};
use crate::flow::{Decoded, Flow, Origin, in_batches};
use crate::image::Image;
use crate::model::Grid;
use crate::progress::Progress;
use crate::train::{FitPlan, TrainError};
use rayon::prelude::*;
use std::path::Path;
use std::sync::Arc;

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
            let inside = seen.iter().map(|of| self.inside(*of, grid)).collect::<Result<Vec<_>, _>>()?;
            let kept = self.keep(&mut descriptors, &inside);
            let all = match &mut found {
                Some(all) => all,
                None => found.insert(self.room(grid, dim, plan, &base, progress)?),
            };
            let per_image = descriptors.rows.chunks_exact(grid.n_patches() * dim);
            for ((rows, inside), (n_values, of_image)) in per_image.zip(inside).zip(kept) {
                push(all, &rows[..n_values], inside)?;
                pooled.extend(of_image);
            }
            progress.advance(range.len());
            Ok::<_, TrainError>(())
        })?;
        progress.end();
        let described = found.ok_or(TrainError::Bank(crate::bank::BankError::Empty))?;
        Ok(DescribedImages { described, pooled })
    }

    /// What is looked at of an image.
    fn inside(&self, (sample, glance): (&Sample, &Glance<'_>), grid: Grid) -> Result<Option<Arc<Inside>>, TrainError> {
        let named = |source| TrainError::Outside { name: sample.name.clone(), source: Box::new(source) };
        self.features.inside(glance.size_px, grid).map_err(named)
    }

    /// Brings the patches inside of each image to the front of its rows, as the method wants them; the values that are left of
    /// each, and what a gate learns from them.
    fn keep(
        &self,
        descriptors: &mut PatchDescriptors,
        inside: &[Option<Arc<Inside>>],
    ) -> Vec<(usize, Option<Vec<f32>>)> {
        let (n_patches, dim) = (descriptors.grid.n_patches(), descriptors.dim);
        let images = descriptors.rows.par_chunks_exact_mut(n_patches * dim).zip(inside);
        let keep = |(rows, inside): (&mut [f32], &Option<Arc<Inside>>)| {
            let n_values = inside.as_ref().map_or(rows.len(), |inside| inside.bring_forward(rows, dim));
            let own = &mut rows[..n_values];
            let pooled = self.pools.then(|| Gate::pooled(own, dim));
            self.method.prepare(own, dim);
            (n_values, pooled)
        };
        images.map(keep).collect()
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

fn push(described: &mut Described, rows: &[f32], inside: Option<Arc<Inside>>) -> Result<(), TrainError> {
    let pushed = described.push(rows, inside);
    let folder = || described.folder().unwrap_or(Path::new(".")).to_owned();
    pushed.map_err(|source| TrainError::Scratch { folder: folder(), source })
}
