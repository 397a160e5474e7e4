//! The descriptors that a detector is fitted to.

use super::look::{Glance, check_unchanged};
use super::room::{Base, Extent, Place, Watch, n_rows};
use crate::bank::PatchDescriptors;
use crate::bundle::MAX_POOLED_IMAGES;
use crate::condition::{Gate, Pooling};
use crate::dataset::Sample;
use crate::detect::{Described, DetectError, FeaturePipeline, Inside, Method, Seen, go_on};
use crate::flow::{Decoded, Flow, Origin, in_batches};
use crate::image::Image;
use crate::model::Grid;
use crate::progress::Progress;
use crate::train::{FitPlan, TrainError};
use rayon::prelude::*;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Descriptors of the images that are learned from, and what a gate may learn from them.
pub(super) struct DescribedImages {
    pub(super) described: Described,
    /// The pooled descriptors of the images of which they were asked for: as the gate will see them, before the method makes
    /// them its own.
    pub(super) pooled: Vec<Vec<f32>>,
}

/// Of which images the pooled descriptors are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pools {
    /// Of none.
    None,
    /// Of as many as a bundle keeps, evenly spread.
    Few,
    /// Of all.
    All,
}

impl Pools {
    /// Whether those of the image at this place among `n` are.
    pub(super) fn wants(self, at: usize, n: usize) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Few => n <= MAX_POOLED_IMAGES || (at * MAX_POOLED_IMAGES).div_ceil(n) * n / MAX_POOLED_IMAGES == at,
        }
    }
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
    /// Of which the pooled descriptors are wanted.
    pub(super) pools: Pools,
}

/// What has been described so far.
struct Made<'a> {
    plan: &'a FitPlan,
    base: Watch,
    progress: &'a dyn Progress,
    described: Option<Described>,
    pooled: Vec<Vec<f32>>,
    /// Images that were described.
    n_images: usize,
}

/// What is kept of an image.
struct Own {
    /// Values of its descriptors.
    n_values: usize,
    /// What a gate learns from them.
    pooled: Option<Vec<f32>>,
    /// Which patches count where it is judged.
    counts: Option<Vec<bool>>,
}

