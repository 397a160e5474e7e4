//! Images to patch descriptors: the part that fitting and inference share.

use super::{DetectError, Inside, Seen};
use crate::bank::{DescriptorSpec, PatchDescriptors, describe};
use crate::flow::{Flow, Needs, Pace};
use crate::image::{Image, Limits, Preprocessing, Reading, Roi};
use crate::model::{self, Backbone, BackboneSpec, FeatureMap, Footprint, Grid, ImageBatch, OpenDevice};
use rayon::prelude::*;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

/// What identifies a feature pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct PipelineSpec {
    /// Name of the backbone.
    pub backbone: String,
    /// Its layers; all that it offers where none is named.
    pub layers: Vec<String>,
    /// How images become network input.
    pub preprocessing: Preprocessing,
    /// How feature maps become descriptors.
    pub descriptor: DescriptorSpec,
}

/// Where the feature maps of images come from: a network, or what one said of them before.
pub(crate) trait FeatureSource: Send + Sync {
    /// The network's name, layers and weights.
    fn spec(&self) -> &BackboneSpec;

    /// The network, where there is one.
    fn network(&self) -> Option<&dyn Backbone>;

    /// The feature maps of `images`, preprocessed so, one map per layer of the spec. Where `seen` says which pixels of the
    /// input are looked at, the others are of the mean colour.
    fn features(
        &self,
        images: &[&Image],
        preprocessing: &Preprocessing,
        seen: &[Option<Seen>],
    ) -> Result<Vec<FeatureMap>, DetectError>;

    /// What a batch of `n` images takes, where that is known.
    fn footprint(&self, n: usize, preprocessing: &Preprocessing) -> Result<Option<Footprint>, DetectError>;
}

/// The network itself.
pub(crate) struct Network {
    backbone: Box<dyn Backbone>,
    /// The input of an earlier batch: fresh memory is slow.
    idle: Mutex<Vec<f32>>,
}

impl Network {
    pub(crate) fn new(backbone: Box<dyn Backbone>) -> Self {
        Self { backbone, idle: Mutex::default() }
    }
}

impl FeatureSource for Network {
    fn spec(&self) -> &BackboneSpec {
        self.backbone.spec()
    }

    fn network(&self) -> Option<&dyn Backbone> {
        Some(&*self.backbone)
    }

    fn features(
        &self,
        images: &[&Image],
        preprocessing: &Preprocessing,
        seen: &[Option<Seen>],
    ) -> Result<Vec<FeatureMap>, DetectError> {
        let Preprocessing { height_px, width_px, .. } = *preprocessing;
        let mut input = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        input.resize(images.len() * preprocessing.input_len()?, 0.0);
        let parts = input.par_chunks_mut(preprocessing.input_len()?);
        parts.zip(images).zip(seen).try_for_each(|((part, image), seen)| {
            preprocessing.apply_to(image, part)?;
            if let Some(seen) = seen {
                let planes = part.chunks_exact_mut(seen.len());
                planes
                    .for_each(|plane| plane.iter_mut().zip(&**seen).filter(|(_, s)| !**s).for_each(|(v, _)| *v = 0.0));
            }
            Ok::<_, DetectError>(())
        })?;
        let batch = ImageBatch::new(input, images.len(), height_px, width_px)?;
        let features = self.backbone.features(&batch)?;
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = batch.into_pixels();
        Ok(features)
    }

    fn footprint(&self, n: usize, preprocessing: &Preprocessing) -> Result<Option<Footprint>, DetectError> {
        Ok(self.backbone.footprint(n, preprocessing.height_px, preprocessing.width_px)?)
    }
}

/// Bytes for each value of its input that a network is taken to hold where it does not say.
const UNKNOWN_BYTES: u64 = 128;

/// Patches of an image, and values of each.
fn shape(footprint: &Footprint, spec: &DescriptorSpec) -> (usize, usize) {
    let n_patches = footprint.maps.iter().map(|(grid, _)| grid.n_patches()).max().unwrap_or(0);
    let stacked: usize = footprint.maps.iter().map(|(_, dim)| dim).sum();
    (n_patches, spec.dim(stacked))
}

