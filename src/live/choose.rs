//! A threshold that labelled images choose.

use super::lineage::{Step, record};
use super::normals::{NormalScore, NormalScores, Told};
use super::{LiveError, On, entries};
use crate::bundle::{ChosenEntry, Contents};
use crate::dataset::{Label, Sample};
use crate::flow::Pace;
use crate::infer::convert::VALIDATED;
use crate::infer::{Calibration, Inspector};
use crate::progress::Progress;
use crate::train::Failure;
use std::time::SystemTime;

/// What mistakes cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    /// What a missed defect costs, in false alarms: above 0.
    pub miss: f64,
    /// The share of defective parts on the line, above 0 and below 1; `None` for that of the labelled images.
    pub defect_rate: Option<f64>,
}

impl Costs {
    /// Refuses numbers that are no costs.
    ///
    /// # Errors
    /// [`LiveError::Cost`].
    pub fn check(&self) -> Result<(), LiveError> {
        if !(self.miss > 0.0 && self.miss <= 1e9) {
            let expected = "a number above 0, at most 1e9, such as 20";
            return Err(LiveError::Cost { setting: "`Costs::miss`", expected, found: self.miss });
        }
        match self.defect_rate {
            Some(rate) if !(rate > 0.0 && rate < 1.0) => {
                let expected = "a share above 0 and below 1, such as 0.02";
                Err(LiveError::Cost { setting: "`Costs::defect_rate`", expected, found: rate })
            }
            _ => Ok(()),
        }
    }
}

/// What a threshold is chosen for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim {
    /// The least cost of mistakes.
    Cost(Costs),
    /// The largest share of defects found less the share of normals rejected (Youden, *Index for Rating Diagnostic Tests*, 1950).
    Youden,
    /// The largest F1 of the labelled images.
    F1,
}

impl Aim {
    /// Its name in a bundle; `None` of costs, which stand there themselves.
    fn name(self) -> Option<String> {
        match self {
            Self::Cost(_) => None,
            Self::Youden => Some("youden".to_owned()),
            Self::F1 => Some("f1".to_owned()),
        }
    }

    /// The costs that it comes to: Youden's index counts a share of either as much.
    fn costs(self) -> Costs {
        match self {
            Self::Cost(costs) => costs,
            Self::Youden => Costs { miss: 1.0, defect_rate: Some(0.5) },
            Self::F1 => Costs { miss: 1.0, defect_rate: None },
        }
    }
}

/// A bundle with a chosen threshold.
#[derive(Debug)]
#[non_exhaustive]
pub struct Chosen {
    /// The bundle.
    pub contents: Contents,
    /// What the threshold was chosen on, and what it does there.
    pub entry: ChosenEntry,
    /// Images left out because they could not be read.
    pub failures: Vec<Failure>,
}

/// How a threshold is chosen.
#[derive(Clone, Debug)]
pub struct ChoosePlan {
    /// What it is best at.
    pub aim: Aim,
    /// What tells the condition of an image.
    pub told: Told,
    /// How many images at a time, in how much memory.
    pub pace: Pace,
    /// When it is done, for the lineage, see [`CalibratePlan::at`](super::CalibratePlan::at).
    pub at: Option<SystemTime>,
}

