//! Formats that the crate `image` decodes.

use std::io::Cursor;

use ::image::codecs::{
    bmp::BmpDecoder, dds::DdsDecoder, farbfeld::FarbfeldDecoder, gif::GifDecoder, hdr::HdrDecoder, ico::IcoDecoder,
    jpeg::JpegDecoder, openexr::OpenExrDecoder, png::PngDecoder, pnm::PnmDecoder, qoi::QoiDecoder, tga::TgaDecoder,
    webp::WebPDecoder,
};
use ::image::error::UnsupportedErrorKind;
use ::image::{DynamicImage, ImageDecoder, ImageResult};

use super::format::Format;
use super::orient::Orientation;
use super::value_range::{is_unscaled, keep_channels};
use super::{Image, ImageError, Limits, Reading, ValueRange, chunks, exr, jpeg};

/// Decodes a file of one of the formats that are not TIFF or PFM.
pub(super) fn decode(bytes: &[u8], format: Format, reading: &Reading) -> Result<Image, ImageError> {
    let limits = &reading.limits;
    let n_frames = chunks::n_frames(format, bytes);
    if n_frames > 1 {
        return Err(ImageError::SeveralFrames { format: format.name(), n_frames });
    }
    let all = File { bytes, format, reading };
    let data = || Cursor::new(bytes);
    match format {
        Format::Png => all.open(PngDecoder::with_limits(data(), foreign(limits))),
        Format::Jpeg => {
            jpeg::check_process(bytes)?;
            let decoder = JpegDecoder::new(data());
            all.open(decoder)
        }
        Format::Bmp => all.open(BmpDecoder::new(data())),
        Format::WebP => all.open(WebPDecoder::new(data())),
        Format::Gif => all.open(GifDecoder::new(data())),
        Format::Pnm => all.open(PnmDecoder::new(data())),
        Format::Qoi => all.open(QoiDecoder::new(data())),
        Format::Exr => {
            exr::check_windows(bytes, limits)?;
            all.open(OpenExrDecoder::new(data()))
        }
        Format::Hdr => all.open(HdrDecoder::new(data())),
        Format::Farbfeld => all.open(FarbfeldDecoder::new(data())),
        Format::Dds => all.open(DdsDecoder::new(data())),
        Format::Ico => all.open(IcoDecoder::new(data())),
        Format::Tga => all.open(TgaDecoder::new(data())),
        Format::Tiff | Format::Pfm => Err(all.unsupported("a decoder of its own".to_owned())),
    }
}

/// One file and how it is read.
struct File<'a> {
    bytes: &'a [u8],
    format: Format,
    reading: &'a Reading,
}

