//! What an image file will take, known from its header.

use super::decode::decode_format;
use super::format::Format;
use super::limits::{DECODED_BYTES, N_PIXELS};
use super::{ImageError, Limits, Reading};
use std::path::Path;

/// What a file claims of its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Rows times columns.
    pub(crate) n_pixels: u64,
    /// Bytes that are held at the peak of its decoding, beside those of the file.
    pub(crate) decoding_bytes: u64,
}

/// Looks at the header of a file held in memory; `path` tells the formats without a mark.
///
/// The decoders themselves are asked, which say what they need when nothing is allowed: what is counted is then what is
/// taken.
///
/// # Errors
/// As [`super::decode_as`], as far as the header tells.
pub(crate) fn claim(bytes: &[u8], path: &Path, reading: &Reading) -> Result<Claim, ImageError> {
    let format = Format::of_file(bytes, path);
    let refused = |limits: Limits, measure: &str| match decode_format(bytes, format, &Reading { limits, ..*reading }) {
        Err(ImageError::Limit { what, found, .. }) if what == measure => Ok(found),
        Err(error) => Err(error),
        // No image has no pixels.
        Ok(_) => Ok(0),
    };
    let decoding_bytes = refused(Limits { max_decoded_bytes: 0, ..reading.limits }, DECODED_BYTES)?;
    let n_pixels = refused(Limits { max_pixels: 0, ..reading.limits }, N_PIXELS)?;
    Ok(Claim { n_pixels, decoding_bytes })
}
