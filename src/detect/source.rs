//! Where feature maps come from.

use super::{DetectError, Seen};
use crate::image::{Image, Preprocessing};
use crate::model::{Backbone, BackboneSpec, FeatureMap, Footprint, ImageBatch};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// What a network sees at a time: an image, or a tile of one.
pub(crate) struct Sight<'a> {
    pub(crate) image: &'a Image,
    /// Rows and columns of the preprocessed image; as many as the network's input has.
    pub(crate) window: [Range<usize>; 2],
    /// Which pixels of the preprocessed image are looked at; the others are of the mean colour. All, where it does not say.
    pub(crate) seen: Option<Seen>,
}

impl<'a> Sight<'a> {
    /// All of an image that fills the network's input.
    pub(crate) fn whole(image: &'a Image, preprocessing: &Preprocessing, seen: Option<Seen>) -> Self {
        Self { image, window: [0..preprocessing.height_px, 0..preprocessing.width_px], seen }
    }
}

/// Where the feature maps of images come from: a network, or what one said of them before.
pub(crate) trait FeatureSource: Send + Sync {
    /// The network's name, layers and weights.
    fn spec(&self) -> &BackboneSpec;

    /// The network, where there is one.
    fn network(&self) -> Option<&dyn Backbone>;

    /// The feature maps of `sights`, preprocessed so, one map per layer of the spec.
    fn features(&self, sights: &[Sight<'_>], preprocessing: &Preprocessing) -> Result<Vec<FeatureMap>, DetectError>;

    /// What a batch of `n` inputs takes, where that is known.
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

    fn features(&self, sights: &[Sight<'_>], preprocessing: &Preprocessing) -> Result<Vec<FeatureMap>, DetectError> {
        let Preprocessing { height_px, width_px, .. } = *preprocessing;
        let mut input = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        input.resize(sights.len() * preprocessing.input_len()?, 0.0);
        let parts = input.par_chunks_mut(preprocessing.input_len()?);
        parts.zip(sights).try_for_each(|(part, Sight { image, window: [rows, columns], seen })| {
            preprocessing.apply_within(image, [rows, columns], part)?;
            let Some(seen) = seen else { return Ok::<_, DetectError>(()) };
            let (_, whole_px) = preprocessing.placement(image.height_px(), image.width_px()).input_px();
            for plane in part.chunks_exact_mut(height_px * width_px) {
                for (line, row) in plane.chunks_exact_mut(width_px).zip(rows.clone()) {
                    let seen = &seen[row * whole_px..][columns.clone()];
                    line.iter_mut().zip(seen).filter(|(_, s)| !**s).for_each(|(v, _)| *v = 0.0);
                }
            }
            Ok(())
        })?;
        let batch = ImageBatch::new(input, sights.len(), height_px, width_px)?;
        let features = self.backbone.features(&batch)?;
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = batch.into_pixels();
        Ok(features)
    }

    fn footprint(&self, n: usize, preprocessing: &Preprocessing) -> Result<Option<Footprint>, DetectError> {
        Ok(self.backbone.footprint(n, preprocessing.height_px, preprocessing.width_px)?)
    }
}