/// A network, ready to describe images.
pub struct FeaturePipeline {
    source: Box<dyn FeatureSource>,
    preprocessing: Preprocessing,
    descriptor: DescriptorSpec,
    device: OpenDevice,
    roi: Option<Arc<Roi>>,
    /// What is looked at of images of the size that was asked for last.
    seen: Mutex<Option<(ImageSize, Seen)>>,
    inside: Mutex<Option<(ImageSize, Grid, Arc<Inside>)>>,
}

/// Rows and columns.
type ImageSize = (usize, usize);

impl FeaturePipeline {
    /// Opens the backbone on `device`.
    ///
    /// # Errors
    /// [`DetectError::Model`] when there is no such backbone or layer.
    pub fn open(spec: &PipelineSpec, device: &OpenDevice) -> Result<Self, DetectError> {
        let backbone = model::load(&spec.backbone, &spec.layers, device)?;
        Ok(Self::of(Box::new(Network::new(backbone)), spec.preprocessing.clone(), spec.descriptor.clone(), device))
    }

    /// A pipeline on features that come from `source`, and on `device` for the rest.
    pub(crate) fn of(
        source: Box<dyn FeatureSource>,
        preprocessing: Preprocessing,
        descriptor: DescriptorSpec,
        device: &OpenDevice,
    ) -> Self {
        Self {
            source,
            preprocessing,
            descriptor,
            device: device.clone(),
            roi: None,
            seen: Mutex::default(),
            inside: Mutex::default(),
        }
    }

    /// Where it runs.
    pub(crate) fn device(&self) -> &OpenDevice {
        &self.device
    }

    /// The backbone's name, layers and weights.
    #[must_use]
    pub fn backbone(&self) -> &BackboneSpec {
        self.source.spec()
    }

    /// The network itself; `None` where features are remembered ones.
    #[must_use]
    pub fn network(&self) -> Option<&dyn Backbone> {
        self.source.network()
    }

    /// How images become network input.
    #[must_use]
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// How the files of its images are read.
    pub(crate) fn reading(&self) -> Reading {
        self.preprocessing.reading(Limits::default())
    }

    /// Chooses the full-resolution page of TIFF files.
    pub(crate) fn choose_page(&mut self, page: NonZeroUsize) {
        self.preprocessing.page = Some(page);
    }

    /// Chooses which part of every image is looked at.
    pub(crate) fn set_roi(&mut self, roi: Option<Arc<Roi>>) {
        (self.roi, self.seen, self.inside) = (roi, Mutex::default(), Mutex::default());
    }