/// Sets the threshold that is best on labelled images ([`Aim`]); one of least cost has the least `miss * p * (share of defects missed) + (1 - p) * (share of normals
/// rejected)`, with `p` the rate of defects. Normals are those given and the bundle's held-out ones. It is one number of
/// standard deviations above the mean of each condition's normals, so that conditions share it. Of equal costs the middle of the
/// widest gap between scores is taken.
///
/// Such a threshold promises nothing of false alarms; the bundle says what it was chosen on ([`ChosenEntry`]).
///
/// # Errors
/// [`LiveError::Cost`], [`LiveError::OneSided`], and whatever network and bank refuse.
pub fn choose_threshold<'a>(
    contents: Contents,
    samples: &[Sample],
    plan: &ChoosePlan,
    on: impl Into<On<'a>>,
    progress: &dyn Progress,
) -> Result<Chosen, LiveError> {
    let costs = plan.aim.costs();
    costs.check()?;
    let on = on.into();
    let inspector = on.open(contents.clone())?;
    let names = plan.told.names(samples)?;
    entries::check_known(&contents.manifest, &names)?;
    let found = NormalScores::of(&inspector, (samples, &names), &plan.pace, ("choosing", progress))?;
    let images_sha256 = found.fingerprint(samples);
    let NormalScores { scores, failures, .. } = found;
    let (mut defects, mut normals) = (vec![], vec![]);
    for score in &scores {
        let standardised = standardised(&inspector, score)?;
        match samples[score.image].label {
            Some(Label::Anomalous) => defects.push(standardised),
            Some(Label::Normal) => normals.push(standardised),
            None => {}
        }
    }
    let n_labelled = defects.len() + normals.len();
    normals.extend(held_out(&contents, &inspector)?);
    if defects.is_empty() || normals.is_empty() {
        return Err(LiveError::OneSided { n_defects: defects.len(), n_normals: normals.len() });
    }
    let share = if n_labelled > defects.len() { n_labelled } else { defects.len() + normals.len() };
    let defect_rate = costs.defect_rate.unwrap_or(defects.len() as f64 / share as f64);
    let at = match plan.aim {
        Aim::Cost(_) | Aim::Youden => cheapest(&defects, &normals, (costs.miss, defect_rate)),
        Aim::F1 => best_f1(&defects, &normals),
    };
    let above = |scores: &[f32]| scores.iter().filter(|score| **score > at).count() as f64 / scores.len() as f64;
    let entry = ChosenEntry {
        n_defects: defects.len(),
        n_normals: normals.len(),
        aim: plan.aim.name(),
        miss_cost: costs.miss,
        defect_rate,
        recall: above(&defects),
        false_alarm_rate: above(&normals),
    };
    let before = contents.manifest.clone();
    let mut changed = contents;
    let calibration = &mut changed.manifest.calibration;
    for of in std::iter::once(&mut calibration.global).chain(calibration.per_condition.values_mut()) {
        let std = of.std.filter(|std| *std > 0.0).unwrap_or(1.0);
        of.threshold = Some(of.mean.unwrap_or(0.0) + std * at);
    }
    VALIDATED.clone_into(&mut calibration.method);
    calibration.chosen = Some(entry.clone());
    let step = Step { verb: "calibrate", n_added: scores.len(), images_sha256: Some(images_sha256), ..Step::default() };
    record(&mut changed.manifest, &before, step, plan.at);
    changed.check_with(on.registry)?;
    Ok(Chosen { contents: changed, entry, failures })
}

/// An image's score in deviations above the mean of its condition's normals.
fn standardised(inspector: &Inspector, score: &NormalScore) -> Result<f32, LiveError> {
    let judged = inspector.judge(inspector.policy(), Calibration::Condition, score.condition, score.raw_scores[0])?;
    Ok(judged.calibrated_score)
}

/// The same of the bundle's held-out scores.
fn held_out(contents: &Contents, inspector: &Inspector) -> Result<Vec<f32>, LiveError> {
    let of = |(raw, condition): (&f32, &u32)| {
        let condition = Some(*condition as usize);
        Ok(inspector.judge(inspector.policy(), Calibration::Condition, condition, *raw)?.calibrated_score)
    };
    contents.scores_under(0).iter().zip(&contents.score_condition).map(of).collect()
}

/// The threshold that costs least.
fn cheapest(defects: &[f32], normals: &[f32], (miss, defect_rate): (f64, f64)) -> f32 {
    best(defects, normals, |n_missed, n_rejected| {
        let (missed, rejected) = (n_missed as f64 / defects.len() as f64, n_rejected as f64 / normals.len() as f64);
        miss * defect_rate * missed + (1.0 - defect_rate) * rejected
    })
}

