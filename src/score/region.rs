//! Regions: where a map exceeds its threshold.

use super::outline::outline;
use super::{AnomalyMap, VERDICT_TOLERANCE};
use crate::image::{PixelBox, Placement};
use std::ops::Range;

/// A connected part of an anomaly map above a threshold, in pixels of the source image.
///
/// Pixels of the map that touch, if only in a corner, are of one region.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Region {
    /// The smallest rectangle of whole source pixels that holds it.
    pub bounds: PixelBox,
    /// The corners `[x, y]` of its outline, clockwise, the last joined to the first; source pixel `i` covers `i..i + 1`. It runs
    /// along the edges of the map's pixels, so that it holds all of the region and nothing else but its holes.
    pub polygon: Vec<[f32; 2]>,
    /// Its area in source pixels, without holes. A pixel of the map can be more than one of the source, or less.
    pub area_px: f64,
    /// The largest value of the map in it.
    pub peak: f32,
    /// The mean of the map in it.
    pub mean: f32,
}

impl Region {
    /// The regions of `map` above `threshold` (by more than [`VERDICT_TOLERANCE`], as for verdicts) that have at least an area
    /// of `min_area_px` source pixels, the one with the largest peak first. `placement` says where the source lies in the map;
    /// padding is no part of any region.
    #[must_use]
    pub fn find(map: &AnomalyMap, placement: &Placement, threshold: f32, min_area_px: f64) -> Vec<Self> {
        let limit = threshold + VERDICT_TOLERANCE * threshold.abs();
        let rows = clipped(placement.input_rows(), map.height_px);
        let columns = clipped(placement.input_columns(), map.width_px);
        let runs = runs(map, (&rows, &columns), limit);
        if runs.is_empty() {
            return vec![];
        }
        let (scale_y, scale_x) = placement.scale();
        let pixel_area = 1.0 / (scale_y * scale_x);
        let is_inside = |row: isize, column: isize| {
            let (row, column) = (row as usize, column as usize);
            rows.contains(&row) && columns.contains(&column) && map.values[row * map.width_px + column] > limit
        };
        let large = |part: &Part| part.n_pixels as f64 * pixel_area >= min_area_px;
        let region = |part: Part| {
            let corners = outline(is_inside, part.first);
            let at = |(x, y)| [placement.source_edge_x(x) as f32, placement.source_edge_y(y) as f32];
            Self {
                bounds: placement.source_box(part.rows, part.columns),
                polygon: corners.into_iter().map(at).collect(),
                area_px: part.n_pixels as f64 * pixel_area,
                peak: part.peak,
                mean: (part.sum / part.n_pixels as f64) as f32,
            }
        };
        let mut regions: Vec<Self> = parts(map, runs).into_iter().filter(large).map(region).collect();
        regions.sort_by(|a, b| b.peak.total_cmp(&a.peak));
        regions
    }
}

fn clipped(range: Range<usize>, n: usize) -> Range<usize> {
    range.start.min(n)..range.end.min(n)
}

/// Neighbouring pixels of a row above the limit.
struct Run {
    row: usize,
    columns: Range<usize>,
    /// A run of the same region that is not after it; itself for the first.
    parent: usize,
}

/// All runs in these rows and columns, those that touch joined.
fn runs(map: &AnomalyMap, (rows, columns): (&Range<usize>, &Range<usize>), limit: f32) -> Vec<Run> {
    let mut runs: Vec<Run> = vec![];
    let mut above = 0..0;
    for row in rows.clone() {
        let values = &map.values[row * map.width_px..][columns.clone()];
        let first = runs.len();
        // Without an early exit the loop is vectorised, and most rows have none.
        if values.iter().fold(false, |any, value| any | (*value > limit)) {
            let mut at = 0;
            while let Some(n) = values[at..].iter().position(|value| *value > limit) {
                let start = at + n;
                let length = values[start..].iter().take_while(|value| **value > limit).count();
                at = start + length;
                let columns = columns.start + start..columns.start + at;
                runs.push(Run { row, columns, parent: runs.len() });
            }
        }
        let own = first..runs.len();
        join(&mut runs, above, own.clone());
        above = own;
    }
    runs
}

/// Joins runs of a row with those of the row above that they touch.
fn join(runs: &mut [Run], above: Range<usize>, own: Range<usize>) {
    let (mut upper, mut lower) = (above.start, own.start);
    while upper < above.end && lower < own.end {
        let (one, other) = (runs[upper].columns.clone(), runs[lower].columns.clone());
        if one.start <= other.end && other.start <= one.end {
            let (a, b) = (root(runs, upper), root(runs, lower));
            runs[a.max(b)].parent = a.min(b);
        }
        if one.end < other.end { upper += 1 } else { lower += 1 }
    }
}

