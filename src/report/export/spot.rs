//! The pixels of a region, as what other programs draw.

use crate::image::{Mask, PixelBox};
use crate::report::RegionRow;
use std::ops::Range;

/// Connected pixels of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    bounds: PixelBox,
    /// `[height_px * width_px]` of the bounds, row-major.
    inside: Vec<bool>,
}

impl Spot {
    /// The pixels of an image of `(height, width)` whose centres a region's outline holds; those of its box where it holds none.
    #[must_use]
    pub fn of_region(region: &RegionRow, (height_px, width_px): (usize, usize)) -> Self {
        let (bottom, right) = (region.top.saturating_add(region.height), region.left.saturating_add(region.width));
        let (top, left) = (region.top.min(height_px), region.left.min(width_px));
        let (rows, columns) = (top..bottom.min(height_px), left..right.min(width_px));
        let mut inside = vec![false; rows.len() * columns.len()];
        let mut n_held = 0;
        for (line, row) in inside.chunks_mut(columns.len().max(1)).zip(rows.clone()) {
            let crossed = crossed(&region.polygon, row as f64 + 0.5);
            for pair in crossed.chunks_exact(2) {
                // Column `x` has its centre at `x + 0.5`.
                let first = ((pair[0] - 0.5).ceil().max(columns.start as f64)) as usize;
                let end = ((pair[1] - 0.5).ceil().max(0.0) as usize).min(columns.end);
                for column in first..end {
                    line[column - columns.start] = true;
                    n_held += 1;
                }
            }
        }
        if n_held == 0 {
            inside.fill(true);
        }
        let bounds = PixelBox { top_px: top, left_px: left, height_px: rows.len(), width_px: columns.len() };
        Self { bounds, inside }
    }

    /// The parts of a mask, in the order of their first pixels; pixels that touch, if only in a corner, are of one part.
    #[must_use]
    pub fn all_in(mask: &Mask) -> Vec<Self> {
        let (height, width) = (mask.height_px, mask.width_px);
        let mut left = mask.values.clone();
        let mut spots = vec![];
        for start in 0..left.len() {
            if !left[start] {
                continue;
            }
            left[start] = false;
            let (mut pixels, mut next) = (vec![start], 0);
            while let Some(&pixel) = pixels.get(next) {
                next += 1;
                let (row, column) = (pixel / width, pixel % width);
                for y in row.saturating_sub(1)..(row + 2).min(height) {
                    for x in column.saturating_sub(1)..(column + 2).min(width) {
                        if std::mem::take(&mut left[y * width + x]) {
                            pixels.push(y * width + x);
                        }
                    }
                }
            }
            spots.push(Self::of_pixels(&pixels, width));
        }
        spots
    }

    fn of_pixels(pixels: &[usize], width: usize) -> Self {
        let hull = |at: fn(usize, usize) -> usize| {
            let all = pixels.iter().map(|pixel| at(*pixel, width));
            all.fold((usize::MAX, 0), |(least, most), at| (least.min(at), most.max(at)))
        };
        let ((top, bottom), (left, right)) = (hull(|pixel, width| pixel / width), hull(|pixel, width| pixel % width));
        let bounds = PixelBox { top_px: top, left_px: left, height_px: bottom - top + 1, width_px: right - left + 1 };
        let mut inside = vec![false; bounds.height_px * bounds.width_px];
        for pixel in pixels {
            inside[(pixel / width - top) * bounds.width_px + pixel % width - left] = true;
        }
        Self { bounds, inside }
    }

    /// The smallest box of pixels that holds it.
    #[must_use]
    pub fn bounds(&self) -> PixelBox {
        self.bounds
    }

    /// Its pixels.
    #[must_use]
    pub fn n_pixels(&self) -> usize {
        self.inside.iter().filter(|inside| **inside).count()
    }

    /// Its pixels `(row, column)` in the image.
    pub fn pixels(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let PixelBox { top_px, left_px, width_px, .. } = self.bounds;
        let held = self.inside.iter().enumerate().filter(|(_, inside)| **inside);
        held.map(move |(at, _)| (top_px + at / width_px, left_px + at % width_px))
    }

    /// Ranges of its pixels in an image of this width that is numbered row by row.
    pub(super) fn by_rows(&self, image_width: usize) -> Vec<Range<usize>> {
        joined(self.pixels().map(|(row, column)| row * image_width + column))
    }

    /// Ranges of its pixels in an image of this height that is numbered column by column.
    pub(super) fn by_columns(&self, image_height: usize) -> Vec<Range<usize>> {
        let PixelBox { top_px, left_px, height_px, width_px } = self.bounds;
        let all = (0..width_px).flat_map(|column| (0..height_px).map(move |row| (row, column)));
        let held = all.filter(|(row, column)| self.inside[row * width_px + column]);
        joined(held.map(|(row, column)| (left_px + column) * image_height + top_px + row))
    }
}

