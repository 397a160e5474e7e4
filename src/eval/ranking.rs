//! Figures of a ranking: one score per image, larger means more anomalous.
//!
//! All of them walk the distinct scores from high to low, so tied images
//! enter together and the order of the input never matters. They return
//! `None` where the figure is undefined: a class is missing, the two slices
//! differ in length, or a score is NaN. Infinite scores are ranked.

/// A threshold and the F1 score it reaches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct F1Max {
    /// `2 P R / (P + R)`, in `[0, 1]`.
    pub f1: f64,
    /// The largest score that attains it, calling `score >= threshold` anomalous.
    pub threshold: f32,
}

/// One corner of a ROC curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RocPoint {
    /// Normal images with `score >= threshold`, as a fraction of all normal ones.
    pub false_positive_rate: f64,
    /// Anomalous images with `score >= threshold`, as a fraction of all anomalous ones.
    pub true_positive_rate: f64,
    /// A score that occurs; `+inf` at the first point.
    pub threshold: f32,
}

/// Area under the ROC curve: the chance that a random anomalous image scores
/// above a random normal one, ties counting one half.
///
/// This is the Mann-Whitney statistic `U / (n_normal * n_anomalous)` (*The
/// meaning and use of the area under a receiver operating characteristic
/// curve*, Radiology 143, 29-36, 1982). It is counted in integers, so only the
/// last division rounds.
#[must_use]
pub fn image_auroc(scores: &[f32], anomalous: &[bool]) -> Option<f64> {
    let steps = Steps::of(scores, anomalous)?;
    let mut twice_u: u128 = 0;
    let mut before = Counts::default();
    for step in &steps.steps {
        let group_normal = (step.at.normal - before.normal) as u128;
        let group_anomalous = (step.at.anomalous - before.anomalous) as u128;
        twice_u += group_normal * (2 * before.anomalous as u128 + group_anomalous);
        before = step.at;
    }
    let pairs = steps.total.normal as u128 * steps.total.anomalous as u128;
    Some(twice_u as f64 / (2 * pairs) as f64)
}

/// Average precision: `sum over thresholds of (R_n - R_{n-1}) P_n`.
///
/// The step definition of scikit-learn's `average_precision_score`, without
/// interpolation between thresholds.
#[must_use]
pub fn average_precision(scores: &[f32], anomalous: &[bool]) -> Option<f64> {
    let steps = Steps::of(scores, anomalous)?;
    let mut sum = 0.0;
    let mut n_found = 0;
    for step in &steps.steps {
        let n_new = step.at.anomalous - n_found;
        n_found = step.at.anomalous;
        sum += n_new as f64 * step.precision();
    }
    Some(sum / steps.total.anomalous as f64)
}

/// The best F1 score over all thresholds, chosen on the very images it is
/// measured on: an upper bound, not what a fixed threshold will reach.
///
/// Where several thresholds attain it, the largest is returned.
#[must_use]
pub fn f1_max(scores: &[f32], anomalous: &[bool]) -> Option<F1Max> {
    let steps = Steps::of(scores, anomalous)?;
    let mut best: Option<F1Max> = None;
    for step in &steps.steps {
        // 2PR / (P + R) = 2 TP / (called anomalous + truly anomalous).
        let called = step.at.anomalous + step.at.normal;
        let f1 = 2.0 * step.at.anomalous as f64 / (called + steps.total.anomalous) as f64;
        if best.is_none_or(|best| f1 > best.f1) {
            best = Some(F1Max { f1, threshold: step.threshold });
        }
    }
    best
}

/// The ROC curve from `(0, 0)` to `(1, 1)`, one corner per distinct score.
///
/// The area under its straight segments is [`image_auroc`].
#[must_use]
pub fn roc_curve(scores: &[f32], anomalous: &[bool]) -> Option<Vec<RocPoint>> {
    let steps = Steps::of(scores, anomalous)?;
    let start = RocPoint { false_positive_rate: 0.0, true_positive_rate: 0.0, threshold: f32::INFINITY };
    let corners = steps.steps.iter().map(|step| RocPoint {
        false_positive_rate: step.at.normal as f64 / steps.total.normal as f64,
        true_positive_rate: step.at.anomalous as f64 / steps.total.anomalous as f64,
        threshold: step.threshold,
    });
    Some(std::iter::once(start).chain(corners).collect())
}

/// A score as an integer that sorts the same way; both zeros are one value.
pub(super) fn sortable(score: f32) -> u32 {
    let bits = (score + 0.0).to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

/// How many images of each class.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    normal: usize,
    anomalous: usize,
}

/// What is called anomalous at one distinct score.
struct Step {
    threshold: f32,
    at: Counts,
}

impl Step {
    fn precision(&self) -> f64 {
        self.at.anomalous as f64 / (self.at.anomalous + self.at.normal) as f64
    }
}

/// The distinct scores from high to low, with counts of all images at or above.
struct Steps {
    steps: Vec<Step>,
    total: Counts,
}

