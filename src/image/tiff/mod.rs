//! TIFF through the `tiff` crate, which keeps the samples' type and depth.

mod directory;

use std::io::Cursor;

use ::tiff::decoder::{ChunkType, Decoder, DecodingResult, Limits as DecoderLimits};
use ::tiff::tags::Tag;
use ::tiff::{ColorType, TiffError};

use super::decode::keep_channels;
use super::{Image, ImageError, Limits};

const FORMAT: &str = "TIFF";
/// Compression tag values read: none, LZW, Deflate (two codes) and PackBits. JPEG inside TIFF is
/// left out because its inner header can claim a size of its own that no limit reaches.
const COMPRESSIONS: [u16; 5] = [1, 5, 8, 32773, 32946];
/// Bytes of one directory value, e.g. the list of strip offsets of a very tall image.
const MAX_DIRECTORY_VALUE_BYTES: usize = 1 << 20;
/// Columns or rows a tile may have beyond the image itself. Tiles of small images are padded, and
/// writers use up to a few thousand pixels.
const MAX_TILE_PADDING_PX: u32 = 4096;
const PLANAR: u16 = 2;

/// How samples lie in the decoded buffer.
struct Layout {
    /// Samples per pixel in the buffer.
    n_stored: usize,
    /// Leading ones that are colour; the rest is alpha.
    n_kept: usize,
    bits: u8,
    /// One plane per channel, one after the other, instead of interleaved channels.
    planar: bool,
}

/// Decodes the first image of a TIFF file.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Image, ImageError> {
    directory::check(bytes)?;
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(explain)?;
    let (width, height) = decoder.dimensions().map_err(explain)?;
    let layout = layout(&mut decoder)?;
    let n_stored = layout.n_stored as u64;
    let stored_bytes = n_stored * u64::from(layout.bits).div_ceil(8);
    // A planar file is interleaved through a second buffer of `f32`.
    let n_values = if layout.planar { 2 * n_stored } else { layout.n_kept as u64 };
    limits.check_size(height.into(), width.into(), stored_bytes, n_values)?;
    check_chunks(&decoder, layout.planar, height, width)?;

    let mut decoder_limits = DecoderLimits::default();
    decoder_limits.decoding_buffer_size = usize::try_from(limits.max_decoded_bytes).unwrap_or(usize::MAX);
    decoder_limits.ifd_value_size = MAX_DIRECTORY_VALUE_BYTES;
    // One strip or tile as stored: it lies inside the file, so it is no longer than the file.
    decoder_limits.intermediate_buffer_size = bytes.len();
    let mut decoder = decoder.with_limits(decoder_limits);

    let mut samples = DecodingResult::U8(Vec::new());
    decoder.read_image_to_buffer(&mut samples).map_err(explain)?;
    let (height_px, width_px) = (height as usize, width as usize);
    let pixels = to_f32(samples, &layout, height_px, width_px)?;
    Image::new(pixels, height_px, width_px, layout.n_kept)
}

fn layout(decoder: &mut Decoder<Cursor<&[u8]>>) -> Result<Layout, ImageError> {
    let compression: Option<u16> = optional(decoder, Tag::Compression)?;
    if let Some(code) = compression.filter(|code| !COMPRESSIONS.contains(code)) {
        return Err(unsupported(format!("compression {code}")));
    }
    let color = decoder.colortype().map_err(explain)?;
    let (n_stored, n_kept, bits) = match color {
        ColorType::Gray(bits) => (1, 1, bits),
        ColorType::GrayA(bits) => (2, 1, bits),
        // What the crate calls grey with one extra sample.
        ColorType::Multiband { bit_depth, num_samples: 2 } => (2, 1, bit_depth),
        ColorType::RGB(bits) => (3, 3, bits),
        ColorType::RGBA(bits) => (4, 3, bits),
        ColorType::Palette(_)
        | ColorType::CMYK(_)
        | ColorType::CMYKA(_)
        | ColorType::YCbCr(_)
        | ColorType::Lab(_)
        | ColorType::Multiband { .. } => return Err(unsupported(format!("{color:?} colours"))),
        // The enum is foreign and open.
        other => return Err(unsupported(format!("{other:?} colours"))),
    };
    let n_in_file: u16 = optional(decoder, Tag::SamplesPerPixel)?.unwrap_or(1);
    let predictor: u16 = optional(decoder, Tag::Predictor)?.unwrap_or(1);
    // The decoder undoes the prediction after it has dropped samples it has no name for, which
    // gives wrong values without an error.
    if usize::from(n_in_file) != n_stored && predictor != 1 {
        return Err(unsupported(format!("{n_in_file} samples per pixel and a predictor")));
    }
    let planar = optional::<u16>(decoder, Tag::PlanarConfiguration)? == Some(PLANAR) && n_stored > 1;
    Ok(Layout { n_stored, n_kept, bits, planar })
}

