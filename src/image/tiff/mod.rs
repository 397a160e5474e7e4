//! TIFF through the `tiff` crate, which keeps the samples' type and depth.

mod directory;
mod error;
mod overlaid;
mod page;
mod samples;

use ::tiff::ColorType;
use ::tiff::decoder::{ChunkType, Decoder as TiffDecoder, DecodingResult, Limits as DecoderLimits};
use ::tiff::tags::Tag;

use self::error::{explain, malformed, unsupported};
use self::overlaid::Overlaid;
use self::samples::{Layout, Levels};
use super::orient::Orientation;
use super::{Image, ImageError, Limits, Reading};

type Decoder<'a> = TiffDecoder<Overlaid<'a>>;

/// Compression tag values read: none, LZW, Deflate (two codes) and PackBits. JPEG inside TIFF is
/// left out because its inner header can claim a size of its own that no limit reaches.
const COMPRESSIONS: [u16; 5] = [1, 5, 8, 32773, 32946];
/// Others, by name.
const OTHER_COMPRESSIONS: [(u16, &str); 12] = [
    (2, "CCITT modified Huffman"),
    (3, "CCITT Group 3"),
    (4, "CCITT Group 4"),
    (6, "old-style JPEG"),
    (7, "JPEG"),
    (33003, "JPEG 2000"),
    (34712, "JPEG 2000"),
    (34887, "LERC"),
    (34925, "LZMA"),
    (50000, "Zstandard"),
    (50001, "WebP"),
    (50002, "JPEG XL"),
];
/// Bytes of one directory value, e.g. the list of strip offsets of a very tall image.
const MAX_DIRECTORY_VALUE_BYTES: usize = 1 << 20;
/// Columns or rows a tile may have beyond the image itself. Tiles of small images are padded, and
/// writers use up to a few thousand pixels.
const MAX_TILE_PADDING_PX: u32 = 4096;
const PLANAR: u16 = 2;
const PHOTOMETRIC: u16 = 262;
const WHITE_IS_ZERO: u64 = 0;
const BLACK_IS_ZERO: u64 = 1;
const PALETTE: u64 = 3;
const ORIENTATION: u16 = 274;

/// Decodes the one full-resolution page of a TIFF file, or the one asked for.
pub(super) fn decode(bytes: &[u8], reading: &Reading) -> Result<Image, ImageError> {
    let Some(directory) = page::choose(bytes, reading.page)? else {
        // The decoder says what is wrong with the header.
        let opened = Decoder::new(Overlaid::new(bytes, vec![]));
        let reason = || "it has no directory".to_owned();
        return Err(opened.err().map_or_else(|| malformed(reason()), explain));
    };
    directory.check()?;
    let is_palette = directory.integer(PHOTOMETRIC) == Some(PALETTE);
    let mut changes = directory.as_first();
    if is_palette {
        // The decoder gives the indices only of what it takes for grey.
        changes.extend(directory.with_integer(PHOTOMETRIC, BLACK_IS_ZERO));
    }
    let mut decoder = Decoder::new(Overlaid::new(bytes, changes)).map_err(explain)?;
    let (width, height) = decoder.dimensions().map_err(explain)?;
    let layout = layout(&mut decoder)?;
    let palette = match is_palette {
        true if layout.n_stored == 1 => samples::palette(&directory, layout.bits),
        _ => None,
    };
    if is_palette && palette.is_none() {
        return Err(unsupported(format!("a palette of {} bits without a whole colour map", layout.bits)));
    }
    let n_channels = if is_palette { 3 } else { layout.n_kept };
    let orientation = Orientation::of_tag(directory.integer(ORIENTATION).unwrap_or(1));
    let n_stored = layout.n_stored as u64;
    let stored_bytes = n_stored * u64::from(layout.bits).div_ceil(8);
    // Planes and turned pictures go through a second buffer of `f32`, palettes through one of indices.
    let n_values = match () {
        () if layout.planar => n_stored + (n_channels as u64).max(n_stored),
        () if is_palette => 1 + 3 * orientation.n_buffers(),
        () => n_channels as u64 * orientation.n_buffers(),
    };
    reading.limits.check_size(height.into(), width.into(), stored_bytes, n_values)?;
    check_chunks(&decoder, layout.planar, height, width)?;

    let samples = decode_samples(decoder, &reading.limits, bytes.len())?;
    let (height_px, width_px) = (height as usize, width as usize);
    let (pixels, full_scale) = match &palette {
        Some(palette) => samples::through_palette(&samples, layout.bits, palette, reading.range, height_px, width_px)?,
        None => {
            let is_inverted = directory.integer(PHOTOMETRIC) == Some(WHITE_IS_ZERO);
            let levels = Levels::of(&directory, reading.range, is_inverted);
            samples::to_f32(samples, &layout, levels, height_px, width_px)?
        }
    };
    let (pixels, height_px, width_px) = orientation.apply(pixels, height_px, width_px, n_channels);
    Ok(Image::new(pixels, height_px, width_px, n_channels)?.with_full_scale(full_scale))
}

fn decode_samples(decoder: Decoder<'_>, limits: &Limits, file_bytes: usize) -> Result<DecodingResult, ImageError> {
    let mut decoder_limits = DecoderLimits::default();
    decoder_limits.decoding_buffer_size = usize::try_from(limits.max_decoded_bytes).unwrap_or(usize::MAX);
    decoder_limits.ifd_value_size = MAX_DIRECTORY_VALUE_BYTES;
    // One strip or tile as stored: it lies inside the file, so it is no longer than the file.
    decoder_limits.intermediate_buffer_size = file_bytes;
    let mut samples = DecodingResult::U8(Vec::new());
    decoder.with_limits(decoder_limits).read_image_to_buffer(&mut samples).map_err(explain)?;
    Ok(samples)
}

fn layout(decoder: &mut Decoder<'_>) -> Result<Layout, ImageError> {
    let compression: Option<u16> = optional(decoder, Tag::Compression)?;
    if let Some(code) = compression.filter(|code| !COMPRESSIONS.contains(code)) {
        let name = OTHER_COMPRESSIONS.iter().find(|(other, _)| *other == code).map(|(_, name)| format!(" ({name})"));
        return Err(unsupported(format!("compression {code}{}", name.unwrap_or_default())));
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
fn check_chunks(decoder: &Decoder<'_>, planar: bool, height: u32, width: u32) -> Result<(), ImageError> {
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

fn optional<T: TryFrom<u64>>(decoder: &mut Decoder<'_>, tag: Tag) -> Result<Option<T>, ImageError> {
    decoder.find_tag_unsigned(tag).map_err(explain)
}
