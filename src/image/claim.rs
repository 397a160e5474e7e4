//! What an image file will take, known from its header.

use super::decode::decode_file;
use super::limits::{DECODED_BYTES, N_PIXELS};
use super::{ImageError, Limits, Reading};
use std::path::Path;

/// Bytes that are held at the peak of decoding a file held in memory, beside those of the file; `path` tells the formats
/// without a mark.
///
/// The decoders themselves are asked, which say what they need when nothing is allowed: what is counted is then what is
/// taken.
///
/// # Errors
/// As [`super::decode_as`], as far as the header tells.
pub(crate) fn decoding_bytes(bytes: &[u8], path: &Path, reading: &Reading) -> Result<u64, ImageError> {
    claimed(bytes, path, reading, Limits { max_decoded_bytes: 0, ..reading.limits }, DECODED_BYTES)
}

/// Rows times columns, in the same way.
///
/// # Errors
/// As [`decoding_bytes`].
pub(crate) fn n_pixels(bytes: &[u8], path: &Path, reading: &Reading) -> Result<u64, ImageError> {
    claimed(bytes, path, reading, Limits { max_pixels: 0, ..reading.limits }, N_PIXELS)
}

/// What a file is refused for under `limits`, by this measure.
fn claimed(
    bytes: &[u8],
    path: &Path,
    reading: &Reading,
    limits: Limits,
    measure: &'static str,
) -> Result<u64, ImageError> {
    match decode_file(bytes, path, &Reading { limits, ..*reading }) {
        Err(ImageError::Limit { what, found, .. }) if what == measure => Ok(found),
        Err(error) => Err(error),
        // No image has no pixels.
        Ok(_) => Ok(0),
    }
}
