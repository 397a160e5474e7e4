//! The anomaly map: one score per pixel.

use crate::bank::Lerp;
use crate::image::Placement;
use crate::kernel::simd::{Level, add_scaled};
use crate::model::Grid;
use rayon::prelude::*;

/// Anomaly scores on a pixel grid, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct AnomalyMap {
    /// `[height_px * width_px]`, row-major, unclamped distances.
    pub values: Vec<f32>,
    /// Rows.
    pub height_px: usize,
    /// Columns.
    pub width_px: usize,
}

/// The Gaussian reaches this many standard deviations (SciPy's default).
const TRUNCATE: f32 = 4.0;

impl AnomalyMap {
    /// Draws patch distances at the network's input size: bilinear (`align_corners = false`), then a
    /// Gaussian of `sigma_px` whose borders repeat the edge pixel, as the released code of Roth et al. (CVPR 2022) does.
    ///
    /// # Shapes
    /// `patches`: `[n_rows, n_cols]` of `grid`, row-major. Result: `[height_px, width_px]`.
    #[must_use]
    pub fn draw(patches: &[f32], grid: Grid, height_px: usize, width_px: usize, sigma_px: f32) -> Self {
        if sigma_px > 0.0 {
            return Self::draw_blurred(patches, grid, height_px, width_px, sigma_px);
        }
        let columns: Vec<Lerp> = (0..width_px).map(|x| Lerp::at(x, width_px, grid.n_cols)).collect();
        let mut values = Vec::with_capacity(height_px * width_px);
        for y in 0..height_px {
            let row = Lerp::at(y, height_px, grid.n_rows);
            values.extend(columns.iter().map(|column| bilinear(patches, grid.n_cols, row, *column)));
        }
        Self { values, height_px, width_px }
    }

    /// The map on the source image's pixels, `[height_px * width_px]`: bilinear between the network's pixels. Pixels that
    /// the network did not see (cropped away) are 0: no evidence against them.
    #[must_use]
    pub fn at_source(&self, placement: &Placement, height_px: usize, width_px: usize) -> Self {
        let columns: Vec<Lerp> = (0..width_px).map(|x| Lerp::of(placement.to_input_x(x), self.width_px)).collect();
        let mut values = vec![0.0; height_px * width_px];
        values.par_chunks_mut(width_px).enumerate().for_each(|(y, out)| {
            let row = Lerp::of(placement.to_input_y(y), self.height_px);
            for (x, value) in out.iter_mut().enumerate() {
                if placement.contains(y, x) {
                    *value = bilinear(&self.values, self.width_px, row, columns[x]);
                }
            }
        });
        Self { values, height_px, width_px }
    }

