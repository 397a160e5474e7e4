//! How far the figures may lie from those of other images of the same kind.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{image_auroc, ranking::sortable};

/// The settings of a percentile bootstrap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    /// Resamples drawn; 1000 is usual.
    pub n_resamples: usize,
    /// Coverage of the interval, in `(0, 1)`, such as .95.
    pub confidence: f64,
    /// Seed of the draws: the same seed gives the same interval.
    pub seed: u64,
}

/// A figure and the interval around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The figure on the images themselves.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { n_resamples: 1000, confidence: 0.95, seed: 0 }
    }
}

/// Percentile interval of the AUROC (Efron and Tibshirani, *An Introduction
/// to the Bootstrap*, 1993, chapter 13).
///
/// Normal and anomalous images are resampled apart, so every resample has as
/// many of each as the data. `None` where the AUROC is undefined, without
/// resamples, or with a confidence outside `(0, 1)`.
#[must_use]
pub fn auroc_interval(scores: &[f32], anomalous: &[bool], settings: Bootstrap) -> Option<Interval> {
    let estimate = image_auroc(scores, anomalous)?;
    let ranked = Ranked::of(scores);
    interval(estimate, anomalous, settings, |weights| ranked.auroc(anomalous, weights))
}

/// Percentile interval of `AUROC(scores_a) - AUROC(scores_b)` of two
/// detectors on the same images.
///
/// Both are measured on the same resamples, so what makes the images hard for
/// both cancels out. `None` as for [`auroc_interval`].
#[must_use]
pub fn auroc_difference_interval(
    scores_a: &[f32],
    scores_b: &[f32],
    anomalous: &[bool],
    settings: Bootstrap,
) -> Option<Interval> {
    auroc_differences(&[scores_a], &[scores_b], anomalous, settings)?.interval(settings.confidence)
}

/// The mean difference of two detectors' AUROCs on the same images and on resamples of them, each detector run several times
/// (other seeds, other training images): `scores_a[run]` and `scores_b[run]` are the scores of all images.
///
/// `None` as for [`auroc_interval`], without runs, and where the numbers of runs differ.
#[must_use]
pub fn auroc_differences(
    scores_a: &[&[f32]],
    scores_b: &[&[f32]],
    anomalous: &[bool],
    settings: Bootstrap,
) -> Option<Resampled> {
    if scores_a.len() != scores_b.len() {
        return None;
    }
    let pairs = || scores_a.iter().zip(scores_b);
    let one = |(a, b): (&&[f32], &&[f32])| Some(image_auroc(a, anomalous)? - image_auroc(b, anomalous)?);
    let estimate = mean(&pairs().map(one).collect::<Option<Vec<f64>>>()?)?;
    let ranked: Vec<_> = pairs().map(|(a, b)| (Ranked::of(a), Ranked::of(b))).collect();
    let figures = resampled(anomalous, settings, |weights| {
        let difference = |(a, b): &(Ranked, Ranked)| a.auroc(anomalous, weights) - b.auroc(anomalous, weights);
        ranked.iter().map(difference).sum::<f64>() / ranked.len() as f64
    })?;
    Some(Resampled { estimate, figures })
}

/// A figure, and what it is on resamples of the images.
#[derive(Clone, Debug, PartialEq)]
pub struct Resampled {
    /// On the images themselves.
    pub estimate: f64,
    /// On each resample.
    pub figures: Vec<f64>,
}

impl Resampled {
    /// The mean over data sets, whose resamples are independent; as many as the fewest have. `None` without any.
    #[must_use]
    pub fn mean_of(sets: &[Self]) -> Option<Self> {
        let estimate = mean(&sets.iter().map(|set| set.estimate).collect::<Vec<_>>())?;
        let n = sets.iter().map(|set| set.figures.len()).min()?;
        let figure = |draw: usize| sets.iter().map(|set| set.figures[draw]).sum::<f64>() / sets.len() as f64;
        Some(Self { estimate, figures: (0..n).map(figure).collect() })
    }

