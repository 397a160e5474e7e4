//! Images turned about their centre.

use super::Image;
use rayon::prelude::*;

impl Image {
    /// The image turned by so many degrees about its centre, anticlockwise as it is shown, its size kept. What comes from beyond
    /// the border is what lies within, reflected about the border's pixels (`d c b | a b c d | c b a`); between pixels it is
    /// bilinear.
    #[must_use]
    pub fn turned(&self, degrees: f64) -> Self {
        let (height, width, n_channels) = (self.height_px(), self.width_px(), self.n_channels());
        let (sin, cos) = degrees.to_radians().sin_cos();
        let centre = |n: usize| (n as f64 - 1.0) / 2.0;
        let (middle_y, middle_x) = (centre(height), centre(width));
        let from = self.pixels();
        let mut pixels = vec![0.0; from.len()];
        pixels.par_chunks_exact_mut(width * n_channels).enumerate().for_each(|(y, row)| {
            let dy = y as f64 - middle_y;
            for (x, pixel) in row.chunks_exact_mut(n_channels).enumerate() {
                let dx = x as f64 - middle_x;
                // Rows run downwards.
                let (source_x, source_y) = (cos * dx - sin * dy + middle_x, sin * dx + cos * dy + middle_y);
                let ([left, right], across) = neighbours(source_x, width);
                let ([top, bottom], down) = neighbours(source_y, height);
                let at = |y: usize, x: usize, channel: usize| f64::from(from[(y * width + x) * n_channels + channel]);
                for (channel, value) in pixel.iter_mut().enumerate() {
                    let upper = at(top, left, channel) * (1.0 - across) + at(top, right, channel) * across;
                    let lower = at(bottom, left, channel) * (1.0 - across) + at(bottom, right, channel) * across;
                    *value = (upper * (1.0 - down) + lower * down) as f32;
                }
            }
        });
        self.with_pixels(pixels)
    }
}

/// The pixels on both sides of a coordinate, and how much of the second.
fn neighbours(at: f64, n: usize) -> ([usize; 2], f64) {
    let low = at.floor();
    // A thousandth of a millionth of a pixel is rounding: quarter turns are exact.
    let share = at - low;
    let share = if (1e-9..=1.0 - 1e-9).contains(&share) { share } else { share.round() };
    ([reflected(low as i64, n), reflected(low as i64 + 1, n)], share)
}

/// `d c b | a b c d | c b a`, for any distance.
fn reflected(index: i64, n: usize) -> usize {
    if n == 1 {
        return 0;
    }
    let last = n as i64 - 1;
    let index = index.rem_euclid(2 * last);
    (if index > last { 2 * last - index } else { index }) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(height: usize, width: usize, n_channels: usize) -> Image {
        let pixels = (0..height * width * n_channels).map(|i| ((i * 37) % 101) as f32 / 100.0).collect();
        Image::new(pixels, height, width, n_channels).unwrap()
    }

    #[test]
    fn quarter_turns_are_exact_and_four_of_them_are_none() {
        for (side, n_channels) in [(7, 1), (8, 3)] {
            let image = image(side, side, n_channels);
            let quarter = image.turned(90.0);
            for y in 0..side {
                for x in 0..side {
                    // What was on the right is now on top.
                    let from = (x * side + side - 1 - y) * n_channels;
                    let to = (y * side + x) * n_channels;
                    assert_eq!(quarter.pixels()[to..to + n_channels], image.pixels()[from..from + n_channels]);
                }
            }
            assert_eq!(quarter.turned(90.0).turned(180.0).pixels(), image.pixels());
            assert_eq!(image.turned(0.0).pixels(), image.pixels());
        }
        let half = image(5, 9, 1).turned(180.0);
        assert!(half.pixels().iter().eq(image(5, 9, 1).pixels().iter().rev()));
    }

    #[test]
    fn borders_are_reflected_about_their_pixels() {
        let found: Vec<usize> = (-7..11).map(|index| reflected(index, 4)).collect();
        assert_eq!(found, [1, 0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2]);
        assert_eq!(reflected(-3, 1), 0);
    }

    #[test]
    fn a_turned_slope_is_a_slope_in_the_turned_direction() {
        let (side, degrees) = (41usize, 30.0f64);
        let pixels = (0..side * side).map(|at| (at % side) as f32 / 40.0).collect();
        let turned = Image::new(pixels, side, side, 1).unwrap().turned(degrees);
        let (sin, cos) = degrees.to_radians().sin_cos();
        // Far enough from the border that nothing is reflected.
        for y in 14..27 {
            for x in 14..27 {
                let expected = (cos * (x as f64 - 20.0) - sin * (y as f64 - 20.0) + 20.0) / 40.0;
                assert!((f64::from(turned.pixels()[y * side + x]) - expected).abs() < 1e-6);
            }
        }
    }
}
