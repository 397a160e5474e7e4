//! Anomaly maps against masks: pixel AUROC and AUPRO.
//!
//! Both need every pixel of the test set in the order of its score, so the
//! pixels are sorted once ([`PixelRanking`]) and each figure, for all images
//! or for a part of them, is one walk along the sorted list.

use rayon::slice::ParallelSliceMut;
use std::borrow::Cow;

use super::{EvalError, connected_components, ranking::sortable};
use crate::score::AnomalyMap;

/// The false positive rate up to which AUPRO is integrated in the literature.
pub const DEFAULT_FPR_LIMIT: f64 = 0.3;

/// A map and the mask it is judged by, both `[height_px * width_px]` row-major.
#[derive(Clone, Copy, Debug)]
pub struct MaskedMap<'a> {
    /// Scores per pixel.
    pub map: &'a AnomalyMap,
    /// True where the image is defective; all false for a normal image.
    pub mask: &'a [bool],
    /// True where pixels count; `None` where all do.
    pub inside: Option<&'a [bool]>,
}

/// A set of pixels that count alike: the background of one image, or one
/// 8-connected region of its mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Position of the image in the list given.
    pub image_idx: usize,
    /// True for a region, false for the background.
    pub is_region: bool,
    /// Pixels in it.
    pub n_pixels: usize,
}

/// All pixels of a test set in the order of their scores.
pub struct PixelRanking {
    /// Per pixel, ascending: the sortable score in the high half, the
    /// segment's position in the low half.
    keys: Vec<u64>,
    segments: Vec<Segment>,
}

impl PixelRanking {
    /// Sorts the pixels of all maps: `O(n log n)`, 8 bytes a pixel, on all cores.
    ///
    /// # Errors
    ///
    /// [`EvalError::PixelCount`] if a map or mask does not fit the map's size,
    /// [`EvalError::NanScore`] if a map contains NaN.
    pub fn new(maps: &[MaskedMap<'_>]) -> Result<Self, EvalError> {
        let mut keys: Vec<u64> = Vec::with_capacity(maps.iter().map(|item| item.mask.len()).sum());
        let mut segments: Vec<Segment> = Vec::new();
        for (image_idx, item) in maps.iter().enumerate() {
            let map = item.map;
            let n_inside = item.inside.map_or(item.mask.len(), <[bool]>::len);
            let lengths = [("map", map.values.len()), ("mask", item.mask.len()), ("region of interest", n_inside)];
            for (what, found) in lengths {
                if map.height_px.checked_mul(map.width_px) != Some(found) {
                    return Err(EvalError::PixelCount {
                        what,
                        index: image_idx,
                        height_px: map.height_px,
                        width_px: map.width_px,
                        found,
                    });
                }
            }
            let counts = |pixel: usize| item.inside.is_none_or(|inside| inside[pixel]);
            if map.values.iter().any(|value| value.is_nan()) {
                return Err(EvalError::NanScore { what: "map", index: image_idx });
            }
            let mask: Cow<'_, [bool]> = match item.inside {
                None => Cow::Borrowed(item.mask),
                Some(inside) => item.mask.iter().zip(inside).map(|(mask, inside)| *mask && *inside).collect(),
            };
            let components = connected_components(&mask, map.height_px, map.width_px)?;
            let first = segments.len();
            if u32::try_from(first + components.sizes.len()).is_err() {
                return Err(EvalError::TooManyRegions { limit: u32::MAX });
            }
            segments.push(Segment {
                image_idx,
                is_region: false,
                n_pixels: (0..mask.len()).filter(|pixel| counts(*pixel) && !mask[*pixel]).count(),
            });
            segments.extend(components.sizes.iter().map(|&n_pixels| Segment { image_idx, is_region: true, n_pixels }));
            let counted = map.values.iter().zip(&components.labels).enumerate().filter(|(pixel, _)| counts(*pixel));
            keys.extend(
                counted
                    .map(|(_, (&value, &label))| u64::from(sortable(value)) << 32 | (first as u64 + u64::from(label))),
            );
        }
        keys.par_sort_unstable();
        Ok(Self { keys, segments })
    }

