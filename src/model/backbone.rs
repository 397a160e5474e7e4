//! The contract every network meets.

use super::{FeatureMap, Grid, ModelError, Precision};
pub(crate) use crate::image::{IMAGENET_MEAN, IMAGENET_STD};

/// Normalised images, ready for a network.
#[derive(Clone, Debug)]
pub struct ImageBatch {
    pixels: Vec<f32>,
    n_images: usize,
    height_px: usize,
    width_px: usize,
}

impl ImageBatch {
    /// Wraps `pixels`, normalised as the backbone expects.
    ///
    /// # Shapes
    /// `pixels`: `[n_images, 3, height_px, width_px]`, row-major.
    ///
    /// # Errors
    /// [`ModelError::BatchShape`] when the length is not that product, or the product is zero.
    pub fn new(pixels: Vec<f32>, n_images: usize, height_px: usize, width_px: usize) -> Result<Self, ModelError> {
        let expected = [n_images, 3, height_px, width_px].iter().try_fold(1usize, |n, d| n.checked_mul(*d));
        if expected != Some(pixels.len()) || pixels.is_empty() {
            return Err(ModelError::BatchShape { n_images, height_px, width_px, n_values: pixels.len() });
        }
        Ok(Self { pixels, n_images, height_px, width_px })
    }

    /// `[n_images, 3, height_px, width_px]`.
    #[must_use]
    pub fn pixels(&self) -> &[f32] {
        &self.pixels
    }

    /// The memory of [`Self::pixels`], to be used again.
    #[must_use]
    pub fn into_pixels(self) -> Vec<f32> {
        self.pixels
    }

    /// Images in the batch, at least one.
    #[must_use]
    pub fn n_images(&self) -> usize {
        self.n_images
    }

    /// Rows of every image.
    #[must_use]
    pub fn height_px(&self) -> usize {
        self.height_px
    }

    /// Columns of every image.
    #[must_use]
    pub fn width_px(&self) -> usize {
        self.width_px
    }

    /// The pixels of one image, `[3, height_px, width_px]`.
    #[must_use]
    pub fn image(&self, index: usize) -> &[f32] {
        let size = 3 * self.height_px * self.width_px;
        &self.pixels[index * size..][..size]
    }
}

/// What identifies a network and what it expects.
#[derive(Clone, Debug, PartialEq)]
pub struct BackboneSpec {
    /// Name, as in a plan.
    pub name: String,
    /// The layers that [`Backbone::features`] returns, in that order.
    pub layers: Vec<String>,
    /// SHA-256 of the weight file, lower-case hex.
    pub weights_sha256: String,
    /// Mean of each RGB channel that the input must be normalised with, pixel range 0..1.
    pub mean: [f32; 3],
    /// Standard deviation of each RGB channel, likewise.
    pub std: [f32; 3],
    /// Height and width, where the network takes only one size.
    pub input_size: Option<(usize, usize)>,
    /// The numbers it computes with on its device.
    pub precision: Precision,
}

/// What a batch takes and gives, known before it is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Bytes of the host's memory that the network holds at the peak, its results included, its input and weights not.
    pub bytes: u64,
    /// Grid and values per cell of each layer's map.
    pub maps: Vec<(Grid, usize)>,
}

/// A frozen network whose intermediate layers describe image patches.
pub trait Backbone: Send + Sync {
    /// Name, layers, weights.
    fn spec(&self) -> &BackboneSpec;

    /// The feature maps of a batch, one per layer of [`BackboneSpec::layers`] and in that order.
    ///
    /// An image's features do not depend on the others in its batch, bit for bit on the CPU.
    ///
    /// # Errors
    /// [`ModelError`] when the image size does not suit the network.
    fn features(&self, images: &ImageBatch) -> Result<Vec<FeatureMap>, ModelError>;

    /// What [`Self::features`] takes for `n` images of this size; `None` where that is not known before, as on devices whose
    /// memory others manage.
    ///
    /// # Errors
    /// [`ModelError`] when the image size does not suit the network.
    fn footprint(&self, n: usize, height_px: usize, width_px: usize) -> Result<Option<Footprint>, ModelError> {
        let _ = (n, height_px, width_px);
        Ok(None)
    }
}
