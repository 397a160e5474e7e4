//! Training images that score unlike the others.

use super::held_out::HeldOut;
use crate::bundle::SuspectEntry;
use crate::dataset::Sample;
use crate::detect::{PartLevels, standardised};
use crate::image::Placement;
use crate::score::AnomalyMap;
use crate::train::plan::{SUSPECT_DEVIATIONS, SUSPECTS_FROM};

/// The consistency factor that makes a median deviation a standard deviation, for normal distributions.
const TO_STANDARD: f32 = 1.4826;
/// The least deviation, as a share of the median: images that are all but equal differ by rounding.
const LEAST_DEVIATION: f32 = 1e-3;

/// An image's score by images that it does not belong to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ByOthers {
    pub(super) image: usize,
    pub(super) condition: usize,
    pub(super) raw_score: f32,
}

/// An image whose score lies far above the others'.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Suspect {
    pub(super) image: usize,
    raw_score: f32,
    deviations: f32,
    /// The image that its most anomalous patch is nearest to.
    pub(super) nearest: Option<usize>,
    /// The same where it is looked for only to be shown.
    pub(super) neighbour: Option<usize>,
    /// Its map by the others.
    pub(super) map: Option<(AnomalyMap, Placement)>,
    pub(super) is_held_out: bool,
}

/// A training image whose score by the others lies far above theirs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FittedSuspect {
    /// What the bundle says of it.
    pub entry: SuspectEntry,
    /// Whether it was left out of the fit.
    pub is_dropped: bool,
    /// The training image that its most anomalous patch is nearest to, as far as that is known.
    pub neighbour: Option<String>,
    /// What the detector would have drawn had it never seen the image, and where the image lies in that; where
    /// [`FitPlan::draw_suspects`](crate::train::FitPlan::draw_suspects) asks for it, of the most striking ones. `None` for an image
    /// that was held out, which the detector never saw.
    pub map: Option<(AnomalyMap, Placement)>,
    /// Whether the detector of that fit never saw the image: it was held out.
    pub is_held_out: bool,
}

impl Suspect {
    pub(super) fn entry(&self, samples: &[&Sample]) -> SuspectEntry {
        let nearest = self.nearest.map(|image| samples[image].name.clone());
        let name = samples[self.image].name.clone();
        SuspectEntry { name, score: self.raw_score, deviations: self.deviations, nearest }
    }

    pub(super) fn fitted(&self, samples: &[&Sample]) -> FittedSuspect {
        let neighbour = self.neighbour.map(|image| samples[image].name.clone());
        let Self { map, is_held_out, .. } = self;
        let (entry, map, is_held_out) = (self.entry(samples), map.clone(), *is_held_out);
        FittedSuspect { entry, is_dropped: false, neighbour, map, is_held_out }
    }
}

/// What each image scored under the first view.
pub(super) fn of_each(held: &[HeldOut]) -> Vec<ByOthers> {
    let of = |h: &HeldOut| ByOthers { image: h.image, condition: h.condition, raw_score: h.raw_scores[0] };
    held.iter().map(of).collect()
}

/// What images come to that several parts scored, each for itself: `of_parts[part]` are the same images in the same order.
pub(super) fn together(of_parts: &[Vec<ByOthers>], levels: &[Vec<PartLevels>]) -> Vec<ByOthers> {
    let Some(first) = of_parts.first() else { return vec![] };
    let sum = |(at, found): (usize, &ByOthers)| {
        let of_part =
            |part: &Vec<ByOthers>| part.get(at).filter(|own| own.image == found.image).map(|own| own.raw_score);
        let scores: Vec<f32> = of_parts.iter().map(of_part).collect::<Option<_>>()?;
        Some(ByOthers { raw_score: standardised(levels, &scores, found.condition), ..*found })
    };
    first.iter().enumerate().filter_map(sum).collect()
}

