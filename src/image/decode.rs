//! Bytes to an [`Image`]: the format told from the content, limits before allocation.

use std::fs::File;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use ::image::codecs::{bmp::BmpDecoder, jpeg::JpegDecoder, png::PngDecoder};
use ::image::{DynamicImage, ImageDecoder};

use super::{Image, ImageError, Limits, jpeg, tiff};

/// File name extensions that a folder walk takes as images, lower case. Upper case counts too.
pub const EXTENSIONS: &[&str] = &["png", "jpg", "jpeg", "bmp", "tif", "tiff"];

/// The formats read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Png,
    Jpeg,
    Bmp,
    Tiff,
}

impl Format {
    /// Tells the format from the first bytes.
    fn sniff(bytes: &[u8]) -> Option<Format> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Format::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Format::Jpeg),
            // 42 is TIFF, 43 BigTIFF, in either byte order.
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Format::Tiff),
            [b'B', b'M', ..] => Some(Format::Bmp),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Format::Png => "PNG",
            Format::Jpeg => "JPEG",
            Format::Bmp => "BMP",
            Format::Tiff => "TIFF",
        }
    }
}

/// Whether a file that begins so is of a format that is read here. Eight bytes are enough for most formats, 64 for all.
pub fn is_image(first_bytes: &[u8]) -> bool {
    Format::sniff(first_bytes).is_some()
}

/// Whether the name ends in one of [`EXTENSIONS`]. The file is not touched.
pub fn is_image_path(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|found| EXTENSIONS.iter().any(|known| found.eq_ignore_ascii_case(known)))
}

/// Reads the image file `path`.
///
/// # Errors
/// Every failure of [`decode`], and those of the file system; each names the file.
pub fn read(path: &Path, limits: &Limits) -> Result<Image, ImageError> {
    read_bytes(path, limits).and_then(|bytes| decode(&bytes, limits)).map_err(|error| error.in_file(path))
}

/// Decodes a whole image file held in memory.
///
/// # Errors
/// If the format is unknown or unsupported, the bytes are damaged or cut off, a limit is exceeded,
/// or a pixel is NaN or infinite.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Image, ImageError> {
    limits.check_file(bytes.len() as u64)?;
    let Some(format) = Format::sniff(bytes) else {
        let first_bytes = bytes.iter().take(8).copied().collect();
        return Err(ImageError::UnknownFormat { first_bytes });
    };
    // The decoders are other people's code that has panicked on hostile files before, and one bad
    // file must not end a batch. They share no state with us: after a panic everything they held
    // is gone, so nothing half-written can be seen and asserting unwind safety is sound.
    let decoded = catch_unwind(AssertUnwindSafe(|| match format {
        Format::Png => decode_png(bytes, limits),
        Format::Jpeg => decode_jpeg(bytes, limits),
        Format::Bmp => decode_bmp(bytes, limits),
        Format::Tiff => tiff::decode(bytes, limits),
    }));
    match decoded {
        Ok(result) => result,
        Err(_) => Err(ImageError::DecoderPanicked { format: format.name() }),
    }
}

fn decode_png(bytes: &[u8], limits: &Limits) -> Result<Image, ImageError> {
    let decoder = PngDecoder::with_limits(Cursor::new(bytes), foreign(limits));
    from_decoder(decoder.map_err(|error| explain(Format::Png, limits, &error))?, Format::Png, limits)
}

fn decode_jpeg(bytes: &[u8], limits: &Limits) -> Result<Image, ImageError> {
    let decoder = JpegDecoder::new(Cursor::new(bytes));
    let decoder = decoder.map_err(|error| explain(Format::Jpeg, limits, &error))?;
    jpeg::check_complete(bytes)?;
    from_decoder(decoder, Format::Jpeg, limits)
}

fn decode_bmp(bytes: &[u8], limits: &Limits) -> Result<Image, ImageError> {
    let decoder = BmpDecoder::new(Cursor::new(bytes));
    from_decoder(decoder.map_err(|error| explain(Format::Bmp, limits, &error))?, Format::Bmp, limits)
}

