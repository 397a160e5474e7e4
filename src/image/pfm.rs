//! Portable float maps.
//!
//! ```text
//! Pf (grey) or PF (RGB), width, height, scale: text, one white space after each
//! f32, rows from the bottom up; little-endian where the scale is negative
//! ```

use super::value_range::keep_channels;
use super::{Image, ImageError, Reading};

const FORMAT: &str = "PFM";

/// Decodes a whole file. Values are kept as they are, the scale (a unit of radiance) is ignored as other readers do.
pub(super) fn decode(bytes: &[u8], reading: &Reading) -> Result<Image, ImageError> {
    let cut_off = || malformed("its header is cut off".to_owned());
    let (kind, rest) = word(bytes).ok_or_else(cut_off)?;
    let (width, rest) = word(rest).ok_or_else(cut_off)?;
    let (height, rest) = word(rest).ok_or_else(cut_off)?;
    let (scale, data) = word(rest).ok_or_else(cut_off)?;
    let side =
        |text: &str| text.parse::<u32>().map_err(|_| malformed(format!("a side of '{}' pixels", text.escape_debug())));
    let (width, height) = (side(width)?, side(height)?);
    let scale: f32 = scale.parse().map_err(|_| malformed(format!("a scale of '{}'", scale.escape_debug())))?;
    let n_channels = if kind == "PF" { 3 } else { 1 };
    reading.limits.check_size(height.into(), width.into(), 4 * n_channels, n_channels)?;
    let (width_px, height_px, n_channels) = (width as usize, height as usize, n_channels as usize);
    let row_bytes = 4 * width_px * n_channels;
    if data.len() < row_bytes * height_px {
        return Err(malformed(format!(
            "{} of {} bytes of pixels: it may be truncated",
            data.len(),
            row_bytes * height_px
        )));
    }
    let value = if scale < 0.0 { f32::from_le_bytes } else { f32::from_be_bytes };
    let value = |bytes: [u8; 4]| match &reading.range {
        Some(range) => range.unit(f64::from(value(bytes))),
        None => value(bytes),
    };
    let rows = data[..row_bytes * height_px].chunks_exact(row_bytes.max(1)).rev();
    let mut pixels = Vec::with_capacity(height_px * width_px * n_channels);
    rows.for_each(|row| pixels.extend(keep_channels(row.as_chunks::<4>().0, 1, 1, value)));
    Image::new(pixels, height_px, width_px, n_channels)
}

/// The next word, and what follows the one white space behind it.
fn word(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().take(32).position(u8::is_ascii_whitespace)?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

fn malformed(reason: String) -> ImageError {
    ImageError::Malformed { format: FORMAT, reason }
}