/// The suspects among these images, the most striking first; see [`SUSPECT_DEVIATIONS`].
pub(super) fn find(scored: &[ByOthers], n_conditions: usize) -> Vec<Suspect> {
    let mut found: Vec<Suspect> = (0..n_conditions).flat_map(|condition| of_condition(scored, condition)).collect();
    found.sort_by(|a, b| b.deviations.total_cmp(&a.deviations).then(a.image.cmp(&b.image)));
    found
}

fn of_condition(scored: &[ByOthers], condition: usize) -> Vec<Suspect> {
    let own: Vec<&ByOthers> = scored.iter().filter(|found| found.condition == condition).collect();
    if own.len() < SUSPECTS_FROM {
        return vec![];
    }
    let centre = median(own.iter().map(|found| found.raw_score).collect());
    let above = own.iter().map(|found| found.raw_score - centre).filter(|above| *above >= 0.0).collect();
    let least = (LEAST_DEVIATION * centre.abs()).max(f32::MIN_POSITIVE);
    let deviation = (TO_STANDARD * median(above)).max(least);
    let suspect = |found: &&ByOthers| {
        let deviations = (found.raw_score - centre) / deviation;
        let ByOthers { image, raw_score, .. } = **found;
        (deviations > SUSPECT_DEVIATIONS).then_some(Suspect {
            image,
            raw_score,
            deviations,
            nearest: None,
            neighbour: None,
            map: None,
            is_held_out: false,
        })
    };
    own.iter().filter_map(suspect).collect()
}

/// The middle value, the lower of two; 0 without any.
fn median(mut values: Vec<f32>) -> f32 {
    values.sort_by(f32::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(scores: impl IntoIterator<Item = f32>, condition: usize) -> Vec<ByOthers> {
        let of = |(image, raw_score)| ByOthers { image, condition, raw_score };
        scores.into_iter().enumerate().map(of).collect()
    }

    /// So many scores around 1, none of them odd.
    fn usual(n: usize) -> Vec<f32> {
        (0..n).map(|i| 1.0 + 0.1 * ((i * 37 % n) as f32 / n as f32 - 0.5)).collect()
    }

    #[test]
    fn an_odd_score_is_suspect_and_counts_in_deviations_that_a_tenth_of_odd_ones_hardly_moves() {
        assert!(find(&scored(usual(100), 0), 1).is_empty());
        let alone = find(&scored(usual(100).into_iter().chain([1.5]), 0), 1);
        let among = find(&scored(usual(100).into_iter().chain([1.5; 11]), 0), 1);
        assert_eq!((alone.len(), alone[0].image, among.len()), (1, 100, 11));
        // By hand: the upper half lies evenly up to 0.05 above the median, so that its median is 0.025.
        assert!((alone[0].deviations - 0.5 / (1.4826 * 0.025)).abs() < 0.5, "{}", alone[0].deviations);
        assert!(among[0].deviations > 0.7 * alone[0].deviations, "{}", among[0].deviations);
    }

    #[test]
    fn a_score_is_odd_among_those_of_its_condition_and_few_images_tell_nothing() {
        // 1.5 is usual where all scores are twice as high.
        let mut all = scored(usual(50).into_iter().chain([1.5]), 0);
        all.extend(scored(usual(50).into_iter().map(|s| 2.0 * s - 0.5), 1));
        let found = find(&all, 2);
        assert_eq!((found.len(), found[0].raw_score), (1, 1.5));
        assert!(find(&scored(usual(SUSPECTS_FROM - 2).into_iter().chain([9.0]), 0), 1).is_empty());
        assert_eq!(find(&scored(usual(SUSPECTS_FROM - 1).into_iter().chain([9.0]), 0), 1).len(), 1);
    }

    #[test]
    fn equal_scores_are_no_suspects() {
        assert!(find(&scored(vec![0.7; 40], 0), 1).is_empty());
        assert!(find(&scored(vec![0.0; 40], 0), 1).is_empty());
    }
}