/// Bounds the row buffers, which the decoder sizes by the tile and not by the image.
fn check_chunks(decoder: &Decoder<Cursor<&[u8]>>, planar: bool, height: u32, width: u32) -> Result<(), ImageError> {
    if decoder.get_chunk_type() == ChunkType::Strip {
        return Ok(());
    }
    let (tile_width, tile_height) = decoder.chunk_dimensions();
    // The decoder takes the overhang of a tile in the second and third plane for that of another.
    if planar && (!width.is_multiple_of(tile_width) || !height.is_multiple_of(tile_height)) {
        return Err(unsupported("one plane per channel and tiles that reach beyond the image".to_owned()));
    }
    for (what, found, limit) in [
        ("the tile width in pixels", tile_width, width.saturating_add(MAX_TILE_PADDING_PX)),
        ("the tile height in pixels", tile_height, height.saturating_add(MAX_TILE_PADDING_PX)),
    ] {
        if found > limit {
            return Err(ImageError::Limit { what, found: found.into(), limit: limit.into() });
        }
    }
    Ok(())
}

fn to_f32(samples: DecodingResult, layout: &Layout, height_px: usize, width_px: usize) -> Result<Vec<f32>, ImageError> {
    let n_kept = layout.n_kept;
    // Planes become pixels only once they are `f32`; until then all channels are kept.
    let (n_stored, n_now) = if layout.planar { (1, 1) } else { (layout.n_stored, n_kept) };
    let values = match samples {
        DecodingResult::U8(bytes) if layout.bits < 8 => {
            unpack_bits(&bytes, layout.bits, height_px, width_px * n_stored)
        }
        DecodingResult::U8(v) => keep_channels(&v, n_stored, n_now, |x| f32::from(x) / 255.0),
        DecodingResult::U16(v) => keep_channels(&v, n_stored, n_now, |x| f32::from(x) / 65535.0),
        // In f64, because f32 would round the sample before the division.
        DecodingResult::U32(v) => keep_channels(&v, n_stored, n_now, |x| (f64::from(x) / f64::from(u32::MAX)) as f32),
        DecodingResult::F16(v) => keep_channels(&v, n_stored, n_now, |x| x.to_f32()),
        DecodingResult::F32(v) if n_stored == n_now => v,
        DecodingResult::F32(v) => keep_channels(&v, n_stored, n_now, |x| x),
        // A finite f64 beyond f32 becomes infinite here and is refused with its position.
        DecodingResult::F64(v) => keep_channels(&v, n_stored, n_now, |x| x as f32),
        DecodingResult::U64(_) => return Err(unsupported("64-bit integer samples".to_owned())),
        DecodingResult::I8(_) | DecodingResult::I16(_) | DecodingResult::I32(_) | DecodingResult::I64(_) => {
            return Err(unsupported("signed integer samples".to_owned()));
        }
    };
    if !layout.planar {
        return Ok(values);
    }
    let n_pixels = height_px * width_px;
    if values.len() != n_pixels * layout.n_stored {
        return Err(ImageError::Malformed {
            format: FORMAT,
            reason: format!("{} of {} planes", values.len() / n_pixels, layout.n_stored),
        });
    }
    let pixels = (0..n_pixels).flat_map(|pixel| (0..n_kept).map(move |c| c * n_pixels + pixel));
    Ok(pixels.map(|index| values[index]).collect())
}

/// Samples of 1, 2 or 4 bits, rows padded to whole bytes, first sample in the highest bits.
fn unpack_bits(bytes: &[u8], bits: u8, height_px: usize, samples_per_row: usize) -> Vec<f32> {
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
            f32::from(shifted & full_scale) / f32::from(full_scale)
        }));
    }
    values
}

fn optional<T: TryFrom<u64>>(decoder: &mut Decoder<Cursor<&[u8]>>, tag: Tag) -> Result<Option<T>, ImageError> {
    decoder.find_tag_unsigned(tag).map_err(explain)
}

fn unsupported(found: String) -> ImageError {
    ImageError::Unsupported { format: FORMAT, found }
}

#[allow(clippy::needless_pass_by_value, reason = "shaped for map_err")]
fn explain(error: TiffError) -> ImageError {
    match error {
        TiffError::UnsupportedError(found) => unsupported(found.to_string()),
        TiffError::FormatError(_)
        | TiffError::IoError(_)
        | TiffError::LimitsExceeded
        | TiffError::IntSizeError
        | TiffError::UsageError(_) => ImageError::Malformed { format: FORMAT, reason: error.to_string() },
    }
}
