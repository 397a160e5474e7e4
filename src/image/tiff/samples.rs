//! Decoded samples to `f32` pixels.

use ::tiff::decoder::DecodingResult;

use super::directory::Directory;
use super::error::{FORMAT, unsupported};
use crate::image::value_range::keep_channels;
use crate::image::{ImageError, ValueRange};

const MAX_SAMPLE_VALUE: u16 = 281;
const MIN_SAMPLE_VALUE: u16 = 280;
const S_MAX_SAMPLE_VALUE: u16 = 341;
const S_MIN_SAMPLE_VALUE: u16 = 340;
const COLOR_MAP: u16 = 320;

/// How samples lie in the decoded buffer.
pub(super) struct Layout {
    /// Samples per pixel in the buffer.
    pub(super) n_stored: usize,
    /// Leading ones that are colour; the rest is alpha.
    pub(super) n_kept: usize,
    pub(super) bits: u8,
    /// One plane per channel, one after the other, instead of interleaved channels.
    pub(super) planar: bool,
}

/// What the stored values mean: the range given, or stated in the file.
#[derive(Clone, Copy)]
pub(super) struct Levels {
    /// As given on reading.
    given: Option<ValueRange>,
    /// The largest value that a camera of n bits delivers, as the file states it.
    stated: Option<f64>,
    /// The decoder turns over what is stored with white as zero.
    is_inverted: bool,
}

impl Levels {
    pub(super) fn of(directory: &Directory<'_>, given: Option<ValueRange>, is_inverted: bool) -> Self {
        let pairs = [(MIN_SAMPLE_VALUE, MAX_SAMPLE_VALUE), (S_MIN_SAMPLE_VALUE, S_MAX_SAMPLE_VALUE)];
        let mut stated = pairs.into_iter().filter(|(min, _)| directory.real(*min).unwrap_or(0.0) == 0.0);
        let stated = stated.find_map(|(_, max)| directory.real(max).filter(|max| is_camera_depth(*max)));
        Levels { given, stated, is_inverted }
    }

    /// The range of integers of `bits` bits, as the decoder hands them out.
    fn integers(&self, bits: u32) -> (ValueRange, f64) {
        let full = 2_f64.powi(bits as i32) - 1.0;
        let stated = self.stated.filter(|stated| bits > 8 && *stated < full);
        let range = self.given.unwrap_or(ValueRange::full(stated.unwrap_or(full)));
        (if self.is_inverted { range.inverted(full) } else { range }, range.max())
    }

    /// The range of floats, where there is one.
    fn floats(&self) -> Option<ValueRange> {
        let range = self.given.or(self.stated.map(ValueRange::full));
        range.map(|range| if self.is_inverted { range.inverted(1.0) } else { range })
    }
}

/// Whether the number is 2^n - 1 for 8 bits and more. Any other number is the largest value of this one image: TIFF 6.0 has
/// these fields for statistics, and dividing each image by its own maximum would hide what differs between images.
fn is_camera_depth(max: f64) -> bool {
    (8..=32).any(|bits| max == 2_f64.powi(bits) - 1.0)
}

/// The pixels, and the stored integer that became 1.
pub(super) fn to_f32(
    samples: DecodingResult,
    layout: &Layout,
    levels: Levels,
    height_px: usize,
    width_px: usize,
) -> Result<(Vec<f32>, Option<f64>), ImageError> {
    let n_kept = layout.n_kept;
    // Planes become pixels only once they are `f32`; until then all channels are kept.
    let (n_stored, n_now) = if layout.planar { (1, 1) } else { (layout.n_stored, n_kept) };
    let float = |value: f64, as_it_is: f32| levels.floats().map_or(as_it_is, |range| range.unit(value));
    let (values, full_scale) = match samples {
        DecodingResult::U8(bytes) if layout.bits < 8 => {
            let full = f32::from((1_u16 << layout.bits) - 1);
            let (range, max) = levels.integers(8);
            let unit = |sample: u16| match levels.given {
                None => f32::from(sample) / full,
                // A range counts as if they had eight bits.
                Some(_) => range.unit(f64::from(sample) * 255.0 / f64::from(full)),
            };
            (unpack_bits(&bytes, layout.bits, height_px, width_px * n_stored, unit), Some(max))
        }
        DecodingResult::U8(v) => {
            let (range, max) = levels.integers(8);
            (range.units(&v, n_stored, n_now), Some(max))
        }
        DecodingResult::U16(v) => {
            let (range, max) = levels.integers(layout.bits.into());
            (range.units(&v, n_stored, n_now), Some(max))
        }
        DecodingResult::U32(v) => {
            let (range, max) = levels.integers(layout.bits.into());
            // In f64, because f32 would round the sample before the division.
            (keep_channels(&v, n_stored, n_now, |x| range.unit(f64::from(x))), Some(max))
        }
        DecodingResult::F16(v) => (keep_channels(&v, n_stored, n_now, |x| float(x.to_f64(), x.to_f32())), None),
        DecodingResult::F32(v) if n_stored == n_now && levels.floats().is_none() => (v, None),
        DecodingResult::F32(v) => (keep_channels(&v, n_stored, n_now, |x| float(x.into(), x)), None),
        // A finite f64 beyond f32 becomes infinite here and is refused with its position.
        DecodingResult::F64(v) => (keep_channels(&v, n_stored, n_now, |x| float(x, x as f32)), None),
        DecodingResult::U64(_) => return Err(unsupported("64-bit integer samples".to_owned())),
        DecodingResult::I8(_) | DecodingResult::I16(_) | DecodingResult::I32(_) | DecodingResult::I64(_) => {
            return Err(unsupported("signed integer samples".to_owned()));
        }
    };
    let values = if layout.planar { interleave(&values, layout, height_px * width_px)? } else { values };
    Ok((values, full_scale))
}

