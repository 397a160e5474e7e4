//! Images to patch descriptors: the part that fitting and inference share.

use super::InferError;
use crate::bank::{DescriptorSpec, PatchDescriptors, describe};
use crate::image::{Image, Preprocessing};
use crate::model::{self, Backbone, BackboneSpec, ImageBatch, OpenDevice};
use rayon::prelude::*;

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

/// A network, ready to describe images.
pub struct FeaturePipeline {
    backbone: Box<dyn Backbone>,
    preprocessing: Preprocessing,
    descriptor: DescriptorSpec,
}

impl FeaturePipeline {
    /// Opens the backbone on `device`.
    ///
    /// # Errors
    /// [`InferError::Model`] when there is no such backbone or layer.
    pub fn open(spec: &PipelineSpec, device: &OpenDevice) -> Result<Self, InferError> {
        let backbone = model::load(&spec.backbone, &spec.layers, device)?;
        Ok(Self { backbone, preprocessing: spec.preprocessing.clone(), descriptor: spec.descriptor.clone() })
    }

    /// The backbone's name, layers and weights.
    #[must_use]
    pub fn backbone(&self) -> &BackboneSpec {
        self.backbone.spec()
    }

    /// How images become network input.
    #[must_use]
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
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
        let Preprocessing { height_px, width_px, .. } = self.preprocessing;
        let inputs: Vec<Vec<f32>> =
            images.par_iter().map(|image| self.preprocessing.apply(image)).collect::<Result<_, _>>()?;
        let batch = ImageBatch::new(inputs.concat(), images.len(), height_px, width_px)?;
        Ok(describe(&self.backbone.features(&batch)?, &self.descriptor)?)
    }
}
