//! Anomaly maps against masks: pixel AUROC and AUPRO.
//!
//! Both need every pixel of the test set in the order of its score. Maps are handed over one by one ([`PixelTally`]) and not
//! kept: up to [`MOST_EXACT_PIXELS`] pixels are sorted by score, and each figure, for all images or for a part of them, is one walk
//! along the sorted list ([`PixelRanking`]). More of them are counted in bins of scores ([`bins`](super::bins)), as narrow as
//! bounded memory allows, and a figure says how far from the exact one it can be.

use rayon::slice::ParallelSliceMut;
use std::borrow::Cow;

use super::bins::{Bins, Segment, Step, segment_of};
use super::{EvalError, connected_components, ranking::sortable};
use crate::score::AnomalyMap;

/// The false positive rate up to which AUPRO is integrated in the literature.
pub const DEFAULT_FPR_LIMIT: f64 = 0.3;

/// Pixels that are ranked one by one, 8 bytes each; more are counted in bins.
pub const MOST_EXACT_PIXELS: usize = 1 << 27;

/// Bins of scores at most, of all groups together, 32 bytes each.
pub const MOST_BINS: usize = 1 << 22;

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

/// A figure, and how far from that of all pixels one by one it can be: 0 where they were ranked so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounded {
    /// The figure.
    pub value: f64,
    /// The exact one lies within so much of it.
    pub error: f64,
}

/// What a group of images has in all.
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    n_regions: usize,
    n_background: u64,
}

/// The pixels of a test set, map by map.
pub struct PixelTally {
    /// Per pixel: the sortable score in the high half, the segment's position in the low half.
    keys: Vec<u64>,
    segments: Vec<Segment>,
    totals: Vec<Total>,
    /// Of the pixels before, where they were more than are kept.
    bins: Bins,
    n_maps: usize,
    most_exact: usize,
}

impl Default for PixelTally {
    fn default() -> Self {
        Self::within(MOST_EXACT_PIXELS, MOST_BINS)
    }
}

impl PixelTally {
    /// Pixels that are ranked one by one, and bins of more, at most.
    pub(super) fn within(most_exact: usize, most_bins: usize) -> Self {
        let (keys, segments, totals, n_maps) = (vec![], vec![], vec![], 0);
        Self { keys, segments, totals, bins: Bins::new(most_bins), n_maps, most_exact: most_exact.max(1) }
    }

    /// Adds the pixels of a map; `group` tells which maps are kept together by a figure.
    ///
    /// # Errors
    ///
    /// [`EvalError::PixelCount`] if a map or mask does not fit the map's size, [`EvalError::NanScore`] if a map contains NaN.
    pub fn add(&mut self, item: MaskedMap<'_>, group: usize) -> Result<(), EvalError> {
        let index = self.n_maps;
        check(item, index)?;
        let MaskedMap { map, mask, inside } = item;
        let counts = |pixel: usize| inside.is_none_or(|inside| inside[pixel]);
        let mask: Cow<'_, [bool]> = match inside {
            None => Cow::Borrowed(mask),
            Some(inside) => mask.iter().zip(inside).map(|(mask, inside)| *mask && *inside).collect(),
        };
        let components = connected_components(&mask, map.height_px, map.width_px)?;
        let mut first = self.segments.len();
        let too_many = || EvalError::TooManyRegions { limit: u32::MAX };
        u32::try_from(first + components.sizes.len()).map_err(|_| too_many())?;
        let of_group = u32::try_from(group).map_err(|_| too_many())?;
        self.segments.push(Segment { group: of_group, share: None });
        let shares = components.sizes.iter().map(|n_pixels| Some(1.0 / *n_pixels as f64));
        self.segments.extend(shares.map(|share| Segment { group: of_group, share }));
        self.totals.resize(self.totals.len().max(group + 1), Total::default());
        self.totals[group].n_regions += components.sizes.len();
        self.totals[group].n_background +=
            (0..mask.len()).filter(|pixel| counts(*pixel) && !mask[*pixel]).count() as u64;
        let scores = map.values.iter().zip(&components.labels).enumerate().filter(|(pixel, _)| counts(*pixel));
        for (_, (&value, &label)) in scores {
            if self.keys.len() == self.most_exact {
                self.fold();
                self.segments.drain(..first);
                first = 0;
            }
            self.keys.push(u64::from(sortable(value)) << 32 | (first as u64 + u64::from(label)));
        }
        self.n_maps += 1;
        Ok(())
    }

    /// Counts the pixels at hand in bins.
    fn fold(&mut self) {
        self.keys.par_sort_unstable();
        self.bins.add(&self.keys, &self.segments);
        self.keys.clear();
    }

    /// All of them in the order of their scores.
    #[must_use]
    pub fn ranked(mut self) -> PixelRanking {
        if self.bins.is_empty() {
            self.keys.par_sort_unstable();
        } else {
            self.fold();
            self.keys = vec![];
        }
        let Self { keys, segments, totals, bins, .. } = self;
        PixelRanking { keys, segments, totals, bins }
    }
}

