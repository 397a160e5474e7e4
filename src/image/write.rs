//! Image files written whole or not at all: into a temporary file beside the target, synced, then
//! renamed over it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use ::image::codecs::png::PngEncoder;
use ::image::{ExtendedColorType, ImageEncoder};
use ::tiff::encoder::{TiffEncoder, colortype::Gray32Float};

use super::ImageError;

/// Writes a grey float map as an uncompressed little-endian or native TIFF of 32-bit floats.
///
/// `values` is `[height_px * width_px]`, row-major, and is stored bit for bit.
///
/// # Errors
/// If the length does not fit, the size is beyond what TIFF holds, or the file system refuses; the
/// file is named and an older one of that name is still there.
pub fn write_tiff_f32(path: &Path, values: &[f32], height_px: usize, width_px: usize) -> Result<(), ImageError> {
    write(path, values.len(), [height_px, width_px, 1], |file, height, width| {
        let encoded = TiffEncoder::new(&mut *file)
            .and_then(|mut encoder| encoder.write_image::<Gray32Float>(width, height, values));
        encoded.map_err(|error| match error {
            ::tiff::TiffError::IoError(source) => io("write the file", source),
            other => ImageError::Encode { format: "TIFF", reason: other.to_string() },
        })
    })
}

/// Writes an 8-bit RGB PNG. `bytes` is `[height_px, width_px, 3]`, channels interleaved.
///
/// # Errors
/// As [`write_tiff_f32`].
pub fn write_png_rgb8(path: &Path, bytes: &[u8], height_px: usize, width_px: usize) -> Result<(), ImageError> {
    write_png(path, bytes, [height_px, width_px, 3], ExtendedColorType::Rgb8)
}

/// Writes an 8-bit grey PNG. `bytes` is `[height_px * width_px]`, row-major.
///
/// # Errors
/// As [`write_tiff_f32`].
pub fn write_png_grey8(path: &Path, bytes: &[u8], height_px: usize, width_px: usize) -> Result<(), ImageError> {
    write_png(path, bytes, [height_px, width_px, 1], ExtendedColorType::L8)
}

fn write_png(path: &Path, bytes: &[u8], shape: [usize; 3], color: ExtendedColorType) -> Result<(), ImageError> {
    write(path, bytes.len(), shape, |file, height, width| {
        let encoded = PngEncoder::new(file).write_image(bytes, width, height, color);
        encoded.map_err(|error| match error {
            ::image::ImageError::IoError(source) => io("write the file", source),
            other => ImageError::Encode { format: "PNG", reason: other.to_string() },
        })
    })
}

/// Checks the buffer, then lets `encode(file, height, width)` fill the file.
fn write(
    path: &Path,
    found: usize,
    [height_px, width_px, n_channels]: [usize; 3],
    encode: impl FnOnce(&mut BufWriter<&File>, u32, u32) -> Result<(), ImageError>,
) -> Result<(), ImageError> {
    let checked = || {
        let (Ok(height), Ok(width)) = (u32::try_from(height_px), u32::try_from(width_px)) else {
            let found = height_px.max(width_px) as u64;
            let limit = u64::from(u32::MAX);
            return Err(ImageError::Limit { what: "the longer side in pixels", found, limit });
        };
        if height == 0 || width == 0 {
            return Err(ImageError::Empty { height_px, width_px });
        }
        let expected = height_px.saturating_mul(width_px).saturating_mul(n_channels);
        if found != expected {
            return Err(ImageError::Length { height_px, width_px, n_channels, expected, found });
        }
        Ok((height, width))
    };
    checked()
        .and_then(|(height, width)| replace(path, |file| encode(file, height, width)))
        .map_err(|error| error.in_file(path))
}

/// Old or new, never mixed: whatever fails, the temporary file is removed and `path` is untouched.
fn replace(path: &Path, fill: impl FnOnce(&mut BufWriter<&File>) -> Result<(), ImageError>) -> Result<(), ImageError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".pcore-").suffix(crate::files::TEMPORARY_SUFFIX);
    // A temporary file is private by default; an image is as readable as any other new file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let temporary = builder.tempfile_in(folder).map_err(|error| io("create a file beside it", error))?;
    let mut writer = BufWriter::new(temporary.as_file());
    fill(&mut writer)?;
    writer.flush().map_err(|error| io("write the file", error))?;
    drop(writer);
    temporary.as_file().sync_all().map_err(|error| io("write the file", error))?;
    temporary.persist(path).map_err(|error| io("move the finished file into place", error.error))?;
    Ok(())
}

fn io(action: &'static str, source: std::io::Error) -> ImageError {
    ImageError::Io { action, source }
}
