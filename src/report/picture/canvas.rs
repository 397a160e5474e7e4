//! A picture that can be drawn on.

use image::ImageEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};

use super::{font, unicode};
use crate::report::ReportError;

/// Longest side of a picture, in pixels.
pub const MAX_SIDE_PX: usize = 32_768;

/// 8-bit RGB pixels, `[height_px * width_px * 3]`, row-major.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pixels: Vec<u8>,
    height_px: usize,
    width_px: usize,
}

impl Picture {
    /// A picture of one colour.
    ///
    /// # Errors
    ///
    /// [`ReportError::Extent`] if a side is 0 or beyond [`MAX_SIDE_PX`].
    pub fn filled(height_px: usize, width_px: usize, colour: [u8; 3]) -> Result<Self, ReportError> {
        check_extent("the picture", height_px, width_px)?;
        Ok(Self { pixels: colour.repeat(height_px * width_px), height_px, width_px })
    }

    /// The pixels, `[height_px * width_px * 3]`, row-major.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Rows.
    #[must_use]
    pub fn height_px(&self) -> usize {
        self.height_px
    }

    /// Columns.
    #[must_use]
    pub fn width_px(&self) -> usize {
        self.width_px
    }

    /// The picture as a PNG file, compressed fast: pictures are drawn while images are inspected.
    ///
    /// # Errors
    ///
    /// [`ReportError::Encoding`] if the encoder refuses.
    pub fn png(&self) -> Result<Vec<u8>, ReportError> {
        let mut bytes = Vec::new();
        let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive);
        // Both sides are at most MAX_SIDE_PX, far below u32.
        let (width, height) = (self.width_px as u32, self.height_px as u32);
        encoder.write_image(&self.pixels, width, height, image::ExtendedColorType::Rgb8)?;
        Ok(bytes)
    }

    /// The picture as a JPEG file of that quality, from 1 to 100, every pixel with a colour of its own.
    ///
    /// # Errors
    ///
    /// [`ReportError::Encoding`] if the encoder refuses.
    pub fn jpeg(&self, quality: u8) -> Result<Vec<u8>, ReportError> {
        let mut bytes = Vec::new();
        // As in `png`.
        let (width, height) = (self.width_px as u32, self.height_px as u32);
        let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
        encoder.write_image(&self.pixels, width, height, image::ExtendedColorType::Rgb8)?;
        Ok(bytes)
    }

    /// The colour of a pixel inside the picture.
    #[cfg(test)]
    pub(in crate::report) fn at(&self, row: usize, column: usize) -> [u8; 3] {
        let start = (row * self.width_px + column) * 3;
        [self.pixels[start], self.pixels[start + 1], self.pixels[start + 2]]
    }

    /// Mixes `colour` into a pixel; `alpha` in `[0, 1]`. Outside: nothing.
    pub(in crate::report) fn blend(&mut self, row: usize, column: usize, colour: [u8; 3], alpha: f32) {
        if row >= self.height_px || column >= self.width_px {
            return;
        }
        let start = (row * self.width_px + column) * 3;
        for (channel, &target) in self.pixels[start..start + 3].iter_mut().zip(&colour) {
            let mixed = f32::from(*channel) + (f32::from(target) - f32::from(*channel)) * alpha;
            // The cast rounds down; `round` would be a call.
            *channel = (mixed + 0.5) as u8;
        }
    }

    /// Fills the part of a rectangle that lies inside the picture.
    pub(in crate::report) fn fill(&mut self, top: usize, left: usize, height: usize, width: usize, colour: [u8; 3]) {
        let right = left.saturating_add(width).min(self.width_px);
        for row in top..top.saturating_add(height).min(self.height_px) {
            let line = &mut self.pixels[row * self.width_px * 3..][..self.width_px * 3];
            if let Some(part) = line.as_chunks_mut::<3>().0.get_mut(left..right) {
                part.fill(colour);
            }
        }
    }

    /// Copies `other` in, clipped at the border.
    pub(in crate::report) fn paste(&mut self, top: usize, left: usize, other: &Self) {
        for row in 0..other.height_px.min(self.height_px.saturating_sub(top)) {
            let width = other.width_px.min(self.width_px.saturating_sub(left));
            let from = row * other.width_px * 3;
            let to = ((top + row) * self.width_px + left) * 3;
            self.pixels[to..to + width * 3].copy_from_slice(&other.pixels[from..from + width * 3]);
        }
    }

    /// Writes one line of text, its top left corner at `(top, left)`, every
    /// font pixel `scale` pixels wide. Text that is not ASCII may be some rows
    /// higher, with its middle in the same place. Clipped at the border.
    pub(in crate::report) fn text(&mut self, top: usize, left: usize, scale: usize, colour: [u8; 3], text: &str) {
        if !text.chars().all(font::has_glyph) {
            let (top, zoom) = (unicode::line_top(top, scale), unicode::zoom(scale));
            for (row, column) in unicode::ink(text) {
                self.fill(top + row * zoom, left + column * zoom, zoom, zoom, colour);
            }
            return;
        }
        for (index, character) in text.chars().enumerate() {
            let start = left + index * font::ADVANCE * scale;
            if start >= self.width_px {
                return;
            }
            for row in 0..font::GLYPH_HEIGHT {
                for column in 0..font::GLYPH_WIDTH {
                    if font::has_ink(character, row, column) {
                        self.fill(top + row * scale, start + column * scale, scale, scale, colour);
                    }
                }
            }
        }
    }

    /// A picture from pixels whose count was made to fit.
    pub(super) fn from_pixels(pixels: Vec<u8>, height_px: usize, width_px: usize) -> Self {
        debug_assert_eq!(pixels.len(), height_px * width_px * 3);
        Self { pixels, height_px, width_px }
    }
}

