//! Source and map brought to the size they are shown at.

use super::Picture;

/// Shows `rgb` (`[height * width * 3]`) at another size: blocks of equal
/// pixels when it grows, the mean of what a pixel covers when it shrinks.
pub(super) fn source(rgb: &[u8], (height, width): (usize, usize), (to_height, to_width): (usize, usize)) -> Picture {
    if (height, width) == (to_height, to_width) {
        return Picture::from_pixels(rgb.to_vec(), height, width);
    }
    let mut pixels = Vec::with_capacity(to_height * to_width * 3);
    for row in 0..to_height {
        let (top, bottom) = covered(row, height, to_height);
        for column in 0..to_width {
            let (left, right) = covered(column, width, to_width);
            let mut sums = [0u64; 3];
            for y in top..bottom {
                for cell in rgb[(y * width + left) * 3..(y * width + right) * 3].chunks_exact(3) {
                    for (sum, &channel) in sums.iter_mut().zip(cell) {
                        *sum += u64::from(channel);
                    }
                }
            }
            let n = ((bottom - top) * (right - left)) as u64;
            pixels.extend(sums.map(|sum| ((sum + n / 2) / n) as u8));
        }
    }
    Picture::from_pixels(pixels, to_height, to_width)
}

/// Shows a map at another size: per direction, the largest score that a pixel
/// covers when it shrinks (a thumbnail keeps its peaks), bilinear between
/// pixel centres when it grows.
pub(super) fn map(values: &[f32], from: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    if from == to {
        return values.to_vec();
    }
    let (height, width) = from;
    let (to_height, to_width) = to;
    let columns = weights(width, to_width);
    let rows = weights(height, to_height);
    let mut narrow = Vec::with_capacity(height * to_width);
    for line in values.chunks_exact(width) {
        narrow.extend(columns.iter().map(|cell| cell.of(|index| line[index])));
    }
    let mut shown = Vec::with_capacity(to_height * to_width);
    for cell in &rows {
        shown.extend((0..to_width).map(|column| cell.of(|index| narrow[index * to_width + column])));
    }
    shown
}

/// Where one shown pixel takes its score from, along one direction.
enum Taken {
    Largest(usize, usize),
    Between(usize, usize, f32),
}

impl Taken {
    fn of(&self, value: impl Fn(usize) -> f32) -> f32 {
        match *self {
            Self::Largest(start, end) => (start..end).map(value).fold(f32::NEG_INFINITY, f32::max),
            Self::Between(below, above, part) => {
                let (below, above) = (value(below), value(above));
                if below == above || part == 0.0 { below } else { below * (1.0 - part) + above * part }
            }
        }
    }
}

fn weights(from: usize, to: usize) -> Vec<Taken> {
    (0..to)
        .map(|index| {
            if to < from {
                let (start, end) = covered(index, from, to);
                return Taken::Largest(start, end);
            }
            let centre = (index as f64 + 0.5) * from as f64 / to as f64 - 0.5;
            let centre = centre.clamp(0.0, (from - 1) as f64);
            let below = centre.floor() as usize;
            Taken::Between(below, (below + 1).min(from - 1), centre.fract() as f32)
        })
        .collect()
}

/// The source indices that a shown pixel touches; at least one.
fn covered(index: usize, from: usize, to: usize) -> (usize, usize) {
    let start = index * from / to;
    let end = ((index + 1) * from).div_ceil(to);
    (start, if to < from { end } else { start + 1 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_size_changes_nothing() {
        let values = [1.0, -2.0, f32::INFINITY, 4.0, 5.0, 6.5];
        assert_eq!(map(&values, (2, 3), (2, 3)), values);
        let rgb: Vec<u8> = (0..18).collect();
        assert_eq!(source(&rgb, (2, 3), (2, 3)).pixels(), rgb);
    }

    #[test]
    fn growing_repeats_source_pixels_and_interpolates_the_map() {
        let grown = source(&[10, 10, 10, 90, 90, 90], (1, 2), (2, 4));
        let line = [10, 10, 10, 10, 10, 10, 90, 90, 90, 90, 90, 90];
        assert_eq!(grown.pixels(), [line, line].concat());
        assert_eq!(map(&[0.0, 8.0], (1, 2), (1, 4)), [0.0, 2.0, 6.0, 8.0]);
    }

    #[test]
    fn shrinking_averages_the_source_and_keeps_the_peak_of_the_map() {
        let shrunk = source(&[0, 0, 0, 100, 50, 7], (1, 2), (1, 1));
        assert_eq!(shrunk.pixels(), [50, 25, 4]);
        assert_eq!(map(&[0.0, 9.0, 1.0, 2.0, 0.0, 0.0], (3, 2), (1, 1)), [9.0]);
    }

    proptest! {
        #[test]
        fn a_smaller_map_has_the_same_maximum(
            height in 1usize..20, width in 1usize..20, to_height in 1usize..20, to_width in 1usize..20,
            seed in any::<u32>(),
        ) {
            let values: Vec<f32> = (0..height * width)
                .map(|i| ((i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) % 1000) as f32)
                .collect();
            let to = (to_height.min(height), to_width.min(width));
            let shown = map(&values, (height, width), to);
            prop_assert_eq!(shown.len(), to.0 * to.1);
            let peak = |values: &[f32]| values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            prop_assert_eq!(peak(&shown), peak(&values));
            let rgb = vec![77; height * width * 3];
            let even = source(&rgb, (height, width), (to_height, to_width));
            prop_assert!(even.pixels().iter().all(|&channel| channel == 77));
        }
    }
}
