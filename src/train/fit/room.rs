//! Where the descriptors of a fit are kept, so that it stays within its memory.
//!
//! With `n` patches of `d` values the peak is
//!
//! ```text
//! max(busy + held, idle + held + method)
//! idle    what the process holds before, and what images in flight and the network take
//! busy    the same, or what was held during the first batch if that is more
//! held    4 n d, or nothing where the patches are in a scratch file (of 4 n d bytes)
//! method  what the method takes beside them, see `Method::peak_bytes`
//! ```

use crate::detect::{FeaturePipeline, FitSize, Method};
use crate::flow::{Flow, SLACK, free_disk, own_memory};
use crate::model::Grid;
use crate::train::{FitPlan, PartPlan, TrainError};
use std::path::Path;

/// What the process takes for itself, watched while the first batch is described.
pub(super) struct Watch {
    base: Base,
    most_before: Option<u64>,
}

/// What the process takes for itself, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Base {
    /// With images at work, as it was seen.
    pub(super) busy: u64,
    /// As counted. Without images as well: the network keeps what it took, and the allocator gives back late.
    pub(super) idle: u64,
}

impl Base {
    pub(super) fn watch(flow: &Flow) -> Watch {
        let counted = flow.work_bytes.saturating_add(flow.room_bytes);
        Watch { base: Self { busy: counted, idle: counted }, most_before: own_memory().map(|(_, most)| most) }
    }
}

impl Watch {
    /// What was counted; with images at work the most that was held at once, if that is more and the batch raised it.
    pub(super) fn now(&self) -> Base {
        match (self.most_before, own_memory()) {
            (Some(before), Some((_, most))) if most > before => Base { busy: most.max(self.base.busy), ..self.base },
            (_, _) => self.base,
        }
    }
}

/// The size of what a fit compares.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent<'a> {
    pub(super) method: &'a dyn Method,
    pub(super) n_images: usize,
    /// Patches of all of them.
    pub(super) n_rows: usize,
    /// Patches of what the network sees at a time.
    pub(super) n_patches: usize,
    pub(super) dim: usize,
    pub(super) n_conditions: usize,
}

/// How images are read: so few at a time that the fit fits beside what the network then holds. Where it can't, that is said
/// with all numbers once the images are known. `sizes`: rows and columns of the images, where they are known; only those in tiles
/// have more patches for it.
pub(super) fn flow(
    plan: &FitPlan,
    part: &PartPlan,
    features: &FeaturePipeline,
    (n_images, sizes): (usize, &[(usize, usize)]),
) -> Result<Flow, TrainError> {
    let Some((grid, dim)) = features.patches()? else { return Ok(features.flow(&plan.pace(), 0)?) };
    let n_rows = n_rows(features, (n_images, sizes), grid)?.saturating_mul(plan.rotate.max(1));
    // As if of one condition: how many there are is not known yet.
    let least = Extent::new(&*part.method, (n_images, n_rows), (grid.n_patches(), dim), 1).least_bytes();
    Ok(features.flow(&plan.pace(), least)?)
}

/// Patches of all images; `sizes` of some of them: images of other sizes are taken to have as many on average.
pub(super) fn n_rows(
    features: &FeaturePipeline,
    (n_images, sizes): (usize, &[(usize, usize)]),
    grid: Grid,
) -> Result<usize, TrainError> {
    if features.preprocessing().tiles.is_none() || sizes.is_empty() {
        return Ok(n_images.saturating_mul(grid.n_patches()));
    }
    // Most images have the size of the one before.
    let (mut sum, mut last) = (0usize, None);
    for size in sizes {
        let n = match last {
            Some((known, n)) if known == *size => n,
            _ => features.n_patches(*size)?,
        };
        last = Some((*size, n));
        sum = sum.saturating_add(n);
    }
    Ok((sum as f64 * n_images as f64 / sizes.len() as f64).ceil() as usize)
}

/// Where the descriptors go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Memory,
    File,
}

impl<'a> Extent<'a> {
    pub(super) fn new(
        method: &'a dyn Method,
        (n_images, n_rows): (usize, usize),
        (n_patches, dim): (usize, usize),
        n_conditions: usize,
    ) -> Self {
        Self { method, n_images, n_rows, n_patches, dim, n_conditions }
    }

    /// Bytes that the fit takes beside the process at least, with the descriptors in a file.
    pub(super) fn least_bytes(&self) -> u64 {
        self.peak_bytes(Place::File)
    }

    /// Bytes of all descriptors.
    fn rows_bytes(&self) -> u64 {
        (self.n_rows as u64).saturating_mul(self.dim as u64).saturating_mul(size_of::<f32>() as u64)
    }