/// The threshold of the largest F1.
fn best_f1(defects: &[f32], normals: &[f32]) -> f32 {
    best(defects, normals, |n_missed, n_rejected| {
        let n_found = defects.len() - n_missed;
        -2.0 * n_found as f64 / (2 * n_found + n_missed + n_rejected).max(1) as f64
    })
}

/// The threshold of least cost, by how many defects are missed and how many normals rejected.
fn best(defects: &[f32], normals: &[f32], cost: impl Fn(usize, usize) -> f64) -> f32 {
    let sorted = |scores: &[f32]| {
        let mut sorted = scores.to_vec();
        sorted.sort_by(f32::total_cmp);
        sorted
    };
    let (defects, normals) = (sorted(defects), sorted(normals));
    let mut all = sorted(&[&defects[..], &normals].concat());
    all.dedup();
    let (low, high) = (all[0], all[all.len() - 1]);
    // Below the lowest score, between each two, and at the highest, which nothing exceeds.
    let gaps = std::iter::once((low - 1.0, low)).chain(all.windows(2).map(|w| (w[0], w[1]))).chain([(high, high)]);
    let cost = |at: f32| {
        let n_rejected = normals.len() - normals.partition_point(|score| *score <= at);
        cost(defects.partition_point(|score| *score <= at), n_rejected)
    };
    let mut best: Option<(f64, f32, f32)> = None;
    for (from, to) in gaps {
        let (cost, width) = (cost(from), to - from);
        let is_better =
            best.is_none_or(|(least, widest, _)| cost < least - 1e-12 || (cost <= least + 1e-12 && width > widest));
        if is_better {
            best = Some((cost, width, f32::midpoint(from, to)));
        }
    }
    best.map_or(high, |(_, _, at)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive_cost(defects: &[f32], normals: &[f32], at: f32, (miss, rate): (f64, f64)) -> f64 {
        let missed = defects.iter().filter(|s| **s <= at).count() as f64 / defects.len() as f64;
        let rejected = normals.iter().filter(|s| **s > at).count() as f64 / normals.len() as f64;
        miss * rate * missed + (1.0 - rate) * rejected
    }

    #[test]
    fn what_can_be_told_apart_is_cut_in_the_middle_of_the_gap() {
        assert_eq!(cheapest(&[5.0, 9.0], &[1.0, 2.0, 3.0], (1.0, 0.5)), 4.0);
        // A defect among the normals: whether it is worth two false alarms is a matter of cost.
        let (defects, normals) = ([1.5, 9.0], [1.0, 2.0, 3.0]);
        assert_eq!(cheapest(&defects, &normals, (1.0, 0.5)), 6.0);
        assert_eq!(cheapest(&defects, &normals, (10.0, 0.5)), 1.25);
    }

    #[test]
    fn the_best_f1_is_where_finding_one_more_costs_too_many_false_alarms() {
        // 9 alone: F1 2/3; 1.5 with it rejects two normals: 4 / (4 + 0 + 2) = 2/3 too; 5 is in between.
        assert_eq!(best_f1(&[5.0, 9.0], &[1.0, 2.0, 3.0]), 4.0);
        assert_eq!(best_f1(&[1.5, 9.0, 10.0], &[1.0, 2.0, 3.0, 4.0]), 6.5);
    }

    proptest! {
        #[test]
        fn no_other_threshold_costs_less(
            defects in proptest::collection::vec(-9i32..30, 1..20),
            normals in proptest::collection::vec(-20i32..20, 1..40),
            miss in 1u32..50,
            percent in 1u32..99,
        ) {
            let of = |scores: Vec<i32>| scores.into_iter().map(|s| s as f32 / 2.0).collect::<Vec<_>>();
            let (defects, normals) = (of(defects), of(normals));
            let costs = (f64::from(miss), f64::from(percent) / 100.0);
            let found = naive_cost(&defects, &normals, cheapest(&defects, &normals, costs), costs);
            for at in defects.iter().chain(&normals).flat_map(|s| [s - 0.1, *s, s + 0.1]) {
                prop_assert!(found <= naive_cost(&defects, &normals, at, costs) + 1e-9);
            }
        }
    }
}