    /// Area under the ROC curve over the pooled pixels of the images that
    /// `keep(image_idx)` selects, ties counting one half.
    ///
    /// `None` if these images have no defective or no background pixel.
    #[must_use]
    pub fn auroc(&self, keep: impl Fn(usize) -> bool) -> Option<f64> {
        let kept = self.kept(keep);
        let mut twice_u: u128 = 0;
        let (mut n_defective, mut n_background) = (0u64, 0u64);
        self.walk(|group| {
            let (mut group_defective, mut group_background) = (0u64, 0u64);
            for &key in group {
                match kept[segment_of(key)] {
                    Kept::Region { .. } => group_defective += 1,
                    Kept::Background => group_background += 1,
                    Kept::Out => {}
                }
            }
            twice_u += u128::from(group_background) * (2 * u128::from(n_defective) + u128::from(group_defective));
            n_defective += group_defective;
            n_background += group_background;
            true
        });
        let pairs = u128::from(n_defective) * u128::from(n_background);
        (pairs > 0).then(|| twice_u as f64 / (2 * pairs) as f64)
    }

    /// Area under the per-region overlap curve up to `fpr_limit`, divided by
    /// it, over the images that `keep(image_idx)` selects.
    ///
    /// At each distinct score, from high to low: the false positive rate over
    /// the background pixels of all images together, normal ones included,
    /// and the mean over all regions of the fraction found. Trapezoids; the
    /// last one is cut at the limit by linear interpolation (Bergmann et al.,
    /// *The MVTec Anomaly Detection Dataset*, IJCV 129, 2021, section 5.2).
    ///
    /// `None` if these images have no region or no background.
    ///
    /// # Errors
    ///
    /// [`EvalError::FprLimit`] if the limit is outside `(0, 1]`.
    pub fn aupro(&self, fpr_limit: f64, keep: impl Fn(usize) -> bool) -> Result<Option<f64>, EvalError> {
        if !(fpr_limit > 0.0 && fpr_limit <= 1.0) {
            return Err(EvalError::FprLimit { found: fpr_limit });
        }
        let kept = self.kept(keep);
        let mut n_regions = 0usize;
        let mut n_background = 0usize;
        for (state, segment) in kept.iter().zip(&self.segments) {
            match state {
                Kept::Region { .. } => n_regions += 1,
                Kept::Background => n_background += segment.n_pixels,
                Kept::Out => {}
            }
        }
        if n_regions == 0 || n_background == 0 {
            return Ok(None);
        }
        let (mut area, mut overlap, mut n_false) = (0.0f64, 0.0f64, 0usize);
        self.walk(|group| {
            let (mut gained, mut group_false) = (0.0f64, 0usize);
            for &key in group {
                match kept[segment_of(key)] {
                    Kept::Region { share_per_pixel } => gained += share_per_pixel,
                    Kept::Background => group_false += 1,
                    Kept::Out => {}
                }
            }
            let before = n_false as f64 / n_background as f64;
            let after = (n_false + group_false) as f64 / n_background as f64;
            if after >= fpr_limit {
                // `before < fpr_limit` holds: the walk ends at the first group that reaches it.
                let part = (fpr_limit - before) / (after - before);
                area += (fpr_limit - before) * (overlap + part * gained / 2.0);
                return false;
            }
            area += (after - before) * (overlap + gained / 2.0);
            overlap += gained;
            n_false += group_false;
            true
        });
        Ok(Some(area / n_regions as f64 / fpr_limit))
    }

    /// Calls `visit` with the keys of each distinct score, from high to low,
    /// until it answers false.
    fn walk(&self, mut visit: impl FnMut(&[u64]) -> bool) {
        for group in self.keys.chunk_by(|a, b| a >> 32 == b >> 32).rev() {
            if !visit(group) {
                return;
            }
        }
    }

    fn kept(&self, keep: impl Fn(usize) -> bool) -> Vec<Kept> {
        self.segments
            .iter()
            .map(|segment| match (keep(segment.image_idx), segment.is_region) {
                (false, _) => Kept::Out,
                (true, true) => Kept::Region { share_per_pixel: 1.0 / segment.n_pixels as f64 },
                (true, false) => Kept::Background,
            })
            .collect()
    }
}

/// How a pixel of a segment counts in one walk.
#[derive(Clone, Copy)]
enum Kept {
    Out,
    Background,
    Region { share_per_pixel: f64 },
}