/// One plane after the other to pixels, without alpha.
fn interleave(values: &[f32], layout: &Layout, n_pixels: usize) -> Result<Vec<f32>, ImageError> {
    if values.len() != n_pixels * layout.n_stored {
        return Err(ImageError::Malformed {
            format: FORMAT,
            reason: format!("{} of {} planes", values.len() / n_pixels, layout.n_stored),
        });
    }
    let pixels = (0..n_pixels).flat_map(|pixel| (0..layout.n_kept).map(move |c| c * n_pixels + pixel));
    Ok(pixels.map(|index| values[index]).collect())
}

/// The colours of a palette: for each index red, green and blue, 0 to 255. The file has 16 bits of each; the lower eight
/// are dropped, as libtiff and Pillow do, since writers differ in what they put there. Some put the colour there alone.
pub(super) fn palette(directory: &Directory<'_>, bits: u8) -> Option<Vec<[u8; 3]>> {
    let n = 1_usize.checked_shl(bits.into()).filter(|_| bits <= 8)?;
    let map = directory.integers(COLOR_MAP, 3 * n)?;
    let shift = if map.iter().all(|value| *value < 256) { 0 } else { 8 };
    let byte = |index: usize| (map[index] >> shift) as u8;
    Some((0..n).map(|i| [byte(i), byte(n + i), byte(2 * n + i)]).collect())
}

/// Indices to the colours of a palette, three channels.
pub(super) fn through_palette(
    samples: &DecodingResult,
    bits: u8,
    palette: &[[u8; 3]],
    range: Option<ValueRange>,
    height_px: usize,
    width_px: usize,
) -> Result<(Vec<f32>, Option<f64>), ImageError> {
    let DecodingResult::U8(bytes) = samples else { return Err(unsupported("palette of such samples".to_owned())) };
    let indices = unpack_bits(bytes, bits, height_px, width_px, f32::from);
    let range = range.unwrap_or(ValueRange::full(255.0));
    let colours = indices.iter().flat_map(|index| palette[*index as usize]).collect::<Vec<u8>>();
    Ok((range.units(&colours, 3, 3), Some(range.max())))
}

/// Samples of 1 to 8 bits, rows padded to whole bytes, first sample in the highest bits.
fn unpack_bits(
    bytes: &[u8],
    bits: u8,
    height_px: usize,
    samples_per_row: usize,
    to_f32: impl Fn(u16) -> f32,
) -> Vec<f32> {
    let bits = usize::from(bits);
    let row_bytes = (samples_per_row * bits).div_ceil(8);
    let full_scale = (1_u16 << bits) - 1;
    let mut values = Vec::with_capacity(height_px * samples_per_row);
    for row in bytes.chunks_exact(row_bytes.max(1)) {
        values.extend((0..samples_per_row).map(|index| {
            // A sample of an odd depth may straddle two bytes; a missing second byte is padding.
            let first = index * bits;
            let pair = [row[first / 8], row.get(first / 8 + 1).copied().unwrap_or(0)];
            let shifted = u16::from_be_bytes(pair) >> (16 - first % 8 - bits);
            to_f32(shifted & full_scale)
        }));
    }
    values
}