impl File<'_> {
    /// Checks the size the header claims, then lets the decoder have its memory.
    fn open(&self, decoder: ImageResult<impl ImageDecoder>) -> Result<Image, ImageError> {
        let limits = &self.reading.limits;
        let failed = |error| self.explain(&error);
        let mut decoder = decoder.map_err(failed)?;
        let (width_px, height_px) = decoder.dimensions();
        let color = decoder.color_type();
        let n_channels = if color.has_color() { 3 } else { 1 };
        let orientation = Orientation::of_tag(decoder.orientation().map_err(failed)?.to_exif().into());
        let bytes_per_pixel = self.n_buffers() * u64::from(color.bytes_per_pixel());
        let n_values = n_channels * orientation.n_buffers();
        limits.check_size(height_px.into(), width_px.into(), bytes_per_pixel, n_values)?;
        if self.format == Format::Jpeg {
            jpeg::check_complete(self.bytes)?;
        }
        decoder.set_limits(foreign(limits)).map_err(failed)?;
        let pixels = DynamicImage::from_decoder(decoder).map_err(failed)?;
        let n_channels = n_channels as usize;
        let (values, full_scale) = self.values(pixels)?;
        let (values, height_px, width_px) =
            orientation.apply(values, height_px as usize, width_px as usize, n_channels);
        Ok(Image::new(values, height_px, width_px, n_channels)?.with_full_scale(full_scale))
    }

    /// Buffers of stored samples that the decoder fills.
    fn n_buffers(&self) -> u64 {
        match self.format {
            Format::Png | Format::Bmp | Format::Pnm | Format::Farbfeld => 1,
            // Two bytes for each coefficient of all scans.
            Format::Jpeg if jpeg::is_progressive(self.bytes) => 3,
            Format::Jpeg => 1,
            // They decode to a buffer of their own first.
            _ => 2,
        }
    }

    /// The values without alpha, and the stored integer that became 1.
    fn values(&self, pixels: DynamicImage) -> Result<(Vec<f32>, Option<f64>), ImageError> {
        match pixels {
            DynamicImage::ImageLuma8(image) => Ok(self.integers(&image, 1, 1, 8)),
            DynamicImage::ImageLumaA8(image) => Ok(self.integers(&image, 2, 1, 8)),
            DynamicImage::ImageRgb8(image) => Ok(self.integers(&image, 3, 3, 8)),
            DynamicImage::ImageRgba8(image) => Ok(self.integers(&image, 4, 3, 8)),
            DynamicImage::ImageLuma16(image) => Ok(self.integers(&image, 1, 1, 16)),
            DynamicImage::ImageLumaA16(image) => Ok(self.integers(&image, 2, 1, 16)),
            DynamicImage::ImageRgb16(image) => Ok(self.integers(&image, 3, 3, 16)),
            DynamicImage::ImageRgba16(image) => Ok(self.integers(&image, 4, 3, 16)),
            DynamicImage::ImageRgb32F(image) => Ok((self.floats(&image, 3), None)),
            DynamicImage::ImageRgba32F(image) => Ok((self.floats(&image, 4), None)),
            // The enum is foreign and open.
            other => Err(self.unsupported(format!("{:?} samples", other.color()))),
        }
    }

    fn integers<T: Copy + Into<u32> + Into<f32> + Into<f64>>(
        &self,
        samples: &[T],
        n_stored: usize,
        n_kept: usize,
        depth: u32,
    ) -> (Vec<f32>, Option<f64>) {
        let range = self.reading.range.unwrap_or_else(|| {
            let significant = match self.format {
                Format::Png => chunks::significant_bits(self.bytes, depth),
                _ => None,
            };
            let colours = || samples.chunks_exact(n_stored).flat_map(|p| &p[..n_kept]).map(|&v| v.into());
            let depth = significant.filter(|n| is_unscaled(colours(), depth, *n)).unwrap_or(depth);
            ValueRange::full(f64::from(2_u32.pow(depth) - 1))
        });
        (range.units(samples, n_stored, n_kept), Some(range.max()))
    }

    fn floats(&self, samples: &[f32], n_stored: usize) -> Vec<f32> {
        match &self.reading.range {
            Some(range) => keep_channels(samples, n_stored, 3, |value| range.unit(f64::from(value))),
            None => keep_channels(samples, n_stored, 3, |value| value),
        }
    }

    fn unsupported(&self, found: String) -> ImageError {
        ImageError::Unsupported { format: self.format.name(), found }
    }

    fn explain(&self, error: &::image::ImageError) -> ImageError {
        let format = self.format.name();
        match error {
            ::image::ImageError::Unsupported(found) => match found.kind() {
                // The decoder's way to say that it knows the format and not this variant.
                UnsupportedErrorKind::Format(_) => self.unsupported("a variant that is not read here".to_owned()),
                _ => self.unsupported(found.to_string()),
            },
            ::image::ImageError::Limits(_) => {
                ImageError::DecoderMemory { format, limit: self.reading.limits.max_decoded_bytes }
            }
            // Everything else a decoder reports on bytes in memory is about those bytes.
            other => ImageError::Malformed { format, reason: other.to_string() },
        }
    }
}

/// Our limits in the words of the `image` crate.
fn foreign(limits: &Limits) -> ::image::Limits {
    // Width and height are checked here, so that every format refuses them in the same words.
    let mut foreign = ::image::Limits::no_limits();
    foreign.max_alloc = Some(limits.max_decoded_bytes.max(HEADER_BYTES));
    foreign
}

/// What a decoder may take to read a header: texts and colour profiles.
const HEADER_BYTES: u64 = 16 << 20;