/// Where the outline crosses a height, from left to right.
fn crossed(polygon: &[[f32; 2]], y: f64) -> Vec<f64> {
    let edges = polygon.iter().zip(polygon.iter().cycle().skip(1));
    let at = |(a, b): (&[f32; 2], &[f32; 2])| {
        let ([ax, ay], [bx, by]) = (a.map(f64::from), b.map(f64::from));
        ((ay > y) != (by > y)).then(|| ax + (y - ay) / (by - ay) * (bx - ax))
    };
    let mut crossed: Vec<f64> = edges.filter_map(at).collect();
    crossed.sort_by(f64::total_cmp);
    crossed
}

/// Rising numbers as ranges.
fn joined(numbers: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = vec![];
    for number in numbers {
        match ranges.last_mut() {
            Some(last) if last.end == number => last.end += 1,
            _ => ranges.push(number..number + 1),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Preprocessing, Resize};
    use crate::score::{AnomalyMap, Region};
    use proptest::prelude::*;

    fn row_of(region: &Region) -> RegionRow {
        let PixelBox { top_px: top, left_px: left, height_px: height, width_px: width } = region.bounds;
        RegionRow { top, left, height, width, polygon: region.polygon.clone(), ..RegionRow::default() }
    }

    fn union(spots: &[Spot], (height_px, width_px): (usize, usize)) -> Mask {
        let mut values = vec![false; height_px * width_px];
        spots.iter().flat_map(Spot::pixels).for_each(|(row, column)| values[row * width_px + column] = true);
        Mask { values, height_px, width_px }
    }

    proptest! {
        #[test]
        fn the_parts_of_a_mask_are_all_of_it_and_do_not_touch(
            values in prop::collection::vec(prop::bool::weighted(0.3), 7 * 11)
        ) {
            let mask = Mask { values, height_px: 7, width_px: 11 };
            let spots = Spot::all_in(&mask);
            prop_assert_eq!(&union(&spots, (7, 11)), &mask);
            prop_assert_eq!(spots.iter().map(Spot::n_pixels).sum::<usize>(), mask.values.iter().filter(|v| **v).count());
            for (at, one) in spots.iter().enumerate() {
                for other in &spots[at + 1..] {
                    let near = |(a, b): (usize, usize), (c, d): (usize, usize)| a.abs_diff(c) < 2 && b.abs_diff(d) < 2;
                    prop_assert!(!one.pixels().any(|a| other.pixels().any(|b| near(a, b))));
                }
            }
        }

        #[test]
        fn outlines_on_the_images_own_pixels_are_filled_to_the_pixel(
            values in prop::collection::vec(prop::bool::weighted(0.4), 6 * 8)
        ) {
            // The map has the image's size, so that a region is its pixels and the holes in it.
            let map = AnomalyMap { values: values.iter().map(|v| f32::from(*v)).collect(), height_px: 6, width_px: 8 };
            let placement = Preprocessing::imagenet(6, 8, Resize::StretchBilinear).placement(6, 8);
            for region in Region::find(&map, &placement, 0.5, 0.0) {
                let spot = Spot::of_region(&row_of(&region), (6, 8));
                let part = Spot::all_in(&Mask { values: values.clone(), height_px: 6, width_px: 8 });
                let part = part.iter().find(|part| part.pixels().all(|at| spot.pixels().any(|held| held == at))).unwrap();
                prop_assert_eq!(part.bounds(), spot.bounds());
                prop_assert!(part.n_pixels() <= spot.n_pixels());
                // What is more are holes: not to be reached from outside of the box.
                let held: Vec<_> = part.pixels().collect();
                let mut open = vec![(-1i64, -1i64)];
                let mut outside = std::collections::BTreeSet::new();
                while let Some((y, x)) = open.pop() {
                    let blocked = y >= 0 && x >= 0 && held.contains(&(y as usize, x as usize));
                    if !(-1..=6).contains(&y) || !(-1..=8).contains(&x) || blocked || !outside.insert((y, x)) {
                        continue;
                    }
                    open.extend([(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]);
                }
                prop_assert!(spot.pixels().all(|(y, x)| !outside.contains(&(y as i64, x as i64))));
            }
        }
    }

    #[test]
    fn a_region_between_the_centres_of_pixels_is_its_box() {
        let region = RegionRow {
            left: 3,
            top: 2,
            width: 1,
            height: 2,
            polygon: vec![[3.6, 2.6], [3.9, 2.6], [3.9, 3.1], [3.6, 3.1]],
            ..RegionRow::default()
        };
        let spot = Spot::of_region(&region, (9, 9));
        assert_eq!(spot.pixels().collect::<Vec<_>>(), [(2, 3), (3, 3)]);
        // Numbers of another image are no reason to panic.
        assert_eq!(Spot::of_region(&region, (1, 1)).n_pixels(), 0);
    }
}
