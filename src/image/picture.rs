//! A decoded image.

use super::Roi;
use super::bounds::MAX_VALUE;
use super::error::ImageError;
use std::borrow::Cow;
use std::sync::Arc;

/// Weights of red, green and blue in the grey value, ITU-R Recommendation BT.601.
const LUMA_WEIGHTS: [f32; 3] = [0.299, 0.587, 0.114];

/// A decoded image: finite `f32` values, grey or RGB, at least one pixel.
///
/// Integer files span 0 to 1; float files keep their values, above 1 and below 0 included.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    pixels: Vec<f32>,
    height_px: usize,
    width_px: usize,
    n_channels: usize,
    full_scale: Option<f64>,
    roi: Option<Arc<Roi>>,
}

impl Image {
    /// Takes pixels, channels interleaved.
    ///
    /// # Shapes
    /// `pixels`: `[height_px, width_px, n_channels]`.
    ///
    /// # Errors
    /// If there is no pixel, the length does not fit, the channels are neither 1 nor 3, or a value
    /// is NaN, infinite or beyond [`MAX_VALUE`] (the first such position is named).
    pub fn new(pixels: Vec<f32>, height_px: usize, width_px: usize, n_channels: usize) -> Result<Self, ImageError> {
        if height_px == 0 || width_px == 0 {
            return Err(ImageError::Empty { height_px, width_px });
        }
        if n_channels != 1 && n_channels != 3 {
            return Err(ImageError::Channels { found: n_channels });
        }
        let expected = height_px.saturating_mul(width_px).saturating_mul(n_channels);
        if pixels.len() != expected {
            let found = pixels.len();
            return Err(ImageError::Length { height_px, width_px, n_channels, expected, found });
        }
        // The range holds no NaN.
        if let Some(index) = pixels.iter().position(|value| !(-MAX_VALUE..=MAX_VALUE).contains(value)) {
            let (row, column) = (index / (width_px * n_channels), index / n_channels % width_px);
            let (channel, value) = (index % n_channels, pixels[index]);
            return Err(if value.is_finite() {
                ImageError::TooLarge { row, column, channel, value }
            } else {
                ImageError::NotFinite { row, column, channel, value }
            });
        }
        Ok(Image { pixels, height_px, width_px, n_channels, full_scale: None, roi: None })
    }

    /// The same image, its stored integers having been divided by `full_scale`.
    pub(super) fn with_full_scale(self, full_scale: Option<f64>) -> Self {
        Image { full_scale, ..self }
    }

    /// Other values of the same shape, means of these; they lie elsewhere, so that no region is known of them.
    pub(super) fn with_pixels(&self, pixels: Vec<f32>) -> Self {
        Image { pixels, roi: None, ..*self }
    }

    /// The same image, of which only this part is looked at, within what is looked at of all images.
    #[must_use]
    pub fn with_roi(self, roi: Roi) -> Self {
        Image { roi: Some(Arc::new(roi)), ..self }
    }

    /// What is looked at of this image; `None` for what is looked at of all.
    pub fn roi(&self) -> Option<&Roi> {
        self.roi.as_deref()
    }

    /// The values, `[height_px, width_px, n_channels]`, channels interleaved.
    pub fn pixels(&self) -> &[f32] {
        &self.pixels
    }

    /// Rows.
    pub fn height_px(&self) -> usize {
        self.height_px
    }

    /// Columns.
    pub fn width_px(&self) -> usize {
        self.width_px
    }

    /// 1 (grey) or 3 (red, green, blue).
    pub fn n_channels(&self) -> usize {
        self.n_channels
    }

    /// The stored integer that became 1; `None` for an image of floats, or one that was not read from a file.
    pub fn full_scale(&self) -> Option<f64> {
        self.full_scale
    }

    /// The smallest and the largest value of all channels.
    pub fn extrema(&self) -> [f32; 2] {
        // Sixteen at a time, which compilers turn into wide instructions.
        const LANES: usize = 16;
        let (mut low, mut high) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
        let (whole, rest) = self.pixels.as_chunks::<LANES>();
        for values in whole {
            for lane in 0..LANES {
                low[lane] = if values[lane] < low[lane] { values[lane] } else { low[lane] };
                high[lane] = if values[lane] > high[lane] { values[lane] } else { high[lane] };
            }
        }
        let low = low.iter().chain(rest).copied().fold(f32::INFINITY, f32::min);
        let high = high.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max);
        [low, high]
    }

    /// The grey plane, `[height_px, width_px]`: a grey image itself, an RGB image weighted as in
    /// ITU-R BT.601 (.299, .587, .114).
    pub fn luma(&self) -> Cow<'_, [f32]> {
        if self.n_channels == 1 {
            return Cow::Borrowed(&self.pixels);
        }
        let [red, green, blue] = LUMA_WEIGHTS;
        let grey = self.pixels.chunks_exact(3).map(|p| red * p[0] + green * p[1] + blue * p[2]);
        Cow::Owned(grey.collect())
    }
}
