//! Image files to network input, and small image files back.
//!
//! A pixel's way: [`read`] decodes a file into an [`Image`] of `f32` values, the level kept as it
//! is (integers divided by their full scale, floats untouched, nothing clipped, nothing stretched
//! per image); [`Preprocessing::apply`] resizes and normalises it. Fitting and inference call the
//! same `apply` with the same stored [`Preprocessing`]; [`Preprocessing::placement`] says where a
//! source pixel lies in the result.
//!
//! Read are PNG (all depths, palettes, alpha dropped), JPEG, BMP and TIFF (first page; grey, RGB,
//! RGBA; `u8` `u16` `u32` `f16` `f32` `f64`; both byte orders, strips and tiles, uncompressed, LZW,
//! Deflate, PackBits, BigTIFF). The format is told from the content, not from the file name.
//! An orientation noted in EXIF data is ignored: an inspection camera is mounted one way, and
//! turning pixels would part an image from its mask. Colour profiles and gamma are ignored too.
//!
//! Everything a file claims is checked against named [`Limits`] before memory is taken for it, and
//! a NaN or an infinity among the pixels is refused with its position.

mod decode;
mod error;
mod jpeg;
mod limits;
mod mask;
mod placement;
mod preprocess;
mod resample;
mod resize;
mod tiff;
mod write;

use std::borrow::Cow;

pub use decode::{EXTENSIONS, decode, is_image, is_image_path, read};
pub use error::ImageError;
pub use limits::{Limits, MAX_DECODED_BYTES, MAX_FILE_BYTES, MAX_HEIGHT_PX, MAX_PIXELS, MAX_WIDTH_PX};
pub use mask::{Mask, read_mask};
pub use placement::Placement;
pub use preprocess::{IMAGENET_MEAN, IMAGENET_STD, MAX_INPUT_PX, Preprocessing};
pub use resize::{Resize, SHORTEST_PX};
pub use write::{write_png_grey8, write_png_rgb8, write_tiff_f32};

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
}

impl Image {
    /// Takes `pixels` of shape `[height_px, width_px, n_channels]`, channels interleaved.
    ///
    /// # Errors
    /// If there is no pixel, the length does not fit, the channels are neither 1 nor 3, or a value
    /// is NaN or infinite (the first such position is named).
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
        if let Some(index) = pixels.iter().position(|value| !value.is_finite()) {
            return Err(ImageError::NotFinite {
                row: index / (width_px * n_channels),
                column: index / n_channels % width_px,
                channel: index % n_channels,
                value: pixels[index],
            });
        }
        Ok(Image { pixels, height_px, width_px, n_channels })
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
