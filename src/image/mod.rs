//! Image files to network input, and small image files back.
//!
//! A pixel's way: [`read`] decodes a file into an [`Image`] of `f32` values, the level kept as it
//! is (integers divided by their full scale, floats untouched, nothing clipped, nothing stretched
//! per image); [`Preprocessing::apply`] resizes and normalises it. Fitting and inference call the
//! same `apply` with the same stored [`Preprocessing`]; [`Preprocessing::placement`] says where a
//! source pixel lies in the result.
//!
//! Read are PNG (all depths, palettes), JPEG, BMP, TIFF (one full-resolution page; grey, RGB, RGBA, palettes; `u8` `u16`
//! `u32` `f16` `f32` `f64`; both byte orders, strips and tiles, uncompressed, LZW, Deflate, PackBits, BigTIFF), WebP, PNM,
//! PFM, QOI, GIF, TGA, `OpenEXR`, Radiance HDR, farbfeld, DDS and ICO. The format is told from the content, not from the file
//! name (except TGA and ICO, which have no mark). Alpha is dropped. Of several pages one has to be chosen; previews and
//! masks inside a TIFF are never read; animations are refused.
//!
//! An orientation noted in the file (EXIF, TIFF) is applied: rows and columns are those of the picture as it is shown.
//! Colour profiles and gamma are ignored.
//!
//! Integers are divided by the full scale of their type, or by what a file says of its own: `MaxSampleValue` or
//! `SMaxSampleValue` of a TIFF of more than 8 bits where it is 2^n - 1 (other values describe one image, not the camera),
//! `sBIT` of a PNG whose samples are not scaled up. A [`ValueRange`] overrules both.
//!
//! Everything a file claims is checked against named [`Limits`] before memory is taken for it, and a NaN, an infinity or a
//! value beyond [`MAX_VALUE`] among the pixels is refused with its position.

mod caught;
mod chunks;
mod claim;
mod decode;
mod error;
mod exr;
mod foreign;
mod format;
mod jpeg;
mod levels;
mod limits;
mod mask;
mod orient;
mod pfm;
mod placement;
mod preprocess;
mod resample;
mod resize;
mod tiff;
mod value_range;
mod write;

use std::borrow::Cow;

pub use caught::is_decoding;
pub(crate) use claim::{decoding_bytes, n_pixels};
pub use decode::{Reading, decode, decode_as, read, read_as};
pub(crate) use decode::{decode_file, read_bytes};
pub use error::ImageError;
pub use format::{EXTENSIONS, is_image, is_image_path};
pub use levels::{Levels, Unusual};
pub use limits::{Limits, MAX_DECODED_BYTES, MAX_FILE_BYTES, MAX_HEIGHT_PX, MAX_PIXELS, MAX_WIDTH_PX};
pub use mask::{MAX_CLASSES, Mask, read_mask, read_mask_of};
pub use placement::Placement;
pub use preprocess::{IMAGENET_MEAN, IMAGENET_STD, MAX_INPUT_PX, Preprocessing};
pub use resize::{Resize, SHORTEST_PX};
pub use value_range::ValueRange;
pub use write::{write_png_grey8, write_png_rgb8, write_tiff_f32};

/// Weights of red, green and blue in the grey value, ITU-R Recommendation BT.601.
const LUMA_WEIGHTS: [f32; 3] = [0.299, 0.587, 0.114];

/// Largest absolute value of a pixel, in units of full scale: room for counts of 32 bits stored as floats, and far enough
/// from the end of 32-bit floats that features, squared distances and scores of the built-in network stay finite on every
/// instruction set.
pub const MAX_VALUE: f32 = 1e10;

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
        Ok(Image { pixels, height_px, width_px, n_channels, full_scale: None })
    }

    /// The same image, its stored integers having been divided by `full_scale`.
    fn with_full_scale(self, full_scale: Option<f64>) -> Self {
        Image { full_scale, ..self }
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