/// Refuses what has no place in a ranking.
fn check(item: MaskedMap<'_>, index: usize) -> Result<(), EvalError> {
    let MaskedMap { map, mask, inside } = item;
    let n_inside = inside.map_or(mask.len(), <[bool]>::len);
    let lengths = [("map", map.values.len()), ("mask", mask.len()), ("region of interest", n_inside)];
    for (what, found) in lengths {
        let (height_px, width_px) = (map.height_px, map.width_px);
        if height_px.checked_mul(width_px) != Some(found) {
            return Err(EvalError::PixelCount { what, index, height_px, width_px, found });
        }
    }
    if map.values.iter().any(|value| value.is_nan()) {
        return Err(EvalError::NanScore { what: "map", index });
    }
    Ok(())
}

/// All pixels of a test set in the order of their scores.
pub struct PixelRanking {
    /// Per pixel, ascending, as in [`PixelTally`]; empty where pixels are counted in bins.
    keys: Vec<u64>,
    segments: Vec<Segment>,
    totals: Vec<Total>,
    bins: Bins,
}

impl PixelRanking {
    /// Ranks the pixels of all maps, each a group of its own: `O(n log n)`, on all cores.
    ///
    /// # Errors
    ///
    /// As [`PixelTally::add`].
    pub fn new(maps: &[MaskedMap<'_>]) -> Result<Self, EvalError> {
        let mut tally = PixelTally::default();
        maps.iter().enumerate().try_for_each(|(index, item)| tally.add(*item, index))?;
        Ok(tally.ranked())
    }

    /// Whether pixels are ranked one by one.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.bins.are_exact()
    }

    /// Area under the ROC curve over the pooled pixels of the groups that `keep(group)` selects, ties counting one half.
    ///
    /// Of pixels in bins those of one bin count as ties: each pair of a defective and a background pixel in it is at most
    /// one half off.
    ///
    /// `None` if these images have no defective or no background pixel.
    #[must_use]
    pub fn auroc(&self, keep: impl Fn(usize) -> bool) -> Option<Bounded> {
        let (mut twice_u, mut tied): (u128, u128) = (0, 0);
        let (mut n_defective, mut n_background) = (0u64, 0u64);
        self.walk(keep, |step| {
            let within = u128::from(step.n_background) * u128::from(step.n_defective);
            twice_u += 2 * u128::from(step.n_background) * u128::from(n_defective) + within;
            tied += within;
            n_defective += step.n_defective;
            n_background += step.n_background;
            true
        });
        let pairs = u128::from(n_defective) * u128::from(n_background);
        let error = if self.is_exact() { 0.0 } else { tied as f64 / (2 * pairs) as f64 };
        (pairs > 0).then(|| Bounded { value: twice_u as f64 / (2 * pairs) as f64, error })
    }

