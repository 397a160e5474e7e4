//! What can be chosen of a training.

use crate::detect::DetectError;
use crate::model::training::{Figure, MAX_BATCH, MAX_STEPS, Plan, Schedule, Stop};
use std::fmt::Display;

/// Settings of a training. What is `None` is as the detector has it.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct TrainingOptions {
    /// Steps, 1 to [`MAX_STEPS`].
    pub steps: Option<usize>,
    /// Examples of a kind in a step, 1 to [`MAX_BATCH`].
    pub batch: Option<usize>,
    /// Learning rate of the first step, above 0 and at most 1.
    pub rate: Option<f64>,
    /// That of the others.
    pub schedule: Option<Schedule>,
    /// What `AdamW` takes from each weight, as a share of the rate, 0..=1.
    pub weight_decay: Option<f64>,
    /// Norm that the gradient of all weights together is cut down to, above 0.
    pub clip_norm: Option<f64>,
    /// Steps from one evaluation to the next, 1 to [`MAX_STEPS`].
    pub evaluate: Option<usize>,
    /// Share of the groups of images that is kept apart to be evaluated, from 0 to below 1.
    pub watch: Option<f64>,
    /// When to stop before the last step.
    pub stop: Option<Stop>,
}

impl TrainingOptions {
    /// The plan of a detector with this one where nothing is chosen.
    ///
    /// # Errors
    /// [`DetectError::Setting`] for a number out of its range, and for a stop by what is not kept apart.
    pub fn plan(&self, usual: &Plan) -> Result<Plan, DetectError> {
        let plan = Plan {
            steps: self.steps.unwrap_or(usual.steps),
            batch: self.batch.unwrap_or(usual.batch),
            rate: self.rate.unwrap_or(usual.rate),
            schedule: self.schedule.unwrap_or(usual.schedule),
            weight_decay: self.weight_decay.unwrap_or(usual.weight_decay),
            clip_norm: self.clip_norm.or(usual.clip_norm),
            evaluate: self.evaluate.unwrap_or(usual.evaluate),
            watch: self.watch.unwrap_or(usual.watch),
            stop: self.stop.or(usual.stop),
        };
        check(&plan)?;
        Ok(plan)
    }
}

/// Checks every number of a plan.
pub(super) fn check(plan: &Plan) -> Result<(), DetectError> {
    let Plan { steps, batch, rate, weight_decay, clip_norm, evaluate, watch, stop, schedule: _ } = plan;
    require("steps", (1..=MAX_STEPS).contains(steps), &format!("1 to {MAX_STEPS}"), steps)?;
    require("batch", (1..=MAX_BATCH).contains(batch), &format!("1 to {MAX_BATCH}"), batch)?;
    require("rate", *rate > 0.0 && *rate <= 1.0, "above 0 and at most 1", rate)?;
    require("weight_decay", (0.0..=1.0).contains(weight_decay), "0 to 1", weight_decay)?;
    let clip = clip_norm.unwrap_or(1.0);
    require("clip_norm", clip > 0.0 && clip.is_finite(), "a number above 0", &clip)?;
    require("evaluate", (1..=MAX_STEPS).contains(evaluate), &format!("1 to {MAX_STEPS}"), evaluate)?;
    require("watch", (0.0..1.0).contains(watch), "0 to below 1", watch)?;
    let Some(Stop { figure, patience, min_delta, .. }) = stop else { return Ok(()) };
    require("patience", *patience > 0, "at least 1", patience)?;
    require("min_delta", *min_delta >= 0.0 && min_delta.is_finite(), "a number of at least 0", min_delta)?;
    let is_there = *figure != Figure::Watch || *watch > 0.0;
    require("figure", is_there, "loss, or a share of the images to watch besides", figure)
}

fn require(setting: &'static str, is_good: bool, expected: &str, found: &dyn Display) -> Result<(), DetectError> {
    let (expected, found) = (expected.to_owned(), found.to_string());
    if is_good { Ok(()) } else { Err(DetectError::Setting { setting, expected, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::head::HeadPlan;
    use crate::model::training::Mode;

    #[test]
    fn what_is_not_chosen_is_as_the_detector_has_it_and_what_is_out_of_range_is_named() {
        let usual = HeadPlan::usual_training();
        assert_eq!(TrainingOptions::default().plan(&usual).unwrap(), usual);
        let chosen = TrainingOptions { steps: Some(7), clip_norm: Some(2.0), ..TrainingOptions::default() };
        assert_eq!(chosen.plan(&usual).unwrap(), Plan { steps: 7, clip_norm: Some(2.0), ..usual.clone() });
        let stop = |figure, patience, min_delta| Some(Stop { figure, patience, min_delta, mode: Mode::Min });
        let none = TrainingOptions::default;
        let wrong = [
            ("steps", TrainingOptions { steps: Some(0), ..none() }),
            ("batch", TrainingOptions { batch: Some(0), ..none() }),
            ("rate", TrainingOptions { rate: Some(f64::NAN), ..none() }),
            ("rate", TrainingOptions { rate: Some(0.0), ..none() }),
            ("weight_decay", TrainingOptions { weight_decay: Some(-1.0), ..none() }),
            ("clip_norm", TrainingOptions { clip_norm: Some(0.0), ..none() }),
            ("evaluate", TrainingOptions { evaluate: Some(0), ..none() }),
            ("watch", TrainingOptions { watch: Some(1.0), ..none() }),
            ("patience", TrainingOptions { stop: stop(Figure::Loss, 0, 0.0), ..none() }),
            ("min_delta", TrainingOptions { stop: stop(Figure::Loss, 1, f64::NAN), ..none() }),
            ("figure", TrainingOptions { stop: stop(Figure::Watch, 1, 0.0), ..none() }),
        ];
        for (name, options) in wrong {
            let said = options.plan(&usual).unwrap_err().to_string();
            assert!(said.starts_with(&format!("{name} ")), "{said}");
        }
    }
}