    /// The percentile interval; `None` without resamples, or with a confidence outside `(0, 1)`.
    #[must_use]
    pub fn interval(&self, confidence: f64) -> Option<Interval> {
        if self.figures.is_empty() || !(confidence > 0.0 && confidence < 1.0) {
            return None;
        }
        let mut ascending = self.figures.clone();
        ascending.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - confidence) / 2.0;
        let (low, high) = (percentile(&ascending, tail), percentile(&ascending, 1.0 - tail));
        Some(Interval { estimate: self.estimate, low, high })
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn interval(
    estimate: f64,
    anomalous: &[bool],
    settings: Bootstrap,
    figure: impl Fn(&[u32]) -> f64,
) -> Option<Interval> {
    Resampled { estimate, figures: resampled(anomalous, settings, figure)? }.interval(settings.confidence)
}

/// The figure on each resample, which is drawn as weights per image.
fn resampled(anomalous: &[bool], settings: Bootstrap, figure: impl Fn(&[u32]) -> f64) -> Option<Vec<f64>> {
    if settings.n_resamples == 0 {
        return None;
    }
    let members = |wanted: bool| -> Vec<usize> {
        (0..anomalous.len()).filter(|&image_idx| anomalous[image_idx] == wanted).collect()
    };
    let strata = [members(false), members(true)];
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
    let mut weights = vec![0u32; anomalous.len()];
    let mut figures: Vec<f64> = Vec::new();
    for _ in 0..settings.n_resamples {
        weights.fill(0);
        for stratum in &strata {
            for _ in 0..stratum.len() {
                weights[stratum[rng.random_range(0..stratum.len())]] += 1;
            }
        }
        figures.push(figure(&weights));
    }
    Some(figures)
}

/// The images in ascending order of score, cut where the score changes.
pub(super) struct Ranked {
    order: Vec<usize>,
    group_ends: Vec<usize>,
}

impl Ranked {
    pub(super) fn of(scores: &[f32]) -> Self {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_unstable_by_key(|&image_idx| sortable(scores[image_idx]));
        let mut group_ends = Vec::new();
        for (end, pair) in order.windows(2).enumerate() {
            if scores[pair[0]] != scores[pair[1]] {
                group_ends.push(end + 1);
            }
        }
        group_ends.push(order.len());
        Self { order, group_ends }
    }

    /// AUROC with image `i` present `weights[i]` times, in one walk.
    pub(super) fn auroc(&self, anomalous: &[bool], weights: &[u32]) -> f64 {
        let (mut twice_u, mut n_normal, mut n_anomalous) = (0u128, 0u128, 0u128);
        let mut start = 0;
        for &end in &self.group_ends {
            let (mut group_normal, mut group_anomalous) = (0u128, 0u128);
            for &image_idx in &self.order[start..end] {
                let weight = u128::from(weights[image_idx]);
                if anomalous[image_idx] {
                    group_anomalous += weight;
                } else {
                    group_normal += weight;
                }
            }
            twice_u += group_anomalous * (2 * n_normal + group_normal);
            n_normal += group_normal;
            n_anomalous += group_anomalous;
            start = end;
        }
        twice_u as f64 / (2 * n_normal * n_anomalous) as f64
    }