/// The first run of a region; the way there is shortened.
fn root(runs: &mut [Run], mut at: usize) -> usize {
    while runs[at].parent != at {
        runs[at].parent = runs[runs[at].parent].parent;
        at = runs[at].parent;
    }
    at
}

/// A region on the pixels of the map.
struct Part {
    /// Row and column of its first pixel.
    first: (usize, usize),
    rows: Range<usize>,
    columns: Range<usize>,
    n_pixels: usize,
    sum: f64,
    peak: f32,
}

/// The regions that the runs are of, in the order of their first pixels.
fn parts(map: &AnomalyMap, mut runs: Vec<Run>) -> Vec<Part> {
    let mut parts: Vec<Part> = vec![];
    let mut part_of = vec![0; runs.len()];
    for index in 0..runs.len() {
        let root = root(&mut runs, index);
        let Run { row, ref columns, .. } = runs[index];
        if root == index {
            part_of[index] = parts.len();
            let (first, rows) = ((row, columns.start), row..row + 1);
            parts.push(Part { first, rows, columns: columns.clone(), n_pixels: 0, sum: 0.0, peak: f32::NEG_INFINITY });
        }
        let part = &mut parts[part_of[root]];
        part.rows.end = row + 1;
        part.columns = part.columns.start.min(columns.start)..part.columns.end.max(columns.end);
        part.n_pixels += columns.len();
        let values = &map.values[row * map.width_px..][columns.clone()];
        part.sum += values.iter().map(|value| f64::from(*value)).sum::<f64>();
        part.peak = values.iter().copied().fold(part.peak, f32::max);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Preprocessing, Resize};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const SIZE: (usize, usize) = (9, 12);

    fn map(values: Vec<f32>) -> AnomalyMap {
        AnomalyMap { values, height_px: SIZE.0, width_px: SIZE.1 }
    }

    /// Hot pixels `(row, column, value)` on a cold map.
    fn hot(pixels: &[(usize, usize, f32)]) -> AnomalyMap {
        let mut values = vec![0.0; SIZE.0 * SIZE.1];
        pixels.iter().for_each(|(row, column, value)| values[row * SIZE.1 + column] = *value);
        map(values)
    }

    fn placed(resize: Resize, source: (usize, usize)) -> Placement {
        Preprocessing::imagenet(SIZE.0, SIZE.1, resize).placement(source.0, source.1)
    }

    /// The pixels that can be reached from one, 8-connected or 4-connected.
    fn flood(allowed: &BTreeSet<(i64, i64)>, from: (i64, i64), diagonal: bool) -> BTreeSet<(i64, i64)> {
        let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
        while let Some((row, column)) = open.pop() {
            if !allowed.contains(&(row, column)) || !reached.insert((row, column)) {
                continue;
            }
            for (dy, dx) in [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)] {
                if diagonal || dy == 0 || dx == 0 {
                    open.push((row + dy, column + dx));
                }
            }
        }
        reached
    }

    /// Whether a polygon holds a point, by how often a ray to the right crosses it.
    fn holds(polygon: &[[f32; 2]], x: f32, y: f32) -> bool {
        let edges = polygon.iter().zip(polygon.iter().cycle().skip(1));
        edges.filter(|(a, b)| a[0] > x && (a[1] > y) != (b[1] > y)).count() % 2 == 1
    }

    proptest! {
        #[test]
        fn regions_are_those_of_a_flood_fill(values in prop::collection::vec(0u8..8, SIZE.0 * SIZE.1)) {
            let values: Vec<f32> = values.into_iter().map(f32::from).collect();
            let placement = placed(Resize::StretchBilinear, SIZE);
            let (threshold, n_cols) = (4.0, SIZE.1 as i64);
            let value = |(row, column): (i64, i64)| values[(row * n_cols + column) as usize];
            let all = || (0..SIZE.0 as i64).flat_map(|row| (0..n_cols).map(move |column| (row, column)));
            let mut left: BTreeSet<_> = all().filter(|at| value(*at) > threshold).collect();
            let found = Region::find(&map(values.clone()), &placement, threshold, 0.0);
            prop_assert!(found.windows(2).all(|pair| pair[0].peak >= pair[1].peak));
            let mut n = 0;
            while let Some(first) = left.first().copied() {
                let own = flood(&left, first, true);
                left.retain(|at| !own.contains(at));
                n += 1;
                let region = found.iter().find(|r| holds(&r.polygon, first.1 as f32 + 0.5, first.0 as f32 + 0.5)
                    && r.bounds.top_px as i64 == first.0 && r.area_px == own.len() as f64);
                let region = region.ok_or_else(|| TestCaseError::fail("a region is missing"))?;
                prop_assert_eq!(region.peak, own.iter().map(|at| value(*at)).fold(0.0, f32::max));
                prop_assert_eq!(region.mean, own.iter().map(|at| value(*at)).sum::<f32>() / own.len() as f32);
                let columns = || own.iter().map(|at| at.1);
                let last = own.last().unwrap().0;
                let PixelBox { top_px, left_px, height_px, width_px } = region.bounds;
                prop_assert_eq!((top_px + height_px) as i64, last + 1);
                prop_assert_eq!(left_px as i64, columns().min().unwrap());
                prop_assert_eq!((left_px + width_px) as i64, columns().max().unwrap() + 1);
                // What can be reached from beyond the border without crossing the region is outside of its outline.
                let around = (-1..=SIZE.0 as i64).flat_map(|row| (-1..=n_cols).map(move |column| (row, column)));
                let others = around.filter(|at| !own.contains(at)).collect();
                let outside = flood(&others, (-1, -1), false);
                for (row, column) in all() {
                    let is_held = holds(&region.polygon, column as f32 + 0.5, row as f32 + 0.5);
                    prop_assert_eq!(is_held, !outside.contains(&(row, column)), "row {} column {}", row, column);
                }
            }
            prop_assert_eq!(found.len(), n);
        }
    }

    #[test]
    fn a_stretched_image_gets_its_own_pixels_back() {
        // Two rows of the source for each of the map, half a column.
        let placement = placed(Resize::StretchBilinear, (18, 6));
        let found = Region::find(&hot(&[(2, 3, 5.0), (2, 4, 3.0)]), &placement, 1.0, 0.0);
        let [region] = &found[..] else { panic!("{found:?}") };
        assert_eq!(region.bounds, PixelBox { top_px: 4, left_px: 1, height_px: 2, width_px: 2 });
        assert_eq!(region.polygon, [[1.5, 4.0], [2.5, 4.0], [2.5, 6.0], [1.5, 6.0]]);
        assert_eq!((region.area_px, region.peak, region.mean), (2.0, 5.0, 4.0));
    }

    #[test]
    fn padding_is_no_part_of_a_region() {
        // 3 x 12 in 9 x 12: three rows of padding above and below.
        let placement = placed(Resize::FitPad, (3, 12));
        let all = map(vec![2.0; SIZE.0 * SIZE.1]);
        let found = Region::find(&all, &placement, 1.0, 0.0);
        let [region] = &found[..] else { panic!("{found:?}") };
        assert_eq!(region.bounds, PixelBox { top_px: 0, left_px: 0, height_px: 3, width_px: 12 });
        assert_eq!(region.polygon, [[0.0, 0.0], [12.0, 0.0], [12.0, 3.0], [0.0, 3.0]]);
        assert_eq!(region.area_px, 36.0);
        assert!(Region::find(&hot(&[(0, 5, 9.0), (8, 5, 9.0)]), &placement, 1.0, 0.0).is_empty());
    }

    #[test]
    fn a_crop_is_taken_back_and_the_border_is_an_edge() {
        // 18 x 40 at half its size is 9 x 20: four columns are cut off on each side.
        let placement = placed(Resize::ShortestCrop { shortest_px: 9 }, (18, 40));
        let found = Region::find(&hot(&[(8, 11, 3.0), (0, 0, 2.0)]), &placement, 1.0, 0.0);
        let boxes: Vec<PixelBox> = found.iter().map(|region| region.bounds).collect();
        let side = |top_px, left_px| PixelBox { top_px, left_px, height_px: 2, width_px: 2 };
        assert_eq!(boxes, [side(16, 30), side(0, 8)]);
        assert_eq!(found[0].polygon, [[30.0, 16.0], [32.0, 16.0], [32.0, 18.0], [30.0, 18.0]]);
    }

    #[test]
    fn small_regions_are_left_out_by_their_area_in_the_source_and_thresholds_are_exceeded_as_by_scores() {
        let placement = placed(Resize::StretchBilinear, (18, 24));
        let two = hot(&[(2, 3, 5.0), (2, 4, 3.0), (7, 7, 9.0)]);
        let n = |min_area_px| Region::find(&two, &placement, 1.0, min_area_px).len();
        assert_eq!([n(0.0), n(4.0), n(4.1), n(8.0), n(8.1)], [2, 2, 1, 1, 0]);
        let n = |threshold| Region::find(&two, &placement, threshold, 0.0).len();
        assert_eq!([n(8.999_999), n(8.99), n(f32::NAN), n(-1.0)], [0, 1, 0, 1]);
    }
}