    /// The pixels of the network's input that are looked at of images of `size`.
    fn seen(&self, size: ImageSize) -> Option<Seen> {
        let roi = self.roi.as_ref()?;
        let mut last = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, seen)) = last.as_ref().filter(|(known, _)| *known == size) {
            return Some(Arc::clone(seen));
        }
        let seen: Seen = Inside::cells(roi, (&self.preprocessing, size), None).into();
        *last = Some((size, Arc::clone(&seen)));
        Some(seen)
    }

    /// What is looked at of images of `size` (rows, columns) whose patches lie on `grid`; `None` where that is all of them.
    ///
    /// # Errors
    /// [`DetectError::NothingInside`] where the region of interest holds no patch of such an image.
    pub fn inside(&self, size: (usize, usize), grid: Grid) -> Result<Option<Arc<Inside>>, DetectError> {
        let (Some(roi), Some(seen)) = (&self.roi, self.seen(size)) else { return Ok(None) };
        let mut last = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, _, inside)) = last.as_ref().filter(|(known, under, _)| (*known, *under) == (size, grid)) {
            return Ok(Some(Arc::clone(inside)));
        }
        let inside = Arc::new(Inside::of(roi, (&self.preprocessing, size), grid, seen));
        if inside.patches().is_empty() {
            return Err(DetectError::NothingInside {
                height_px: size.0,
                width_px: size.1,
                n_patches: grid.n_patches(),
            });
        }
        *last = Some((size, grid, Arc::clone(&inside)));
        Ok(Some(inside))
    }

    /// How feature maps become descriptors.
    #[must_use]
    pub fn descriptor(&self) -> &DescriptorSpec {
        &self.descriptor
    }

    /// The patch descriptors of `images`, one grid after the other.
    ///
    /// # Errors
    /// [`DetectError::Image`], [`DetectError::Model`] or [`DetectError::Bank`].
    pub fn describe(&self, images: &[&Image]) -> Result<PatchDescriptors, DetectError> {
        Ok(describe(&self.features(images)?, &self.descriptor)?)
    }

    /// Bytes that `n` images take on their way from pixels to distances, beside those pixels and what is kept of them: the
    /// network's input, what it holds, descriptors, and what is at work on them.
    fn batch_bytes(&self, n: usize) -> Result<u64, DetectError> {
        let input = self.preprocessing.input_len()? as u64;
        // An unknown network: each pixel of the input as some hundred values.
        let unknown = || if self.device.is_gpu() { 0 } else { n as u64 * input * UNKNOWN_BYTES };
        let footprint = self.source.footprint(n, &self.preprocessing)?;
        let network = footprint.as_ref().map_or_else(unknown, |found| found.bytes);
        let (n_patches, dim) = footprint.map_or((0, 0), |found| shape(&found, &self.descriptor));
        let rows = n_patches as u64 * dim as u64;
        let threads = rayon::current_num_threads() as u64;
        // Descriptors of all; of those at work also a copy for the search, and the map while it is drawn.
        let at_work = threads.min(n as u64) * (2 * rows + 2 * input);
        let values = (n as u64).saturating_mul(input.saturating_add(rows)).saturating_add(at_work);
        Ok(network.saturating_add(values.saturating_mul(size_of::<f32>() as u64)))
    }

    /// How images are read for it, see [`Pace::flow`].
    pub(crate) fn flow(&self, pace: &Pace, afterwards: u64) -> Result<Flow, DetectError> {
        Self::flow_for(&[self], pace, afterwards)
    }

    /// How images are read that pass through several of them, at least one.
    pub(crate) fn flow_for(all: &[&Self], pace: &Pace, afterwards: u64) -> Result<Flow, DetectError> {
        let size = |one: &Self| (one.preprocessing.height_px, one.preprocessing.width_px);
        let sum = |of: &dyn Fn(&Self) -> Result<u64, DetectError>| {
            all.iter().try_fold(0u64, |sum, one| Ok::<_, DetectError>(sum.saturating_add(of(one)?)))
        };
        let needs = Needs {
            reading: all.first().map_or_else(Reading::default, |one| one.reading()),
            input_px: all.iter().map(|one| size(one)).max_by_key(|(h, w)| h * w).unwrap_or_default(),
            // A network keeps what it took for the next batch.
            batch_bytes: &|n| sum(&|one| one.batch_bytes(n)),
            image_bytes: sum(&Self::kept_bytes)?,
        };
        pace.flow(&needs, afterwards)
    }

    /// Patches of an image and values of each, where that is known before.
    pub(crate) fn patches(&self) -> Result<Option<(usize, usize)>, DetectError> {
        let footprint = self.source.footprint(1, &self.preprocessing)?;
        Ok(footprint.map(|found| shape(&found, &self.descriptor)))
    }

    /// Bytes that are kept of an inspected image, beside its pixels: the anomaly map and the distances of its patches.
    fn kept_bytes(&self) -> Result<u64, DetectError> {
        Ok(self.preprocessing.input_len()? as u64 / 3 * 2 * size_of::<f32>() as u64)
    }

    /// The feature maps of `images`, one per layer.
    pub(super) fn features(&self, images: &[&Image]) -> Result<Vec<FeatureMap>, DetectError> {
        let seen: Vec<Option<Seen>> =
            images.iter().map(|image| self.seen((image.height_px(), image.width_px()))).collect();
        self.source.features(images, &self.preprocessing, &seen)
    }
}
