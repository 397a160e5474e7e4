//! Bytes to an [`Image`]: the format told from the content, limits before allocation.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::caught::caught;
use super::format::{Format, known_other};
use super::{Image, ImageError, Limits, Reading, foreign, pfm, tiff};

/// Reads the image file `path`.
///
/// # Errors
/// Every failure of [`decode`], and those of the file system; each names the file.
pub fn read(path: &Path, limits: &Limits) -> Result<Image, ImageError> {
    read_as(path, &Reading::from(*limits))
}

/// As [`read`], with a range of values and a page.
///
/// # Errors
/// As [`read`], and [`ImageError::NoSuchPage`].
pub fn read_as(path: &Path, reading: &Reading) -> Result<Image, ImageError> {
    read_bytes(path, &reading.limits).and_then(|bytes| decode_file(&bytes, path, reading)).map_err(|e| e.in_file(path))
}

/// Decodes the bytes of the file `path`.
pub(crate) fn decode_file(bytes: &[u8], path: &Path, reading: &Reading) -> Result<Image, ImageError> {
    decode_format(bytes, Format::of_file(bytes, path), reading)
}

/// Decodes a whole image file held in memory.
///
/// # Errors
/// If the format is unknown or unsupported, the bytes are damaged or cut off, a limit is exceeded, there are several pages
/// or frames to choose from, or a pixel is NaN or beyond [`MAX_VALUE`](super::MAX_VALUE).
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Image, ImageError> {
    decode_as(bytes, &Reading::from(*limits))
}

/// As [`decode`], with a range of values and a page.
///
/// # Errors
/// As [`decode`], and [`ImageError::NoSuchPage`].
pub fn decode_as(bytes: &[u8], reading: &Reading) -> Result<Image, ImageError> {
    decode_format(bytes, Format::sniff(bytes), reading)
}

fn decode_format(bytes: &[u8], format: Option<Format>, reading: &Reading) -> Result<Image, ImageError> {
    reading.limits.check_file(bytes.len() as u64)?;
    let Some(format) = format else { return Err(no_format(bytes)) };
    let image = caught(format.name(), || match format {
        Format::Tiff => tiff::decode(bytes, reading),
        Format::Pfm => pfm::decode(bytes, reading),
        other => foreign::decode(bytes, other, reading),
    })?;
    match reading.page {
        Some(page) if page.get() > 1 && format != Format::Tiff => {
            Err(ImageError::NoSuchPage { page: page.get(), n_pages: 1 })
        }
        _ => Ok(image),
    }
}

/// What the bytes are, if no image.
fn no_format(bytes: &[u8]) -> ImageError {
    if bytes.is_empty() {
        return ImageError::EmptyFile;
    }
    if bytes.starts_with(b"version https://git-lfs.github.com/spec/") {
        return ImageError::LfsPointer;
    }
    match known_other(bytes) {
        Some(name) => ImageError::OtherFormat { name },
        None => ImageError::UnknownFormat { first_bytes: bytes.iter().take(8).copied().collect() },
    }
}

/// A regular file's bytes, never more than the limit whatever the file system says of its length.
pub(crate) fn read_bytes(path: &Path, limits: &Limits) -> Result<Vec<u8>, ImageError> {
    let failed = |action| move |source| ImageError::Io { action, source };
    // Asked before opening: opening a pipe would wait for its writer.
    let metadata = std::fs::metadata(path).map_err(failed("open the file"))?;
    if !metadata.is_file() {
        return Err(ImageError::NotAFile);
    }
    limits.check_file(metadata.len())?;
    let file = File::open(path).map_err(failed("open the file"))?;
    // One more than there are, so that the end is found without growing.
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1);
    file.take(limits.max_file_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(failed("read the file"))?;
    Ok(bytes)
}
