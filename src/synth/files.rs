//! Image files of the simulator, written beside their final name and then renamed, so that a reader never meets half
//! an image.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use tiff::encoder::{TiffEncoder, colortype::Gray32Float};

use super::SynthError;

/// Writes one float32 grey TIFF of `height_px` rows of `width_px` values.
pub(super) fn write_tiff_f32(path: &Path, values: &[f32], height_px: u32, width_px: u32) -> Result<(), SynthError> {
    replace(path, |file| {
        let mut encoder = TiffEncoder::new(std::io::Cursor::new(&mut *file)).map_err(|e| encode(path, &e))?;
        encoder.write_image::<Gray32Float>(width_px, height_px, values).map_err(|e| encode(path, &e))
    })
}

/// Writes one 8-bit grey PNG of `height_px` rows of `width_px` values.
pub(super) fn write_png_grey8(path: &Path, values: &[u8], height_px: u32, width_px: u32) -> Result<(), SynthError> {
    replace(path, |bytes| {
        PngEncoder::new(bytes)
            .write_image(values, width_px, height_px, ExtendedColorType::L8)
            .map_err(|e| encode(path, &e))
    })
}

/// Writes text in one step.
pub(super) fn write_text(path: &Path, text: &[u8]) -> Result<(), SynthError> {
    replace(path, |bytes| {
        bytes.extend_from_slice(text);
        Ok(())
    })
}

/// File name under which `path` is being written.
pub(super) fn part_name(path: &Path) -> OsString {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    name
}

/// Puts what `fill` produces at `path`: the old file or the new one, never a mixture.
fn replace(path: &Path, fill: impl FnOnce(&mut Vec<u8>) -> Result<(), SynthError>) -> Result<(), SynthError> {
    let mut bytes = Vec::new();
    fill(&mut bytes)?;
    let part = path.with_file_name(part_name(path));
    let written = File::create(&part).and_then(|file| {
        let mut out = BufWriter::new(file);
        out.write_all(&bytes)?;
        out.flush()
    });
    written.and_then(|()| fs::rename(&part, path)).map_err(|source| {
        // The first error is the one to report; a part file that cannot be removed either is harmless.
        let _ = fs::remove_file(&part);
        SynthError::Io { path: path.to_path_buf(), source }
    })
}

fn encode(path: &Path, error: &dyn std::error::Error) -> SynthError {
    SynthError::Encode { path: path.to_path_buf(), message: error.to_string() }
}
