//! Images to patch descriptors: the part that fitting and inference share.

use super::InferError;
use crate::bank::{DescriptorSpec, PatchDescriptors, describe};
use crate::image::{Image, Limits, Preprocessing, Reading};
use crate::model::{self, Backbone, BackboneSpec, FeatureMap, ImageBatch, OpenDevice};
use rayon::prelude::*;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

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

    /// The feature maps of `images`, preprocessed so, one map per layer of the spec.
    fn features(&self, images: &[&Image], preprocessing: &Preprocessing) -> Result<Vec<FeatureMap>, InferError>;
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

    fn features(&self, images: &[&Image], preprocessing: &Preprocessing) -> Result<Vec<FeatureMap>, InferError> {
        let Preprocessing { height_px, width_px, .. } = *preprocessing;
        let mut input = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        input.resize(images.len() * preprocessing.input_len()?, 0.0);
        let parts = input.par_chunks_mut(preprocessing.input_len()?);
        parts.zip(images).try_for_each(|(part, image)| preprocessing.apply_to(image, part))?;
        let batch = ImageBatch::new(input, images.len(), height_px, width_px)?;
        let features = self.backbone.features(&batch)?;
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = batch.into_pixels();
        Ok(features)
    }
}

/// A network, ready to describe images.
pub struct FeaturePipeline {
    source: Box<dyn FeatureSource>,
    preprocessing: Preprocessing,
    descriptor: DescriptorSpec,
    device: OpenDevice,
}

impl FeaturePipeline {
    /// Opens the backbone on `device`.
    ///
    /// # Errors
    /// [`InferError::Model`] when there is no such backbone or layer.
    pub fn open(spec: &PipelineSpec, device: &OpenDevice) -> Result<Self, InferError> {
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
        Self { source, preprocessing, descriptor, device: device.clone() }
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
    pub(super) fn choose_page(&mut self, page: NonZeroUsize) {
        self.preprocessing.page = Some(page);
    }

    /// How feature maps become descriptors.
    #[must_use]
    pub fn descriptor(&self) -> &DescriptorSpec {
        &self.descriptor
    }

    /// The patch descriptors of `images`, one grid after the other.
    ///
    /// # Errors
    /// [`InferError::Image`], [`InferError::Model`] or [`InferError::Bank`].
    pub fn describe(&self, images: &[&Image]) -> Result<PatchDescriptors, InferError> {
        Ok(describe(&self.features(images)?, &self.descriptor)?)
    }

    /// The feature maps of `images`, one per layer.
    pub(super) fn features(&self, images: &[&Image]) -> Result<Vec<FeatureMap>, InferError> {
        self.source.features(images, &self.preprocessing)
    }
}