/// [`PixelRanking::auroc`] over all images.
///
/// # Errors
///
/// As [`PixelRanking::new`].
pub fn pixel_auroc(maps: &[MaskedMap<'_>]) -> Result<Option<f64>, EvalError> {
    Ok(PixelRanking::new(maps)?.auroc(|_| true))
}

/// [`PixelRanking::aupro`] over all images.
///
/// # Errors
///
/// As [`PixelRanking::new`] and [`PixelRanking::aupro`].
pub fn aupro(maps: &[MaskedMap<'_>], fpr_limit: f64) -> Result<Option<f64>, EvalError> {
    PixelRanking::new(maps)?.aupro(fpr_limit, |_| true)
}

fn segment_of(key: u64) -> usize {
    (key & u64::from(u32::MAX)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::{image_auroc, twin};
    use proptest::prelude::*;

    fn map(values: &[f32], width_px: usize) -> AnomalyMap {
        AnomalyMap { values: values.to_vec(), height_px: values.len() / width_px, width_px }
    }

    fn close(found: Option<f64>, expected: f64) {
        let found = found.unwrap();
        assert!((found - expected).abs() < 1e-12, "{found} != {expected}");
    }

    #[test]
    fn aupro_matches_the_value_computed_by_hand() {
        // One row: two regions of 1 and 2 pixels, 4 background pixels.
        let map = map(&[9.0, 1.0, 2.0, 8.0, 5.0, 7.0, 0.0], 7);
        let mask = [true, false, false, true, true, false, false];
        let item = MaskedMap { map: &map, mask: &mask, inside: None };
        // Overlap .5 at 9, .75 at 8, FPR .25 at 7 (overlap .75), overlap 1 at 5,
        // then FPR .5 at 2 (overlap 1).
        close(aupro(&[item], 0.25).unwrap(), 0.75);
        close(aupro(&[item], 0.5).unwrap(), (0.25 * 0.75 + 0.25) / 0.5);
        close(aupro(&[item], 0.3).unwrap(), (0.25 * 0.75 + 0.05) / 0.3);
    }

    #[test]
    fn a_tied_step_is_cut_at_the_limit_by_interpolation() {
        // Everything ties: the curve is the diagonal, cut at .3 the mean is .15.
        let map = map(&[1.0; 10], 5);
        let mut mask = [false; 10];
        mask[3] = true;
        let item = MaskedMap { map: &map, mask: &mask, inside: None };
        close(aupro(&[item], 0.3).unwrap(), 0.15);
        close(aupro(&[item], 1.0).unwrap(), 0.5);
        close(pixel_auroc(&[item]).unwrap(), 0.5);
    }

    #[test]
    fn background_of_normal_images_counts() {
        let faulty = map(&[5.0, 1.0], 2);
        let normal = map(&[9.0, 9.0, 9.0, 9.0], 4);
        let items = [
            MaskedMap { map: &faulty, mask: &[true, false], inside: None },
            MaskedMap { map: &normal, mask: &[false; 4], inside: None },
        ];
        close(aupro(&items, 0.3).unwrap(), 0.0);
        close(aupro(&items[..1], 0.3).unwrap(), 1.0);
        close(pixel_auroc(&items).unwrap(), 0.2);
    }

    #[test]
    fn pixels_that_do_not_count_are_as_if_they_were_not_there() {
        // The lower row does not count: neither its background, nor the region that hangs down into it.
        let values = [9.0, 1.0, 2.0, 8.0, 5.0, 7.0];
        let mask = [true, false, false, true, true, false];
        let (upper, both) = (map(&values, 6), map(&[&values[..], &[9.5; 6]].concat(), 6));
        let both_mask = [&mask[..], &[true, true, false, false, true, false]].concat();
        let inside: Vec<bool> = (0..12).map(|pixel| pixel < 6).collect();
        let item = [MaskedMap { map: &both, mask: &both_mask, inside: Some(&inside) }];
        let alone = [MaskedMap { map: &upper, mask: &mask, inside: None }];
        close(pixel_auroc(&item).unwrap(), pixel_auroc(&alone).unwrap().unwrap());
        close(aupro(&item, 0.3).unwrap(), aupro(&alone, 0.3).unwrap().unwrap());
        let short = MaskedMap { inside: Some(&inside[1..]), ..item[0] };
        assert!(matches!(pixel_auroc(&[short]), Err(EvalError::PixelCount { what: "region of interest", .. })));
    }

    #[test]
    fn maps_without_regions_or_without_background_are_undefined() {
        let one = map(&[1.0], 1);
        for mask in [[false], [true]] {
            let item = MaskedMap { map: &one, mask: &mask, inside: None };
            assert_eq!(pixel_auroc(&[item]).unwrap(), None);
            assert_eq!(aupro(&[item], 0.3).unwrap(), None);
        }
        assert_eq!(pixel_auroc(&[]).unwrap(), None);
        assert_eq!(aupro(&[], 0.3).unwrap(), None);
    }

    #[test]
    fn wrong_sizes_nan_and_bad_limits_are_errors() {
        let good = map(&[1.0, 2.0], 2);
        let nan = map(&[1.0, f32::NAN], 2);
        let mut lying = good.clone();
        lying.height_px = 7;
        let item = |map, mask| MaskedMap { map, mask, inside: None };
        let size = pixel_auroc(&[item(&good, &[true][..])]);
        assert!(matches!(size, Err(EvalError::PixelCount { what: "mask", .. })));
        let size = pixel_auroc(&[item(&lying, &[true, false][..])]);
        assert!(matches!(size, Err(EvalError::PixelCount { what: "map", .. })));
        let found = pixel_auroc(&[item(&good, &[true, false][..]), item(&nan, &[true, false][..])]);
        assert_eq!(found, Err(EvalError::NanScore { what: "map", index: 1 }));
        for limit in [0.0, -0.1, 1.1, f64::NAN] {
            let found = aupro(&[item(&good, &[true, false][..])], limit);
            assert!(matches!(found, Err(EvalError::FprLimit { .. })));
        }
    }

    #[test]
    fn two_million_pixels_agree_with_the_image_ranking() {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) as u32
        };
        let values: Vec<f32> = (0..2_000_000).map(|_| (next() % 5000) as f32).collect();
        let mask: Vec<bool> = values.iter().map(|&v| v + (next() % 3000) as f32 > 6500.0).collect();
        let map = map(&values, 2000);
        let found = pixel_auroc(&[MaskedMap { map: &map, mask: &mask, inside: None }]).unwrap();
        assert_eq!(found, image_auroc(&values, &mask));
    }

    proptest! {
        #[test]
        fn pixel_figures_agree_with_the_threshold_sweep(
            images in prop::collection::vec(
                (1usize..5, prop::collection::vec((-2i8..3, any::<bool>()), 0..24)), 0..5),
            limit in prop::sample::select(vec![0.05, 0.3, 0.5, 1.0]),
            kept in prop::collection::vec(any::<bool>(), 5),
        ) {
            let pairs: Vec<(AnomalyMap, Vec<bool>)> = images.iter().map(|(width, pixels)| {
                let n = pixels.len() / width * width;
                let values: Vec<f32> = pixels[..n].iter().map(|pixel| f32::from(pixel.0) * 0.7).collect();
                (map(&values, *width), pixels[..n].iter().map(|pixel| pixel.1).collect())
            }).collect();
            let items: Vec<MaskedMap<'_>> = pairs.iter()
                .map(|(map, mask)| MaskedMap { map, mask, inside: None })
                .collect();
            let part: Vec<MaskedMap<'_>> = items.iter().zip(&kept)
                .filter_map(|(item, &kept)| kept.then_some(*item))
                .collect();
            let ranking = PixelRanking::new(&items).unwrap();
            let checks = [
                (ranking.auroc(|_| true), twin::pixel_auroc(&items)),
                (ranking.aupro(limit, |_| true).unwrap(), twin::aupro(&items, limit)),
                (ranking.auroc(|image_idx| kept[image_idx]), twin::pixel_auroc(&part)),
                (ranking.aupro(limit, |image_idx| kept[image_idx]).unwrap(), twin::aupro(&part, limit)),
            ];
            for (fast, slow) in checks {
                prop_assert_eq!(fast.is_some(), slow.is_some());
                if let (Some(fast), Some(slow)) = (fast, slow) {
                    prop_assert!((fast - slow).abs() < 1e-9, "{} != {}", fast, slow);
                }
            }
        }
    }
}