/// Columns that a line of text takes.
pub(in crate::report) fn text_width_px(text: &str, scale: usize) -> usize {
    if text.chars().all(font::has_glyph) {
        (text.len() * font::ADVANCE).saturating_sub(font::ADVANCE - font::GLYPH_WIDTH) * scale
    } else {
        unicode::width(text) * unicode::zoom(scale)
    }
}

/// Refuses empty and oversized pictures before anything is allocated.
pub(super) fn check_extent(what: &'static str, height_px: usize, width_px: usize) -> Result<(), ReportError> {
    let fits = |side: usize| (1..=MAX_SIDE_PX).contains(&side);
    if fits(height_px) && fits(width_px) {
        Ok(())
    } else {
        Err(ReportError::Extent { what, height_px, width_px, limit: MAX_SIDE_PX })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn png_decodes_to_the_same_pixels() {
        let mut picture = Picture::filled(3, 5, [10, 20, 30]).unwrap();
        picture.blend(1, 2, [200, 100, 0], 0.5);
        let decoded = image::load_from_memory(&picture.png().unwrap()).unwrap().to_rgb8();
        assert_eq!(decoded.dimensions(), (5, 3));
        assert_eq!(decoded.as_raw(), picture.pixels());
        assert_eq!(picture.at(1, 2), [105, 60, 15]);
    }

    #[test]
    fn jpeg_decodes_to_nearly_the_same_pixels() {
        let mut picture = Picture::filled(8, 16, [10, 20, 30]).unwrap();
        picture.fill(0, 8, 8, 8, [250, 120, 0]);
        let decoded = image::load_from_memory(&picture.jpeg(90).unwrap()).unwrap().to_rgb8();
        assert_eq!(decoded.dimensions(), (16, 8));
        assert!(decoded.as_raw().iter().zip(picture.pixels()).all(|(a, b)| a.abs_diff(*b) < 12));
    }

    #[test]
    fn drawing_outside_is_clipped() {
        let mut picture = Picture::filled(4, 4, [0, 0, 0]).unwrap();
        picture.fill(3, 3, 9, usize::MAX, [9, 9, 9]);
        picture.blend(9, 9, [255; 3], 1.0);
        picture.text(0, 2, 3, [255; 3], "Wide text");
        picture.paste(9, 9, &Picture::filled(2, 2, [1, 1, 1]).unwrap());
        picture.paste(3, 2, &Picture::filled(2, 9, [7, 7, 7]).unwrap());
        assert_eq!(picture.at(3, 3), [7, 7, 7]);
        assert_eq!(picture.pixels().len(), 48);
    }

    #[test]
    fn text_draws_the_glyph() {
        let mut picture = Picture::filled(9, 11, [0; 3]).unwrap();
        picture.text(0, 0, 1, [255; 3], "-|");
        assert_eq!(text_width_px("-|", 1), 11);
        for column in 0..5 {
            assert_eq!(picture.at(3, column), [255; 3]);
        }
        assert_eq!(picture.at(0, 8), [255; 3]);
        assert_eq!(picture.at(0, 0), [0; 3]);
    }

    #[test]
    fn text_in_any_script_is_drawn_within_its_width_and_about_its_line() {
        let mut pictures = vec![];
        for text in ["Kalte", "K\u{e4}lte", "\u{5bd2}\u{51b7}", "\u{445}\u{43e}\u{43b}\u{43e}\u{434}"] {
            for scale in 1..=6 {
                let mut picture = Picture::filled(80, 300, [0; 3]).unwrap();
                picture.text(12, 8, scale, [255; 3], text);
                let inked = |row: usize, column: usize| picture.at(row, column) == [255; 3];
                let right = 8 + text_width_px(text, scale);
                let rows: Vec<usize> = (0..80).filter(|&row| (0..300).any(|column| inked(row, column))).collect();
                let columns: Vec<usize> = (0..300).filter(|&column| (0..80).any(|row| inked(row, column))).collect();
                assert!(*columns.first().unwrap() >= 8 && *columns.last().unwrap() < right, "{text} {scale}");
                assert!(*rows.first().unwrap() >= 8 && *rows.last().unwrap() < 16 + 9 * scale, "{text} {scale}");
                pictures.push(picture);
            }
        }
        assert!((1..pictures.len()).all(|i| !pictures[..i].contains(&pictures[i])));
    }

    #[test]
    fn rejects_empty_and_oversized_pictures() {
        for (height, width) in [(0, 5), (5, 0), (MAX_SIDE_PX + 1, 1), (usize::MAX, usize::MAX)] {
            let found = Picture::filled(height, width, [0; 3]);
            assert!(matches!(found, Err(ReportError::Extent { .. })));
        }
    }
}