    /// The sum of maps, each divided by its scale, on the pixels of an input of `(height, width)` in which the source lies as
    /// `onto` says: every pixel is looked up where it lies in the source. Parts of the source that a map did not see add
    /// nothing.
    #[must_use]
    pub fn summed<'a>(
        maps: impl IntoIterator<Item = (&'a Self, &'a Placement, f32)>,
        onto: &Placement,
        (height_px, width_px): (usize, usize),
    ) -> Self {
        let mut values = vec![0.0; height_px * width_px];
        for (map, placement, scale) in maps {
            let (row_of, column_of) = map.looked_up(placement, onto);
            let rows: Vec<Option<Lerp>> = (0..height_px).map(row_of).collect();
            let columns: Vec<Option<Lerp>> = (0..width_px).map(column_of).collect();
            values.par_chunks_mut(width_px.max(1)).zip(&rows).for_each(|(out, row)| {
                let Some(row) = row else { return };
                for (value, column) in out.iter_mut().zip(&columns) {
                    if let Some(column) = column {
                        *value += bilinear(&map.values, map.width_px, *row, *column) / scale;
                    }
                }
            });
        }
        Self { values, height_px, width_px }
    }

    /// What each of the maps adds to the pixel in this row and column of their sum ([`Self::summed`]).
    #[must_use]
    pub fn added_at(maps: &[(&Self, &Placement, f32)], onto: &Placement, (y, x): (usize, usize)) -> Vec<f32> {
        let added = |(map, placement, scale): &(&Self, &Placement, f32)| {
            let (row_of, column_of) = map.looked_up(placement, onto);
            let at = row_of(y).zip(column_of(x));
            at.map_or(0.0, |(row, column)| bilinear(&map.values, map.width_px, row, column) / scale)
        };
        maps.iter().map(added).collect()
    }

    /// Where rows and columns of an input in which the source lies as `onto` says lie in this map; `None` where it did not see
    /// them.
    fn looked_up(
        &self,
        placement: &Placement,
        onto: &Placement,
    ) -> (impl Fn(usize) -> Option<Lerp> + use<>, impl Fn(usize) -> Option<Lerp> + use<>) {
        let axis = |size: usize, own: (f64, i64), other: (f64, i64)| {
            move |at: usize| {
                // Centre of a pixel here, in the source, and there.
                let source = (at as f64 + 0.5 - other.1 as f64) / other.0;
                let there = (source * own.0 + own.1 as f64 - 0.5) as f32;
                let is_seen = there > -0.5 && there < size as f32 - 0.5;
                is_seen.then(|| Lerp::of(there, size))
            }
        };
        let ((own_y, own_x), (own_top, own_left)) = (placement.scale(), placement.offset_px());
        let ((onto_y, onto_x), (onto_top, onto_left)) = (onto.scale(), onto.offset_px());
        let rows = axis(self.height_px, (own_y, own_top), (onto_y, onto_top));
        (rows, axis(self.width_px, (own_x, own_left), (onto_x, onto_left)))
    }

    /// The largest value.
    #[must_use]
    pub fn max(&self) -> f32 {
        self.values.iter().copied().fold(0.0, f32::max)
    }

    /// Row and column of the largest value, the first of equals.
    #[must_use]
    pub fn peak(&self) -> (usize, usize) {
        let larger = |best: usize, at: usize| if self.values[at] > self.values[best] { at } else { best };
        let at = (0..self.values.len()).reduce(larger).unwrap_or(0);
        (at / self.width_px.max(1), at % self.width_px.max(1))
    }

    /// Enlarging and blurring are both linear, along one axis at a time: a pixel is a weighted sum of the few patches
    /// around it.
    fn draw_blurred(patches: &[f32], grid: Grid, height_px: usize, width_px: usize, sigma_px: f32) -> Self {
        let gaussian = Gaussian::new(sigma_px);
        let level = Level::best();
        // Each row of patches, enlarged to the width: for one patch after the other its share of all pixels.
        let mut wide = vec![0.0f32; grid.n_rows * width_px];
        let across = gaussian.shares(width_px, grid.n_cols);
        for (x, shares) in across.iter().enumerate() {
            for (patches, out) in patches.chunks_exact(grid.n_cols).zip(wide.chunks_exact_mut(width_px)) {
                let terms = patches[shares.first..].iter().zip(&shares.weights);
                out[x] = terms.fold(0.0, |sum, (patch, weight)| sum + patch * weight);
            }
        }
        let mut values = vec![0.0f32; height_px * width_px];
        let down = gaussian.shares(height_px, grid.n_rows);
        for (shares, out) in down.iter().zip(values.chunks_exact_mut(width_px)) {
            for (row, weight) in wide[shares.first * width_px..].chunks_exact(width_px).zip(&shares.weights) {
                add_scaled(level, out, row, *weight);
            }
        }
        Self { values, height_px, width_px }
    }
}

/// The weights of a Gaussian at distances 0, 1, ..; together with those on the other side they sum up to 1.
struct Gaussian(Vec<f64>);

/// Patches `first..first + weights.len()` and how much each gives to a pixel.
struct Shares {
    first: usize,
    weights: Vec<f32>,
}

impl Gaussian {
    fn new(sigma_px: f32) -> Self {
        let radius = (TRUNCATE * sigma_px + 0.5) as usize;
        let weights: Vec<f64> = (0..=radius).map(|d| (-0.5 * (d as f64 / f64::from(sigma_px)).powi(2)).exp()).collect();
        let total = weights[0] + 2.0 * weights[1..].iter().sum::<f64>();
        Self(weights.into_iter().map(|w| w / total).collect())
    }

    /// What `n_patches` along an axis give to each of `n_pixels`: bilinear, then blurred.
    fn shares(&self, n_pixels: usize, n_patches: usize) -> Vec<Shares> {
        let lerps: Vec<Lerp> = (0..n_pixels).map(|x| Lerp::at(x, n_pixels, n_patches)).collect();
        let mut sums = vec![0.0f64; n_patches];
        let share = |pixel: usize| {
            let (mut first, mut last) = (n_patches, 0);
            let mut give = |to: isize, weight: f64| {
                let lerp = lerps[reflect(to, n_pixels)];
                sums[lerp.low] += weight * (1.0 - f64::from(lerp.share));
                sums[lerp.high] += weight * f64::from(lerp.share);
                (first, last) = (first.min(lerp.low), last.max(lerp.high));
            };
            give(pixel as isize, self.0[0]);
            for (distance, weight) in self.0.iter().enumerate().skip(1) {
                give(pixel as isize - distance as isize, *weight);
                give(pixel as isize + distance as isize, *weight);
            }
            let sums = &mut sums[first..=last];
            let weights = sums.iter().map(|sum| *sum as f32).collect();
            sums.fill(0.0);
            Shares { first, weights }
        };
        (0..n_pixels).map(share).collect()
    }
}

