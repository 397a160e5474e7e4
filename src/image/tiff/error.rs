//! What is wrong with a TIFF.

use crate::image::ImageError;
use ::tiff::TiffError;

pub(super) const FORMAT: &str = "TIFF";

pub(super) fn unsupported(found: String) -> ImageError {
    ImageError::Unsupported { format: FORMAT, found }
}

#[allow(clippy::needless_pass_by_value, reason = "shaped for map_err")]
pub(super) fn explain(error: TiffError) -> ImageError {
    match error {
        TiffError::UnsupportedError(found) => {
            unsupported(found.to_string().trim_end_matches(" is unsupported").to_owned())
        }
        TiffError::FormatError(_)
        | TiffError::IoError(_)
        | TiffError::LimitsExceeded
        | TiffError::IntSizeError
        | TiffError::UsageError(_) => malformed(error.to_string()),
    }
}

pub(super) fn malformed(reason: String) -> ImageError {
    ImageError::Malformed { format: FORMAT, reason }
}