impl Describing<'_> {
    pub(super) fn run(
        &self,
        plan: &FitPlan,
        flow: &Flow,
        progress: &dyn Progress,
    ) -> Result<DescribedImages, TrainError> {
        let Self { features, samples, glances, images, .. } = *self;
        let origins: Vec<Origin<'_>> = images.iter().map(|i| glances[*i].origin).collect();
        let mut made = Made { plan, base: Base::watch(flow), progress, described: None, pooled: vec![], n_images: 0 };
        progress.begin("describing", images.len());
        in_batches(&origins, flow, |range, decoded| {
            go_on(progress)?;
            // An image that was readable a moment ago and is not any more is an error: the bundle would not be what it says.
            let (pixels, shares) = Decoded::whole(decoded).map_err(DetectError::Image)?;
            let borrowed: Vec<&Image> = pixels.iter().map(|image| &**image).collect();
            let seen: Vec<_> = images[range.clone()].iter().map(|i| (samples[*i], &glances[*i])).collect();
            check_unchanged(&seen, &borrowed)?;
            if features.preprocessing().tiles.is_some() || plan.rotate > 1 {
                for (image, of) in borrowed.iter().zip(&seen) {
                    if features.preprocessing().tiles.is_some() {
                        self.keep_tiles(image, of.0, &mut made)?;
                    } else {
                        let (descriptors, seen) = features.describe_seen(&[image])?;
                        let inside = self.inside((image, seen[0].clone()), of.0, descriptors.grid)?;
                        self.keep_whole(descriptors, vec![inside], &mut made)?;
                    }
                    self.keep_copies(image, of.0, &mut made)?;
                }
            } else {
                let (descriptors, looked_at) = features.describe_seen(&borrowed)?;
                let of_each = borrowed.iter().copied().zip(looked_at).zip(&seen);
                let inside = of_each.map(|(image, (sample, _))| self.inside(image, sample, descriptors.grid));
                let inside = inside.collect::<Result<Vec<_>, _>>()?;
                drop((pixels, shares));
                self.keep_whole(descriptors, inside, &mut made)?;
            }
            progress.advance(range.len());
            Ok::<_, TrainError>(())
        })?;
        progress.end();
        let Made { described, pooled, .. } = made;
        let described = described.ok_or(TrainError::Bank(crate::bank::BankError::Empty))?;
        Ok(DescribedImages { described, pooled })
    }

    /// Keeps the descriptors of some images.
    fn keep_whole(
        &self,
        mut descriptors: PatchDescriptors,
        inside: Vec<Option<Arc<Inside>>>,
        made: &mut Made<'_>,
    ) -> Result<(), TrainError> {
        let (grid, dim) = (descriptors.grid, descriptors.dim);
        let kept = self.bring_forward(&mut descriptors, &inside, made.n_images);
        made.n_images += kept.len();
        let per_image = descriptors.rows.chunks_exact(grid.n_patches() * dim);
        for ((rows, inside), Own { n_values, pooled, counts }) in per_image.zip(inside).zip(kept) {
            let described = self.room(grid, dim, made)?;
            named(described.push(&rows[..n_values], inside, counts), described)?;
            made.pooled.extend(pooled);
        }
        Ok(())
    }

    /// Describes turned copies of the image that was kept last, and keeps their descriptors with its own.
    fn keep_copies(&self, image: &Image, sample: &Sample, made: &mut Made<'_>) -> Result<(), TrainError> {
        let n_copies = made.plan.rotate;
        if n_copies > 1 && image.roi().is_some() {
            return Err(TrainError::TurnedRoi { name: sample.name.clone() });
        }
        for copy in 1..n_copies {
            go_on(made.progress)?;
            let turned = image.turned(360.0 * copy as f64 / n_copies as f64);
            let mut keep = |mut rows: Vec<f32>, grid: Grid, dim: usize| {
                self.method.prepare(&mut rows, dim);
                let described = self.room(grid, dim, made)?;
                named(described.extend_turned(&rows), described)
            };
            match self.features.tiling((image.height_px(), image.width_px()), None)? {
                None => {
                    let PatchDescriptors { rows, grid, dim, .. } = self.features.describe(&[&turned])?;
                    keep(rows, grid, dim)?;
                }
                Some(tiling) => self.features.describe_tiles(&turned, &tiling, |tiles, dim| {
                    tiles.into_iter().try_for_each(|rows| keep(rows, tiling.of_tile, dim))
                })?,
            }
        }
        Ok(())
    }

    /// Describes an image tile by tile, and keeps the descriptors.
    fn keep_tiles(&self, image: &Image, sample: &Sample, made: &mut Made<'_>) -> Result<(), TrainError> {
        let size = (image.height_px(), image.width_px());
        let outside = |source| TrainError::Outside { name: sample.name.clone(), source: Box::new(source) };
        let Some(tiling) = self.features.tiling(size, image.roi()).map_err(outside)? else { return Ok(()) };
        let (mut pooling, mut is_begun): (Option<Pooling>, _) = (None, false);
        let is_wanted = self.pools.wants(made.n_images, self.images.len());
        made.n_images += 1;
        self.features.describe_tiles(image, &tiling, |mut tiles, dim| {
            go_on(made.progress)?;
            if is_wanted {
                let pooling = pooling.get_or_insert_with(|| Pooling::new(dim));
                tiles.iter().for_each(|rows| pooling.add(rows));
            }
            tiles.par_iter_mut().for_each(|rows| self.method.prepare(rows, dim));
            let described = self.room(tiling.of_tile, dim, made)?;
            if !std::mem::replace(&mut is_begun, true) {
                described.begin(&tiling);
            }
            tiles.iter().try_for_each(|rows| named(described.extend(rows), described))
        })?;
        made.pooled.extend(pooling.map(|pooling| pooling.finish()));
        Ok(())
    }

    /// The patches inside of an image of which so much is looked at.
    fn inside(
        &self,
        (image, seen): (&Image, Option<Seen>),
        sample: &Sample,
        grid: Grid,
    ) -> Result<Option<Arc<Inside>>, TrainError> {
        let named = |source| TrainError::Outside { name: sample.name.clone(), source: Box::new(source) };
        self.features.inside_seen(image, grid, seen).map_err(named)
    }

    /// Brings the patches inside of each image to the front of its rows, as the method wants them; the values that are left of
    /// each, and what a gate learns from them. `n_before`: images that were described before.
    fn bring_forward(
        &self,
        descriptors: &mut PatchDescriptors,
        inside: &[Option<Arc<Inside>>],
        n_before: usize,
    ) -> Vec<Own> {
        let (grid, dim) = (descriptors.grid, descriptors.dim);
        let images = descriptors.rows.par_chunks_exact_mut(grid.n_patches() * dim).zip(inside);
        let keep = |(at, (rows, inside)): (usize, (&mut [f32], &Option<Arc<Inside>>))| {
            let counts = self.features.counts(rows, grid, inside.as_deref());
            let n_values = inside.as_ref().map_or(rows.len(), |inside| inside.bring_forward(rows, dim));
            let own = &mut rows[..n_values];
            let is_wanted = self.pools.wants(n_before + at, self.images.len());
            let pooled = is_wanted.then(|| Gate::pooled(own, dim));
            self.method.prepare(own, dim);
            Own { n_values, pooled, counts }
        };
        images.enumerate().map(keep).collect()
    }

    /// Room for the descriptors of all images: that which there is, or it is made. `grid`: of what the network sees at a time.
    fn room<'m>(&self, grid: Grid, dim: usize, made: &'m mut Made<'_>) -> Result<&'m mut Described, TrainError> {
        if made.described.is_none() {
            made.described = Some(self.new_room(grid, dim, made)?);
        }
        made.described.as_mut().ok_or(TrainError::Bank(crate::bank::BankError::Empty))
    }

    fn new_room(&self, grid: Grid, dim: usize, made: &Made<'_>) -> Result<Described, TrainError> {
        let Made { plan, base, progress, .. } = made;
        let sizes: Vec<(usize, usize)> = self.images.iter().map(|i| self.glances[*i].size_px).collect();
        let n_images = self.images.len();
        let n_rows = n_rows(self.features, (n_images, &sizes), grid)?.saturating_mul(plan.rotate.max(1));
        let extent = Extent::new(self.method, (n_images, n_rows), (grid.n_patches(), dim), self.n_conditions);
        let temporary = std::env::temp_dir();
        let folder = plan.scratch.as_deref().unwrap_or(&temporary);
        match extent.place(plan.pace().allowed_bytes(), base.now(), folder)? {
            Place::Memory => Ok(Described::in_memory(n_rows, grid, dim)),
            Place::File => {
                let shown = folder.display();
                progress.note(&format!("the patches do not fit in memory: they go to a scratch file in {shown}"));
                let error = |source| TrainError::Scratch { folder: folder.to_owned(), source };
                Described::in_file(folder, grid, dim).map_err(error)
            }
        }
    }
}

/// An error of the scratch file with its folder.
fn named(pushed: io::Result<()>, described: &Described) -> Result<(), TrainError> {
    let folder = || described.folder().unwrap_or(Path::new(".")).to_owned();
    pushed.map_err(|source| TrainError::Scratch { folder: folder(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_of_many_images_are_those_that_a_bundle_keeps() {
        for n in [1, 499, 500, 501, 777, 1250, 99_999] {
            let few: Vec<usize> = (0..n).filter(|at| Pools::Few.wants(*at, n)).collect();
            let kept = n.min(MAX_POOLED_IMAGES);
            assert!(few.iter().copied().eq((0..kept).map(|at| at * n / kept)), "{n}");
        }
        assert!(Pools::All.wants(3, 9999) && !Pools::None.wants(0, 1));
    }
}
