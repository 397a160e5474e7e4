//! The figures of one run, on images that count a given number of times.

use std::fmt;
use std::str::FromStr;

use super::{Run, StudyError};
use crate::eval::bootstrap::Ranked;

/// A figure of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Figure {
    /// Area under the ROC curve of the raw scores.
    RawAuroc,
    /// Area under the ROC curve of the scores after calibration.
    CalibratedAuroc,
    /// Mean over the known conditions of the area under the ROC curve of each condition's raw scores: what a calibration
    /// that makes conditions comparable can hope for.
    MeanConditionAuroc,
    /// Right verdicts of all, at the conformal threshold.
    Accuracy,
    /// F1 score of the verdicts.
    F1,
    /// Alarms among faults.
    Recall,
    /// Alarms among normal images.
    FalseAlarmRate,
    /// Images whose condition was told rightly, among those whose condition is known; an abstention is wrong.
    GateAccuracy,
    /// Faults that passed and whose worst patch was matched with a row of another condition, among the faults whose
    /// condition is known.
    CrossCondition,
    /// The best accuracy that one threshold on the calibrated score reaches on these very images: optimistic.
    TestOptimalAccuracy,
}

impl Figure {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::RawAuroc,
        Self::CalibratedAuroc,
        Self::MeanConditionAuroc,
        Self::Accuracy,
        Self::F1,
        Self::Recall,
        Self::FalseAlarmRate,
        Self::GateAccuracy,
        Self::CrossCondition,
        Self::TestOptimalAccuracy,
    ];

    /// Its name in plans and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RawAuroc => "image_AUROC",
            Self::CalibratedAuroc => "calibrated_image_AUROC",
            Self::MeanConditionAuroc => "mean_condition_AUROC",
            Self::Accuracy => "accuracy",
            Self::F1 => "F1",
            Self::Recall => "recall",
            Self::FalseAlarmRate => "false_alarm_rate",
            Self::GateAccuracy => "gate_accuracy",
            Self::CrossCondition => "cross_condition_confusion",
            Self::TestOptimalAccuracy => "test_optimal_accuracy",
        }
    }
}

impl FromStr for Figure {
    type Err = StudyError;

    fn from_str(text: &str) -> Result<Self, StudyError> {
        Self::ALL.into_iter().find(|figure| figure.name() == text).ok_or_else(|| StudyError::Value {
            axis: "figure",
            value: text.to_owned(),
            reason: format!("expected one of {}", Self::ALL.map(Self::name).join(", ")),
        })
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is known of the test images.
pub(super) struct Truth {
    pub(super) anomalous: Vec<bool>,
    /// Position of each image's true condition in `conditions`.
    pub(super) condition: Vec<Option<usize>>,
    pub(super) conditions: Vec<String>,
}

/// A run, ready for many weightings of its images.
pub(super) struct Ready<'a> {
    run: &'a Run,
    truth: &'a Truth,
    raw: Ranked,
    calibrated: Ranked,
    /// The bank's index of each image's true condition; `None` where that is not known, or not in the bank.
    bank_condition: Vec<Option<u32>>,
}

impl<'a> Ready<'a> {
    pub(super) fn new(run: &'a Run, truth: &'a Truth) -> Self {
        let in_bank: Vec<Option<u32>> = truth
            .conditions
            .iter()
            .map(|name| run.conditions.iter().position(|c| c == name).map(|c| c as u32))
            .collect();
        Self {
            run,
            truth,
            raw: Ranked::of(&run.raw),
            calibrated: Ranked::of(&run.calibrated),
            bank_condition: truth.condition.iter().map(|c| c.and_then(|c| in_bank[c])).collect(),
        }
    }

