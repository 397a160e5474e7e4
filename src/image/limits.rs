//! How large an image may be. Checked on what a file claims, before memory is taken for it.

use super::ImageError;

/// Columns an image may have: more than any line-scan camera delivers in one frame.
pub const MAX_WIDTH_PX: usize = 65_536;
/// Rows an image may have.
pub const MAX_HEIGHT_PX: usize = 65_536;
/// Pixels an image may have: 134 million, above the 100 to 127 megapixel industrial sensors.
pub const MAX_PIXELS: u64 = 1 << 27;
/// Bytes of an encoded image file: 1 GiB.
pub const MAX_FILE_BYTES: u64 = 1 << 30;
/// Bytes of one decoded image: 2 GiB.
pub const MAX_DECODED_BYTES: u64 = 1 << 31;

/// What [`ImageError::Limit`] says of [`Limits::max_pixels`].
pub(super) const N_PIXELS: &str = "the number of pixels";
/// What [`ImageError::Limit`] says of [`Limits::max_decoded_bytes`].
pub(super) const DECODED_BYTES: &str = "the decoded size in bytes";

/// The most an image file may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Columns.
    pub max_width_px: usize,
    /// Rows.
    pub max_height_px: usize,
    /// Rows times columns.
    pub max_pixels: u64,
    /// Length of the file.
    pub max_file_bytes: u64,
    /// Memory for the samples as stored plus the `f32` pixels made of them.
    pub max_decoded_bytes: u64,
}

impl Default for Limits {
    /// The `MAX_*` constants of this module.
    fn default() -> Self {
        Limits {
            max_width_px: MAX_WIDTH_PX,
            max_height_px: MAX_HEIGHT_PX,
            max_pixels: MAX_PIXELS,
            max_file_bytes: MAX_FILE_BYTES,
            max_decoded_bytes: MAX_DECODED_BYTES,
        }
    }
}

impl Limits {
    /// Checks the length of an encoded file.
    pub(crate) fn check_file(&self, n_bytes: u64) -> Result<(), ImageError> {
        at_most("the file size in bytes", n_bytes, self.max_file_bytes)
    }

    /// Checks the size a header claims. `bytes_per_pixel` is that of the stored samples.
    pub(crate) fn check_size(
        &self,
        height_px: u64,
        width_px: u64,
        bytes_per_pixel: u64,
        n_channels: u64,
    ) -> Result<(), ImageError> {
        at_most("the width in pixels", width_px, self.max_width_px as u64)?;
        at_most("the height in pixels", height_px, self.max_height_px as u64)?;
        // Saturated: limits are the caller's and may be as wide as the type.
        let n_pixels = height_px.saturating_mul(width_px);
        at_most(N_PIXELS, n_pixels, self.max_pixels)?;
        let per_pixel = bytes_per_pixel.saturating_add(n_channels.saturating_mul(4));
        at_most(DECODED_BYTES, n_pixels.saturating_mul(per_pixel), self.max_decoded_bytes)
    }
}

fn at_most(what: &'static str, found: u64, limit: u64) -> Result<(), ImageError> {
    if found > limit { Err(ImageError::Limit { what, found, limit }) } else { Ok(()) }
}
