//! How an image is lit and how sharp it is, in a few numbers.

use crate::image::Image;

/// The numbers that [`light_statistics`] finds, by name.
pub const LIGHT_STATISTICS: [&str; 6] = ["brightness", "contrast", "sharpness", "tint", "slope_x", "slope_y"];

/// Mean grey value; its standard deviation; mean difference of neighbouring pixels over that deviation; red less blue over the
/// mean; how much brighter the right edge is than the left one, and the lower than the upper, over the mean, by a fitted plane.
#[must_use]
pub fn light_statistics(image: &Image) -> [f32; 6] {
    let (height, width) = (image.height_px(), image.width_px());
    let luma = image.luma();
    let n = (height * width) as f64;
    let (mut sum, mut squares, mut across, mut down) = (0.0, 0.0, 0.0, 0.0);
    let (mut differences, mut n_differences) = (0.0, 0usize);
    // From -0.5 to 0.5.
    let at = |index: usize, n: usize| (index as f64 + 0.5) / n as f64 - 0.5;
    for (y, row) in luma.chunks_exact(width).enumerate() {
        let (mut of_row, mut of_squares, mut moment) = (0.0, 0.0, 0.0);
        for (x, value) in row.iter().enumerate() {
            let value = f64::from(*value);
            of_row += value;
            of_squares += value * value;
            moment += value * at(x, width);
        }
        sum += of_row;
        squares += of_squares;
        across += moment;
        down += of_row * at(y, height);
        differences += row.windows(2).map(|pair| f64::from((pair[1] - pair[0]).abs())).sum::<f64>();
        n_differences += width - 1;
        if y + 1 < height {
            let below = &luma[(y + 1) * width..(y + 2) * width];
            differences += row.iter().zip(below).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>();
            n_differences += width;
        }
    }
    let mean = sum / n;
    let deviation = (squares / n - mean * mean).max(0.0).sqrt();
    let relative = |value: f64| value / mean.abs().max(f64::from(f32::EPSILON));
    let tint = match image.n_channels() {
        3 => image.pixels().chunks_exact(3).map(|pixel| f64::from(pixel[0] - pixel[2])).sum::<f64>() / n,
        _ => 0.0,
    };
    // Of evenly spread positions the mean square is (1 - 1 / n^2) / 12.
    let slope = |moment: f64, n_at: usize| match n_at {
        1 => 0.0,
        _ => relative(12.0 * moment / n / (1.0 - 1.0 / (n_at * n_at) as f64)),
    };
    let sharpness = differences / n_differences.max(1) as f64 / deviation.max(f64::from(f32::EPSILON));
    [mean, deviation, sharpness, relative(tint), slope(across, width), slope(down, height)].map(|value| value as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(values: Vec<f32>, height: usize, width: usize) -> [f32; 6] {
        light_statistics(&Image::new(values, height, width, 1).unwrap())
    }

    #[test]
    fn each_number_tells_of_its_own_change() {
        // A board of squares of two pixels, between 0.2 and 0.6.
        let board = |gain: f32, low: f32| -> Vec<f32> {
            (0..16 * 16).map(|i| low + gain * if (i / 32 + i % 16 / 2) % 2 == 0 { 0.2 } else { 0.6 }).collect()
        };
        let near = |a: f32, b: f32| assert!((a - b).abs() < 1e-3, "{a} {b}");
        let plain = grey(board(1.0, 0.0), 16, 16);
        near(plain[0], 0.4);
        near(plain[1], 0.2);
        // Half of the differences are 0.4, in either direction: 7 of 15.
        near(plain[2], 7.0 / 15.0 * 0.4 / 0.2);
        assert!(plain[3..].iter().all(|value| value.abs() < 1e-3), "{plain:?}");
        let brighter = grey(board(1.0, 0.1), 16, 16);
        near(brighter[0], 0.5);
        near(brighter[2], plain[2]);
        let flatter = grey(board(0.5, 0.2), 16, 16);
        near(flatter[0], 0.4);
        near(flatter[1], 0.1);
        near(flatter[2], plain[2]);
        let ramp: Vec<f32> = (0..16 * 16).map(|i| 1.0 + 0.25 * ((i % 16) as f32 / 16.0 + 0.5 / 16.0 - 0.5)).collect();
        let slope = grey(ramp, 16, 16);
        near(slope[4], 0.25);
        near(slope[5], 0.0);
        let red: Vec<f32> = (0..16).flat_map(|_| [0.5, 0.4, 0.3]).collect();
        let tint = light_statistics(&Image::new(red, 4, 4, 3).unwrap());
        near(tint[3], 0.2 / tint[0]);
        // One pixel has neither neighbours nor slopes.
        assert_eq!(grey(vec![0.5], 1, 1), [0.5, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }
}