    /// The figure where image `i` is present `weights[i]` times; `None` where the images leave it undefined.
    pub(super) fn figure(&self, figure: Figure, weights: &[u32]) -> Option<f64> {
        let Truth { anomalous, condition, conditions } = self.truth;
        let alarm = |i: usize| self.run.raw[i] > self.run.threshold[i];
        let count = |which: &dyn Fn(usize) -> bool| -> u64 {
            (0..weights.len()).filter(|i| weights[*i] > 0 && which(*i)).map(|i| u64::from(weights[i])).sum()
        };
        let share = |part: u64, all: u64| (all > 0).then(|| part as f64 / all as f64);
        let defined = |area: f64| Some(area).filter(|area| area.is_finite());
        match figure {
            Figure::RawAuroc => defined(self.raw.auroc(anomalous, weights)),
            Figure::CalibratedAuroc => defined(self.calibrated.auroc(anomalous, weights)),
            Figure::MeanConditionAuroc => {
                let areas: Vec<f64> = (0..conditions.len())
                    .filter_map(|wanted| {
                        let of = |i: usize| if condition[i] == Some(wanted) { weights[i] } else { 0 };
                        let part: Vec<u32> = (0..weights.len()).map(of).collect();
                        defined(self.raw.auroc(anomalous, &part))
                    })
                    .collect();
                (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64)
            }
            Figure::Accuracy => share(count(&|i| alarm(i) == anomalous[i]), count(&|_| true)),
            Figure::F1 => {
                let (hits, alarms, faults) =
                    (count(&|i| alarm(i) && anomalous[i]), count(&alarm), count(&|i| anomalous[i]));
                // 2PR / (P + R) = 2 TP / (alarms + faults).
                (faults > 0).then(|| 2.0 * hits as f64 / (alarms + faults) as f64)
            }
            Figure::Recall => share(count(&|i| alarm(i) && anomalous[i]), count(&|i| anomalous[i])),
            Figure::FalseAlarmRate => share(count(&|i| alarm(i) && !anomalous[i]), count(&|i| !anomalous[i])),
            Figure::GateAccuracy => {
                let known = |i: usize| self.bank_condition[i].is_some();
                let right = count(&|i| known(i) && self.run.told[i] == self.bank_condition[i]);
                // With one condition there is nothing to tell.
                if self.run.conditions.len() < 2 { None } else { share(right, count(&known)) }
            }
            Figure::CrossCondition => {
                let known = |i: usize| anomalous[i] && self.bank_condition[i].is_some();
                let crossed = count(&|i| known(i) && !alarm(i) && Some(self.run.nearest[i]) != self.bank_condition[i]);
                if self.run.conditions.len() < 2 { None } else { share(crossed, count(&known)) }
            }
            Figure::TestOptimalAccuracy => self.calibrated.best_accuracy(anomalous, weights),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two conditions, cold and warm; a warm normal that outranks a cold fault, and a cold fault that passes because its
    /// worst patch looks like a warm one.
    fn example() -> (Run, Truth) {
        let run = Run {
            cell: "baseline".to_owned(),
            seed: 0,
            conditions: vec!["cold".to_owned(), "warm".to_owned()],
            n_rows: 3,
            raw: vec![1.0, 2.0, 2.5, 3.0, 4.0, 9.0],
            calibrated: vec![0.0, 1.0, 3.0, 0.5, 1.5, 7.0],
            threshold: vec![2.2, 2.2, 2.8, 3.5, 3.5, 3.5],
            told: vec![Some(0), Some(0), Some(1), Some(1), None, Some(1)],
            nearest: vec![0, 0, 1, 1, 1, 1],
        };
        let truth = Truth {
            anomalous: vec![false, true, true, false, false, true],
            condition: vec![Some(0), Some(0), Some(0), Some(1), Some(1), Some(1)],
            conditions: run.conditions.clone(),
        };
        (run, truth)
    }

    #[test]
    fn figures_by_hand() {
        let (run, truth) = example();
        let ready = Ready::new(&run, &truth);
        let found = |figure| ready.figure(figure, &[1; 6]).unwrap();
        // Faults 2, 2.5, 9 against normals 1, 3, 4: 1 + 1 + 3 of 9 pairs.
        assert_eq!(found(Figure::RawAuroc), 5.0 / 9.0);
        // 1, 3, 7 against 0, 0.5, 1.5.
        assert_eq!(found(Figure::CalibratedAuroc), 8.0 / 9.0);
        assert_eq!(found(Figure::MeanConditionAuroc), 1.0);
        // Alarms: the last fault and the warm normal of score 4.
        assert_eq!(found(Figure::Accuracy), 0.5);
        assert_eq!(found(Figure::F1), 2.0 / 5.0);
        assert_eq!(found(Figure::Recall), 1.0 / 3.0);
        assert_eq!(found(Figure::FalseAlarmRate), 1.0 / 3.0);
        assert_eq!(found(Figure::GateAccuracy), 4.0 / 6.0);
        assert_eq!(found(Figure::CrossCondition), 1.0 / 3.0);
        assert_eq!(found(Figure::TestOptimalAccuracy), 5.0 / 6.0);
    }

    #[test]
    fn a_weight_is_as_many_copies() {
        let (run, truth) = example();
        let weights = [2u32, 0, 3, 1, 1, 2];
        let copies: Vec<usize> = (0..6).flat_map(|i| vec![i; weights[i] as usize]).collect();
        let many = Run {
            raw: copies.iter().map(|i| run.raw[*i]).collect(),
            calibrated: copies.iter().map(|i| run.calibrated[*i]).collect(),
            threshold: copies.iter().map(|i| run.threshold[*i]).collect(),
            told: copies.iter().map(|i| run.told[*i]).collect(),
            nearest: copies.iter().map(|i| run.nearest[*i]).collect(),
            ..run.clone()
        };
        let many_truth = Truth {
            anomalous: copies.iter().map(|i| truth.anomalous[*i]).collect(),
            condition: copies.iter().map(|i| truth.condition[*i]).collect(),
            conditions: truth.conditions.clone(),
        };
        for figure in Figure::ALL {
            let expected = Ready::new(&many, &many_truth).figure(figure, &vec![1; copies.len()]);
            assert_eq!(Ready::new(&run, &truth).figure(figure, &weights), expected, "{figure}");
            assert!(expected.is_some(), "{figure}");
        }
    }

    #[test]
    fn without_faults_only_what_normals_tell_is_defined() {
        let (run, truth) = example();
        let ready = Ready::new(&run, &truth);
        let weights = [1, 0, 0, 1, 1, 0];
        let defined: Vec<Figure> =
            Figure::ALL.into_iter().filter(|figure| ready.figure(*figure, &weights).is_some()).collect();
        assert_eq!(
            defined,
            [Figure::Accuracy, Figure::FalseAlarmRate, Figure::GateAccuracy, Figure::TestOptimalAccuracy]
        );
    }

    #[test]
    fn names_round_trip() {
        for figure in Figure::ALL {
            assert_eq!(figure.to_string().parse::<Figure>().unwrap(), figure);
        }
        assert!("beauty".parse::<Figure>().unwrap_err().to_string().contains("image_AUROC"));
    }
}
