//! Pixels turned into the frame in which the picture is shown.

/// The orientation tag of EXIF and TIFF, 1 to 8: which corner and side of the picture the stored first row and column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Orientation(u8);

impl Orientation {
    /// Stored as shown.
    pub(super) const UPRIGHT: Self = Orientation(1);

    /// The tag's value; every other number counts as upright, as all readers have it.
    pub(super) fn of_tag(value: u64) -> Self {
        match u8::try_from(value) {
            Ok(value @ 1..=8) => Orientation(value),
            Ok(_) | Err(_) => Self::UPRIGHT,
        }
    }

    /// How many buffers of pixels are held while the picture is turned.
    pub(super) fn n_buffers(self) -> u64 {
        if self == Self::UPRIGHT { 1 } else { 2 }
    }

    /// Turns `[height_px, width_px, n_channels]` pixels; returns them with their new height and width.
    pub(super) fn apply(
        self,
        pixels: Vec<f32>,
        height_px: usize,
        width_px: usize,
        n_channels: usize,
    ) -> (Vec<f32>, usize, usize) {
        // Exactness of the length is checked when the image is made.
        if self == Self::UPRIGHT || pixels.len() != height_px * width_px * n_channels || pixels.is_empty() {
            return (pixels, height_px, width_px);
        }
        let (bottom, right) = (height_px - 1, width_px - 1);
        let swaps = self.0 >= 5;
        let (height, width) = if swaps { (width_px, height_px) } else { (height_px, width_px) };
        let mut turned = Vec::with_capacity(pixels.len());
        for y in 0..height {
            for x in 0..width {
                let (from_y, from_x) = match self.0 {
                    2 => (y, right - x),
                    3 => (bottom - y, right - x),
                    4 => (bottom - y, x),
                    5 => (x, y),
                    6 => (bottom - x, y),
                    7 => (bottom - x, right - y),
                    8 => (x, right - y),
                    _ => (y, x),
                };
                let start = (from_y * width_px + from_x) * n_channels;
                turned.extend_from_slice(&pixels[start..start + n_channels]);
            }
        }
        (turned, height, width)
    }
}

#[cfg(test)]
mod tests {
    use super::Orientation;

    #[test]
    fn all_eight_orientations_show_the_same_letter() {
        // An F as it is shown, and as it is stored under each tag (EXIF 2.3, section 4.6.4, orientation).
        let stored: [(&[&str], u64); 8] = [
            (&["###", "#..", "##.", "#.."], 1),
            (&["###", "..#", ".##", "..#"], 2),
            (&["..#", ".##", "..#", "###"], 3),
            (&["#..", "##.", "#..", "###"], 4),
            (&["####", "#.#.", "#..."], 5),
            (&["#...", "#.#.", "####"], 6),
            (&["...#", ".#.#", "####"], 7),
            (&["####", ".#.#", "...#"], 8),
        ];
        let values = |rows: &[&str]| -> Vec<f32> {
            rows.iter().flat_map(|row| row.bytes().map(|b| f32::from(b == b'#'))).collect()
        };
        let shown = values(stored[0].0);
        for (rows, tag) in stored {
            let (height, width) = (rows.len(), rows[0].len());
            let (grey, h, w) = Orientation::of_tag(tag).apply(values(rows), height, width, 1);
            assert_eq!((grey.as_slice(), h, w), (shown.as_slice(), 4, 3), "{tag}");
            let rgb = values(rows).iter().flat_map(|v| [*v, v * 2.0, v * 3.0]).collect();
            let (rgb, ..) = Orientation::of_tag(tag).apply(rgb, height, width, 3);
            assert!(rgb.chunks(3).zip(&shown).all(|(p, v)| p == [*v, v * 2.0, v * 3.0]), "{tag}");
        }
        for none in [0, 9, 256, u64::MAX] {
            assert_eq!(Orientation::of_tag(none), Orientation::UPRIGHT);
        }
    }
}