    /// The best accuracy of `score > threshold` over all thresholds; `None` without images.
    pub(super) fn best_accuracy(&self, anomalous: &[bool], weights: &[u32]) -> Option<f64> {
        let total: u64 = weights.iter().map(|w| u64::from(*w)).sum();
        // Below the lowest score, everything is an alarm.
        let mut right: u64 = (0..weights.len()).filter(|i| anomalous[*i]).map(|i| u64::from(weights[i])).sum();
        let (mut best, mut start) = (right, 0);
        for &end in &self.group_ends {
            for &image_idx in &self.order[start..end] {
                let weight = u64::from(weights[image_idx]);
                right = if anomalous[image_idx] { right - weight } else { right + weight };
            }
            best = best.max(right);
            start = end;
        }
        (total > 0).then(|| best as f64 / total as f64)
    }
}

/// Linear interpolation between the order statistics of a non-empty list.
pub(super) fn percentile(ascending: &[f64], fraction: f64) -> f64 {
    let position = fraction * (ascending.len() - 1) as f64;
    let below = ascending[position.floor() as usize];
    let above = ascending[position.ceil() as usize];
    below + (above - below) * position.fract()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn overlapping(n: usize, shift: f32) -> (Vec<f32>, Vec<bool>) {
        let labels: Vec<bool> = (0..n).map(|i| i % 2 == 1).collect();
        let scores = (0..n).map(|i| ((i * 37) % 101) as f32 / 101.0 + if labels[i] { shift } else { 0.0 }).collect();
        (scores, labels)
    }

    #[test]
    fn the_same_seed_gives_the_same_interval_and_another_seed_another() {
        let (scores, labels) = overlapping(60, 0.3);
        let settings = Bootstrap { n_resamples: 200, ..Bootstrap::default() };
        let first = auroc_interval(&scores, &labels, settings).unwrap();
        assert_eq!(auroc_interval(&scores, &labels, settings), Some(first));
        let other = Bootstrap { seed: 1, ..settings };
        assert_ne!(auroc_interval(&scores, &labels, other), Some(first));
        assert!(first.low < first.estimate && first.estimate < first.high);
    }

    #[test]
    fn more_images_give_a_narrower_interval() {
        let width = |n| {
            let (scores, labels) = overlapping(n, 0.3);
            let found = auroc_interval(&scores, &labels, Bootstrap::default()).unwrap();
            found.high - found.low
        };
        assert!(width(400) < 0.6 * width(40));
    }

    #[test]
    fn width_is_near_the_hanley_mcneil_standard_error() {
        let (scores, labels) = overlapping(200, 0.3);
        let found = auroc_interval(&scores, &labels, Bootstrap::default()).unwrap();
        let (a, n) = (found.estimate, 100.0);
        let (q1, q2) = (a / (2.0 - a), 2.0 * a * a / (1.0 + a));
        let variance = a * (1.0 - a) + (n - 1.0) * (q1 - a * a) + (n - 1.0) * (q2 - a * a);
        let expected = 2.0 * 1.96 * (variance / (n * n)).sqrt();
        let width = found.high - found.low;
        assert!((width / expected - 1.0).abs() < 0.25, "{width} vs {expected}");
    }

    #[test]
    fn a_perfect_ranking_has_a_point_interval() {
        let found = auroc_interval(&[1.0, 2.0, 3.0, 4.0], &[false, false, true, true], Bootstrap::default());
        assert_eq!(found, Some(Interval { estimate: 1.0, low: 1.0, high: 1.0 }));
    }

    #[test]
    fn a_detector_does_not_differ_from_itself_and_a_better_one_does() {
        let (scores, labels) = overlapping(200, 0.3);
        let same = auroc_difference_interval(&scores, &scores, &labels, Bootstrap::default());
        assert_eq!(same, Some(Interval { estimate: 0.0, low: 0.0, high: 0.0 }));
        let (worse, _) = overlapping(200, 0.0);
        let found = auroc_difference_interval(&scores, &worse, &labels, Bootstrap::default()).unwrap();
        assert!(found.low > 0.0, "{found:?}");
    }

    #[test]
    fn several_runs_and_several_sets_are_averaged() {
        let (scores, labels) = overlapping(200, 0.3);
        let (worse, _) = overlapping(200, 0.0);
        let settings = Bootstrap { n_resamples: 100, ..Bootstrap::default() };
        let once = auroc_differences(&[&scores], &[&worse], &labels, settings).unwrap();
        // The same and nothing: half of it, resample by resample.
        let twice = auroc_differences(&[&scores, &worse], &[&worse, &worse], &labels, settings).unwrap();
        assert!(once.figures.iter().zip(&twice.figures).all(|(one, half)| (one / 2.0 - half).abs() < 1e-12));
        let none = auroc_differences(&[&worse], &[&worse], &labels, settings).unwrap();
        let mean = Resampled::mean_of(&[once.clone(), none]).unwrap();
        assert!((mean.estimate - twice.estimate).abs() < 1e-12);
        assert!(mean.figures.iter().zip(&twice.figures).all(|(a, b)| (a - b).abs() < 1e-12));
        assert_eq!(once.interval(0.95), auroc_difference_interval(&scores, &worse, &labels, settings));
        assert_eq!(auroc_differences(&[&scores], &[], &labels, settings), None);
        assert_eq!(auroc_differences(&[], &[], &labels, settings), None);
        assert_eq!(Resampled::mean_of(&[]), None);
    }

    #[test]
    fn undefined_figures_and_settings_are_none() {
        let settings = Bootstrap::default();
        assert_eq!(auroc_interval(&[1.0], &[true], settings), None);
        assert_eq!(auroc_interval(&[], &[], settings), None);
        assert_eq!(auroc_difference_interval(&[1.0, 2.0], &[1.0], &[true, false], settings), None);
        let labels = [true, false];
        for bad in [
            Bootstrap { n_resamples: 0, ..settings },
            Bootstrap { confidence: 0.0, ..settings },
            Bootstrap { confidence: 1.0, ..settings },
            Bootstrap { confidence: f64::NAN, ..settings },
        ] {
            assert_eq!(auroc_interval(&[1.0, 2.0], &labels, bad), None);
        }
    }

    proptest! {
        #[test]
        fn weighted_auroc_agrees_with_repeating_the_images(
            images in prop::collection::vec((0u8..5, any::<bool>(), 0u32..4), 2..30)
        ) {
            let scores: Vec<f32> = images.iter().map(|image| f32::from(image.0)).collect();
            let labels: Vec<bool> = images.iter().map(|image| image.1).collect();
            let weights: Vec<u32> = images.iter().map(|image| image.2).collect();
            let repeated: Vec<(f32, bool)> = images.iter()
                .flat_map(|image| std::iter::repeat_n((f32::from(image.0), image.1), image.2 as usize))
                .collect();
            let (many_scores, many_labels): (Vec<f32>, Vec<bool>) = repeated.into_iter().unzip();
            if let Some(expected) = image_auroc(&many_scores, &many_labels) {
                prop_assert_eq!(Ranked::of(&scores).auroc(&labels, &weights), expected);
            }
        }
    }
}