    /// Bytes at the peak beside the process itself.
    fn peak_bytes(&self, place: Place) -> u64 {
        let is_held = place == Place::Memory;
        let Self { n_rows, n_patches, dim, n_conditions, .. } = *self;
        let rows = if is_held { self.rows_bytes() } else { 0 };
        rows.saturating_add(self.method.peak_bytes(FitSize { n_rows, dim, n_patches, n_conditions, is_held }))
    }

    /// In memory where all of it fits into `allowed` bytes beside `base`, else in a file in `folder` where its disk has the
    /// room.
    ///
    /// # Errors
    /// [`TrainError::Memory`], [`TrainError::Disk`].
    pub(super) fn place(&self, allowed: u64, base: Base, folder: &Path) -> Result<Place, TrainError> {
        let Self { n_images, n_rows, dim, .. } = *self;
        let n_patches = n_rows / n_images.max(1);
        let needed = |place| {
            let rows = if place == Place::Memory { self.rows_bytes() } else { 0 };
            let described = base.busy.saturating_add(rows);
            let bytes = self.peak_bytes(place).saturating_add(base.idle).max(described);
            bytes.saturating_add(bytes / SLACK)
        };
        if needed(Place::Memory) <= allowed {
            return Ok(Place::Memory);
        }
        let (needed_mib, base_mib, allowed_mib) = (needed(Place::File) >> 20, base.idle >> 20, allowed >> 20);
        if needed(Place::File) > allowed {
            return Err(TrainError::Memory { n_images, n_patches, dim, needed_mib, base_mib, allowed_mib });
        }
        match free_disk(folder) {
            Some(free) if free < self.rows_bytes() => Err(TrainError::Disk {
                n_images,
                n_patches,
                dim,
                memory_mib: needed(Place::Memory) >> 20,
                allowed_mib,
                disk_mib: self.rows_bytes() >> 20,
                free_mib: free >> 20,
                folder: folder.to_owned(),
            }),
            Some(_) | None => Ok(Place::File),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::CoresetSpace;
    use crate::detect::{Options, Registry};
    use std::sync::Arc;

    fn base(mib: u64) -> Base {
        Base { busy: mib << 20, idle: mib << 20 }
    }

    fn method(coreset_space: CoresetSpace) -> Arc<dyn Method> {
        let options = Options { coreset_space, ..Options::default() };
        Registry::built_in().method(Registry::built_in().kinds()[0].name, &options).unwrap()
    }

    fn seven_million(method: &dyn Method) -> Extent<'_> {
        Extent::new(method, (7000, 7000 * 1024), (1024, 1536), 1)
    }

    #[test]
    fn seven_million_patches_of_1536_values_fit_into_8_gib_with_a_file() {
        let (folder, method) = (Path::new("no/such/folder"), method(CoresetSpace::Principal));
        let seven_million = || seven_million(&*method);
        assert_eq!(seven_million().place(8 << 30, base(600), folder).unwrap(), Place::File);
        assert_eq!(seven_million().place(64 << 30, base(600), folder).unwrap(), Place::Memory);
    }

    #[test]
    fn what_cannot_fit_is_refused_with_its_numbers() {
        let (folder, whole) = (Path::new("no/such/folder"), method(CoresetSpace::Whole));
        let principal = method(CoresetSpace::Principal);
        let seven_million = || seven_million(&*principal);
        let refused = seven_million().place(3 << 30, base(600), folder).unwrap_err().to_string();
        assert!(refused.contains("7000 images of 1024 patches with 1536 values"), "{refused}");
        assert!(refused.contains("3072 MiB are allowed") && refused.contains("`FitPlan::memory_bytes`"), "{refused}");
        let whole = Extent { method: &*whole, ..seven_million() };
        assert!(matches!(whole.place(16 << 30, base(0), folder), Err(TrainError::Memory { .. })));
        let huge = Extent { n_images: 1 << 40, n_rows: 1 << 50, ..seven_million() };
        assert!(matches!(huge.place(1 << 50, base(0), folder), Err(TrainError::Memory { .. })));
    }

    #[test]
    fn a_full_disk_is_refused_before_anything_is_written() {
        let folder = tempfile::TempDir::new().unwrap();
        let Some(free) = free_disk(folder.path()) else {
            skipped!("the free space is unknown here");
            return;
        };
        let (per_image, method) = (1024 * 1536 * 4, method(CoresetSpace::Principal));
        let n_images = (free / per_image) as usize + 100;
        let extent = Extent { n_images, n_rows: n_images * 1024, ..seven_million(&*method) };
        let allowed = extent.peak_bytes(Place::File) * 2;
        let refused = extent.place(allowed, base(0), folder.path()).unwrap_err().to_string();
        assert!(refused.contains("`FitPlan::scratch`") && refused.contains("MiB are free"), "{refused}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