/// Checks the size the header claims, then lets the decoder have its memory.
fn from_decoder(mut decoder: impl ImageDecoder, format: Format, limits: &Limits) -> Result<Image, ImageError> {
    let (width_px, height_px) = decoder.dimensions();
    let color = decoder.color_type();
    let n_channels = if color.has_color() { 3 } else { 1 };
    let bytes_per_pixel = u64::from(color.bytes_per_pixel());
    limits.check_size(height_px.into(), width_px.into(), bytes_per_pixel, n_channels)?;
    decoder.set_limits(foreign(limits)).map_err(|error| explain(format, limits, &error))?;
    let pixels = DynamicImage::from_decoder(decoder).map_err(|error| explain(format, limits, &error))?;
    let (height_px, width_px) = (height_px as usize, width_px as usize);
    match pixels {
        DynamicImage::ImageLuma8(image) => unsigned8(&image, 1, 1, height_px, width_px),
        DynamicImage::ImageLumaA8(image) => unsigned8(&image, 2, 1, height_px, width_px),
        DynamicImage::ImageRgb8(image) => unsigned8(&image, 3, 3, height_px, width_px),
        DynamicImage::ImageRgba8(image) => unsigned8(&image, 4, 3, height_px, width_px),
        DynamicImage::ImageLuma16(image) => unsigned16(&image, 1, 1, height_px, width_px),
        DynamicImage::ImageLumaA16(image) => unsigned16(&image, 2, 1, height_px, width_px),
        DynamicImage::ImageRgb16(image) => unsigned16(&image, 3, 3, height_px, width_px),
        DynamicImage::ImageRgba16(image) => unsigned16(&image, 4, 3, height_px, width_px),
        // The enum is foreign and open; PNG, JPEG and BMP give none of its other variants.
        other => Err(ImageError::Unsupported { format: format.name(), found: format!("{:?} samples", other.color()) }),
    }
}

fn unsigned8(
    samples: &[u8],
    n_stored: usize,
    n_kept: usize,
    height_px: usize,
    width_px: usize,
) -> Result<Image, ImageError> {
    let pixels = keep_channels(samples, n_stored, n_kept, |value| f32::from(value) / 255.0);
    Image::new(pixels, height_px, width_px, n_kept)
}

fn unsigned16(
    samples: &[u16],
    n_stored: usize,
    n_kept: usize,
    height_px: usize,
    width_px: usize,
) -> Result<Image, ImageError> {
    let pixels = keep_channels(samples, n_stored, n_kept, |value| f32::from(value) / 65535.0);
    Image::new(pixels, height_px, width_px, n_kept)
}

/// The first `n_kept` of every `n_stored` samples, as `f32`: what follows them is alpha.
pub(super) fn keep_channels<T: Copy>(
    samples: &[T],
    n_stored: usize,
    n_kept: usize,
    to_f32: impl Fn(T) -> f32,
) -> Vec<f32> {
    let pixels = samples.chunks_exact(n_stored).flat_map(|pixel| &pixel[..n_kept]);
    let mut values = Vec::with_capacity(samples.len() / n_stored * n_kept);
    values.extend(pixels.map(|&value| to_f32(value)));
    values
}

/// A regular file's bytes, never more than the limit whatever the file system says of its length.
pub(super) fn read_bytes(path: &Path, limits: &Limits) -> Result<Vec<u8>, ImageError> {
    let failed = |action| move |source| ImageError::Io { action, source };
    // Asked before opening: opening a pipe would wait for its writer.
    let metadata = std::fs::metadata(path).map_err(failed("open the file"))?;
    if !metadata.is_file() {
        return Err(ImageError::NotAFile);
    }
    limits.check_file(metadata.len())?;
    let file = File::open(path).map_err(failed("open the file"))?;
    let mut bytes = Vec::new();
    file.take(limits.max_file_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(failed("read the file"))?;
    Ok(bytes)
}

/// Our limits in the words of the `image` crate.
fn foreign(limits: &Limits) -> ::image::Limits {
    // Width and height are checked here, so that every format refuses them in the same words.
    let mut foreign = ::image::Limits::no_limits();
    foreign.max_alloc = Some(limits.max_decoded_bytes);
    foreign
}

fn explain(format: Format, limits: &Limits, error: &::image::ImageError) -> ImageError {
    let format = format.name();
    match error {
        ::image::ImageError::Unsupported(found) => ImageError::Unsupported { format, found: found.to_string() },
        ::image::ImageError::Limits(_) => ImageError::DecoderMemory { format, limit: limits.max_decoded_bytes },
        // Everything else a decoder reports on bytes in memory is about those bytes.
        other => ImageError::Malformed { format, reason: other.to_string() },
    }
}