/// `d c b a | a b c d | d c b a`, for any distance.
fn reflect(index: isize, n: usize) -> usize {
    let period = 2 * n as isize;
    let index = index.rem_euclid(period) as usize;
    if index < n { index } else { 2 * n - 1 - index }
}

fn bilinear(values: &[f32], n_cols: usize, row: Lerp, column: Lerp) -> f32 {
    let at = |y: usize, x: usize| values[y * n_cols + x];
    let top = at(row.low, column.low) + column.share * (at(row.low, column.high) - at(row.low, column.low));
    let bottom = at(row.high, column.low) + column.share * (at(row.high, column.high) - at(row.high, column.low));
    top + row.share * (bottom - top)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Preprocessing, Resize};

    #[test]
    fn a_constant_grid_gives_a_constant_map() {
        let map = AnomalyMap::draw(&[2.5; 12], Grid { n_rows: 3, n_cols: 4 }, 50, 70, 4.0);
        assert!(map.values.iter().all(|v| (v - 2.5).abs() < 1e-5));
    }

    #[test]
    fn what_maps_add_to_a_pixel_is_what_their_sum_has_there() {
        let input = |side: usize| Preprocessing::imagenet(side, side, Resize::StretchBilinear);
        let grid = Grid { n_rows: 4, n_cols: 4 };
        let patches = |seed: usize| -> Vec<f32> { (0..16).map(|i| ((i * 7 + seed) % 13) as f32).collect() };
        let sides = [(24, 1), (40, 5), (32, 9)];
        let maps = sides.map(|(side, seed)| AnomalyMap::draw(&patches(seed), grid, side, side, 1.0));
        let placements = sides.map(|(side, _)| input(side).placement(50, 70));
        let scaled: Vec<_> = maps.iter().zip(&placements).zip([0.5, 2.0, 3.0]).map(|((m, p), s)| (m, p, s)).collect();
        let sum = AnomalyMap::summed(scaled.iter().copied(), &placements[1], (40, 40));
        let (y, x) = sum.peak();
        assert_eq!(sum.values[y * 40 + x].to_bits(), sum.max().to_bits());
        for at in [(y, x), (0, 0), (39, 17)] {
            let added: f32 = AnomalyMap::added_at(&scaled, &placements[1], at).iter().sum();
            assert!((added - sum.values[at.0 * 40 + at.1]).abs() < 1e-4, "{at:?}: {added}");
        }
    }

    #[test]
    fn the_blur_is_a_gaussian_with_repeated_edges() {
        let (height, width, sigma) = (9usize, 7usize, 1.5f32);
        let values: Vec<f32> = (0..height * width).map(|i| ((i * 37) % 11) as f32).collect();
        let grid = Grid { n_rows: height, n_cols: width };
        let map = AnomalyMap::draw(&values, grid, height, width, sigma);
        let radius = (4.0 * sigma + 0.5) as isize;
        let kernel = |d: isize| (-0.5 * (d as f64 / f64::from(sigma)).powi(2)).exp();
        let total: f64 = (-radius..=radius).map(kernel).sum();
        let mirror = |i: isize, n: usize| -> usize {
            let mut i = i;
            loop {
                if i < 0 {
                    i = -1 - i;
                } else if i >= n as isize {
                    i = 2 * n as isize - 1 - i;
                } else {
                    return i as usize;
                }
            }
        };
        for y in 0..height {
            for x in 0..width {
                let mut sum = 0.0;
                for dy in -radius..=radius {
                    for dx in -radius..=radius {
                        let v = values[mirror(y as isize + dy, height) * width + mirror(x as isize + dx, width)];
                        sum += kernel(dy) * kernel(dx) * f64::from(v);
                    }
                }
                let expected = sum / (total * total);
                assert!((f64::from(map.values[y * width + x]) - expected).abs() < 1e-4, "{y} {x}");
            }
        }
    }

    #[test]
    fn a_blurred_map_is_the_blur_of_the_enlarged_one() {
        let patches: Vec<f32> = (0..5 * 4).map(|i| ((i * 37) % 11) as f32).collect();
        let (height, width, sigma) = (40, 36, 4.0);
        let sharp = AnomalyMap::draw(&patches, Grid { n_rows: 5, n_cols: 4 }, height, width, 0.0);
        let blurred = AnomalyMap::draw(&sharp.values, Grid { n_rows: height, n_cols: width }, height, width, sigma);
        let at_once = AnomalyMap::draw(&patches, Grid { n_rows: 5, n_cols: 4 }, height, width, sigma);
        for (a, b) in blurred.values.iter().zip(&at_once.values) {
            assert!((a - b).abs() < 1e-5 * 11.0, "{a} {b}");
        }
    }

    #[test]
    fn a_hot_patch_stays_where_it_is_at_source_resolution() {
        let grid = Grid { n_rows: 8, n_cols: 8 };
        let mut patches = vec![0.0; 64];
        patches[2 * 8 + 5] = 1.0;
        for resize in [Resize::StretchBilinear, Resize::FitPad, Resize::ShortestCrop { shortest_px: 72 }] {
            let spec = Preprocessing::imagenet(64, 64, resize);
            let placement = spec.placement(120, 200);
            let map = AnomalyMap::draw(&patches, grid, 64, 64, 2.0).at_source(&placement, 120, 200);
            let hottest = (0..map.values.len()).max_by(|a, b| map.values[*a].total_cmp(&map.values[*b])).unwrap();
            let (y, x) = (placement.to_input_y(hottest / 200), placement.to_input_x(hottest % 200));
            // The centre of patch (2, 5) with 8 pixels a patch.
            assert!((y - 19.5).abs() < 2.0 && (x - 43.5).abs() < 2.0, "{resize:?}: {y} {x}");
        }
    }

    #[test]
    fn maps_of_other_sizes_add_up_where_their_pixels_lie_in_the_source() {
        let source = (120, 200);
        for resize in [Resize::StretchBilinear, Resize::FitPad, Resize::ShortestCrop { shortest_px: 72 }] {
            let placement = |side: usize, shortest: usize| {
                let resize = match resize {
                    Resize::ShortestCrop { .. } => Resize::ShortestCrop { shortest_px: shortest },
                    other => other,
                };
                Preprocessing::imagenet(side, side, resize).placement(source.0, source.1)
            };
            let (fine, coarse) = (placement(64, 72), placement(32, 36));
            // One hot place of the source, as each of them sees it.
            let hot = |placement: &Placement, side: usize| {
                let (y, x) = (placement.to_input_y(60), placement.to_input_x(110));
                let near = |at: usize, centre: f32| (-(at as f32 - centre).powi(2) / side as f32).exp();
                let values = (0..side * side).map(|at| near(at / side, y) * near(at % side, x)).collect();
                AnomalyMap { values, height_px: side, width_px: side }
            };
            let (own, other) = (hot(&fine, 64), hot(&coarse, 32));
            let summed = AnomalyMap::summed([(&own, &fine, 1.0), (&other, &coarse, 2.0)], &fine, (64, 64));
            let hottest =
                |map: &AnomalyMap| (0..4096).max_by(|a, b| map.values[*a].total_cmp(&map.values[*b])).unwrap();
            assert_eq!(hottest(&summed), hottest(&own), "{resize:?}");
            assert!((summed.max() - 1.5).abs() < 0.08, "{resize:?}: {}", summed.max());
            // Alone and by itself it stays what it is.
            assert_eq!(AnomalyMap::summed([(&own, &fine, 1.0)], &fine, (64, 64)), own);
        }
    }

    #[test]
    fn cropped_away_pixels_carry_no_evidence() {
        let spec = Preprocessing::imagenet(32, 32, Resize::ShortestCrop { shortest_px: 32 });
        let placement = spec.placement(32, 96);
        let map =
            AnomalyMap::draw(&[1.0; 16], Grid { n_rows: 4, n_cols: 4 }, 32, 32, 0.0).at_source(&placement, 32, 96);
        assert_eq!((map.values[0], map.values[48], map.values[95]), (0.0, 1.0, 0.0));
    }

    #[test]
    fn one_pixel_maps_work() {
        let map = AnomalyMap::draw(&[3.0], Grid { n_rows: 1, n_cols: 1 }, 1, 1, 4.0);
        assert!((map.values[0] - 3.0).abs() < 1e-5);
    }
}