    /// Area under the per-region overlap curve up to `fpr_limit`, divided by
    /// it, over the groups that `keep(group)` selects.
    ///
    /// At each distinct score, from high to low: the false positive rate over
    /// the background pixels of all images together, normal ones included,
    /// and the mean over all regions of the fraction found. Trapezoids; the
    /// last one is cut at the limit by linear interpolation (Bergmann et al.,
    /// *The MVTec Anomaly Detection Dataset*, IJCV 129, 2021, section 5.2).
    ///
    /// Of pixels in bins the curve is exact at the bounds of each bin, and rises in between.
    ///
    /// `None` if these images have no region or no background.
    ///
    /// # Errors
    ///
    /// [`EvalError::FprLimit`] if the limit is outside `(0, 1]`.
    pub fn aupro(&self, fpr_limit: f64, keep: impl Fn(usize) -> bool) -> Result<Option<Bounded>, EvalError> {
        if !(fpr_limit > 0.0 && fpr_limit <= 1.0) {
            return Err(EvalError::FprLimit { found: fpr_limit });
        }
        let kept = self.totals.iter().enumerate().filter(|(group, _)| keep(*group));
        let (n_regions, n_background) = kept.fold((0, 0), |(regions, background), (_, total)| {
            (regions + total.n_regions, background + total.n_background)
        });
        if n_regions == 0 || n_background == 0 {
            return Ok(None);
        }
        let (mut area, mut overlap, mut n_false, mut error) = (0.0f64, 0.0f64, 0u64, 0.0f64);
        self.walk(keep, |Step { n_background: more_false, gained, .. }| {
            let before = n_false as f64 / n_background as f64;
            let after = (n_false + more_false) as f64 / n_background as f64;
            if after >= fpr_limit {
                // `before < fpr_limit` holds: the walk ends at the first step that reaches it.
                let part = (fpr_limit - before) / (after - before);
                area += (fpr_limit - before) * (overlap + part * gained / 2.0);
                error += (fpr_limit - before) * gained * (1.0 - part / 2.0);
                return false;
            }
            area += (after - before) * (overlap + gained / 2.0);
            error += (after - before) * gained / 2.0;
            overlap += gained;
            n_false += more_false;
            true
        });
        let of_all = |sum: f64| sum / n_regions as f64 / fpr_limit;
        Ok(Some(Bounded { value: of_all(area), error: if self.is_exact() { 0.0 } else { of_all(error) } }))
    }

    /// Calls `visit` with what the kept groups have at each distinct score, or in each bin, from high to low, until it answers
    /// false.
    fn walk(&self, keep: impl Fn(usize) -> bool, mut visit: impl FnMut(Step) -> bool) {
        let kept: Vec<bool> = (0..self.totals.len()).map(keep).collect();
        if !self.bins.is_empty() {
            return self.bins.walk(&kept, visit);
        }
        for same in self.keys.chunk_by(|a, b| a >> 32 == b >> 32).rev() {
            let mut step = Step::default();
            for &key in same {
                let segment = self.segments[segment_of(key)];
                if kept[segment.group as usize] {
                    step.add(segment);
                }
            }
            if !visit(step) {
                return;
            }
        }
    }
}

/// [`PixelRanking::auroc`] over all images.
///
/// # Errors
///
/// As [`PixelRanking::new`].
pub fn pixel_auroc(maps: &[MaskedMap<'_>]) -> Result<Option<f64>, EvalError> {
    Ok(PixelRanking::new(maps)?.auroc(|_| true).map(|found| found.value))
}

/// [`PixelRanking::aupro`] over all images.
///
/// # Errors
///
/// As [`PixelRanking::new`] and [`PixelRanking::aupro`].
pub fn aupro(maps: &[MaskedMap<'_>], fpr_limit: f64) -> Result<Option<f64>, EvalError> {
    Ok(PixelRanking::new(maps)?.aupro(fpr_limit, |_| true)?.map(|found| found.value))
}

#[cfg(test)]
mod tests;