impl Steps {
    fn of(scores: &[f32], anomalous: &[bool]) -> Option<Self> {
        if scores.len() != anomalous.len() || scores.iter().any(|score| score.is_nan()) {
            return None;
        }
        let mut images: Vec<(f32, bool)> = scores.iter().copied().zip(anomalous.iter().copied()).collect();
        images.sort_unstable_by_key(|&(score, _)| std::cmp::Reverse(sortable(score)));
        let mut total = Counts::default();
        let mut steps: Vec<Step> = Vec::new();
        for (score, is_anomalous) in images {
            if is_anomalous {
                total.anomalous += 1;
            } else {
                total.normal += 1;
            }
            match steps.last_mut() {
                Some(last) if last.threshold == score => last.at = total,
                _ => steps.push(Step { threshold: score, at: total }),
            }
        }
        (total.normal > 0 && total.anomalous > 0).then_some(Self { steps, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::twin;
    use proptest::prelude::*;

    const SCORES: [f32; 6] = [0.1, 0.4, 0.35, 0.8, 0.4, 0.2];
    const ANOMALOUS: [bool; 6] = [false, false, true, true, true, false];

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found} != {expected}");
    }

    #[test]
    fn figures_match_the_values_computed_by_hand() {
        // Pairs won: .35 beats 2 of 3, .8 beats 3, .4 beats 2 and ties 1.
        close(image_auroc(&SCORES, &ANOMALOUS).unwrap(), 7.5 / 9.0);
        // Recall 1/3 at precision 1, 2/3 at 2/3, 1 at 3/4.
        let by_hand = (1.0 + 2.0 / 3.0 + 3.0 / 4.0) / 3.0;
        close(average_precision(&SCORES, &ANOMALOUS).unwrap(), by_hand);
        let best = f1_max(&SCORES, &ANOMALOUS).unwrap();
        close(best.f1, 6.0 / 7.0);
        assert_eq!(best.threshold, 0.35);
    }

    #[test]
    fn roc_goes_from_corner_to_corner_with_ties_as_one_step() {
        let corners: Vec<(f64, f64)> = roc_curve(&SCORES, &ANOMALOUS)
            .unwrap()
            .iter()
            .map(|point| (point.false_positive_rate, point.true_positive_rate))
            .collect();
        let third = 1.0 / 3.0;
        let expected = [(0.0, 0.0), (0.0, third), (third, 2.0 / 3.0), (third, 1.0), (2.0 / 3.0, 1.0), (1.0, 1.0)];
        assert_eq!(corners, expected);
    }

    #[test]
    fn perfect_inverted_and_constant_rankings_have_their_known_areas() {
        let labels = [false, false, true];
        assert_eq!(image_auroc(&[1.0, 2.0, 3.0], &labels), Some(1.0));
        assert_eq!(image_auroc(&[3.0, 2.0, 1.0], &labels), Some(0.0));
        assert_eq!(image_auroc(&[2.0, 2.0, 2.0], &labels), Some(0.5));
        assert_eq!(image_auroc(&[0.0, -0.0, 0.0], &labels), Some(0.5));
    }

    #[test]
    fn infinite_scores_are_ranked() {
        let scores = [f32::NEG_INFINITY, 0.0, f32::INFINITY];
        assert_eq!(image_auroc(&scores, &[false, false, true]), Some(1.0));
    }

    #[test]
    fn undefined_figures_are_none() {
        let cases: [(&[f32], &[bool]); 6] = [
            (&[], &[]),
            (&[1.0], &[true]),
            (&[1.0], &[false]),
            (&[1.0, 2.0], &[true, true]),
            (&[1.0, 2.0], &[true]),
            (&[1.0, f32::NAN], &[true, false]),
        ];
        for (scores, labels) in cases {
            assert_eq!(image_auroc(scores, labels), None);
            assert_eq!(average_precision(scores, labels), None);
            assert_eq!(f1_max(scores, labels), None);
            assert_eq!(roc_curve(scores, labels), None);
        }
    }

    proptest! {
        #[test]
        fn ranking_figures_agree_with_the_brute_force_twin(
            images in prop::collection::vec((-3i8..4, any::<bool>()), 0..40)
        ) {
            let scores: Vec<f32> = images.iter().map(|image| f32::from(image.0) / 2.0).collect();
            let labels: Vec<bool> = images.iter().map(|image| image.1).collect();
            let pairs = [
                (image_auroc(&scores, &labels), twin::auroc(&scores, &labels)),
                (average_precision(&scores, &labels), twin::average_precision(&scores, &labels)),
                (f1_max(&scores, &labels).map(|best| best.f1), twin::f1_max(&scores, &labels)),
            ];
            for (fast, slow) in pairs {
                prop_assert_eq!(fast.is_some(), slow.is_some());
                if let (Some(fast), Some(slow)) = (fast, slow) {
                    prop_assert!((fast - slow).abs() < 1e-12, "{} != {}", fast, slow);
                }
            }
            if let Some(best) = f1_max(&scores, &labels) {
                let reached = twin::f1_at(&scores, &labels, best.threshold);
                prop_assert!((reached - best.f1).abs() < 1e-12);
            }
        }

        #[test]
        fn area_under_the_roc_corners_is_the_auroc(
            images in prop::collection::vec((0u8..6, any::<bool>()), 2..60)
        ) {
            let scores: Vec<f32> = images.iter().map(|image| f32::from(image.0)).collect();
            let labels: Vec<bool> = images.iter().map(|image| image.1).collect();
            if let (Some(corners), Some(area)) = (roc_curve(&scores, &labels), image_auroc(&scores, &labels)) {
                let trapezoids: f64 = corners.windows(2).map(|pair| {
                    (pair[1].false_positive_rate - pair[0].false_positive_rate)
                        * (pair[1].true_positive_rate + pair[0].true_positive_rate) / 2.0
                }).sum();
                prop_assert!((trapezoids - area).abs() < 1e-12);
            }
        }

        #[test]
        fn sortable_keeps_the_order_of_floats(a in any::<f32>(), b in any::<f32>()) {
            prop_assume!(!a.is_nan() && !b.is_nan());
            prop_assert_eq!(a < b, sortable(a) < sortable(b));
            prop_assert_eq!(a == b, sortable(a) == sortable(b));
        }
    }
}
