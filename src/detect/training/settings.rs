//! What a bundle says of a training.

use super::asked::check;
use crate::bundle::settings::check_named;
use crate::bundle::{Defect, exact};
use crate::model::training::Plan;
use serde::{Deserialize, Serialize};

/// How something was trained, beside the number of steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrainingEntry {
    /// Examples of a kind in a step.
    pub(crate) batch: usize,
    /// Learning rate of the first step.
    #[serde(with = "exact")]
    pub(crate) rate: f64,
    /// `cosine`, `step:0.3:0.1`.
    pub(crate) schedule: String,
    /// What was taken from each weight, as a share of the rate.
    #[serde(with = "exact")]
    pub(crate) weight_decay: f64,
    /// Norm that gradients were cut down to.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "exact")]
    pub(crate) clip_norm: Option<f64>,
    /// Steps from one evaluation to the next.
    pub(crate) evaluate: usize,
    /// Share that was kept apart.
    #[serde(with = "exact")]
    pub(crate) watch: f64,
    /// `loss:5:0:min`; what stopped it early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stop: Option<String>,
}

impl TrainingEntry {
    /// Of a plan; `None` where it is the usual one but for its steps.
    pub(crate) fn of(plan: &Plan, usual: &Plan) -> Option<Self> {
        let Plan { batch, rate, schedule, weight_decay, clip_norm, evaluate, watch, stop, steps } = plan.clone();
        // How often it is evaluated decides nothing where it is not stopped.
        let decisive =
            |plan: &Plan| Plan { steps, evaluate: if plan.stop.is_some() { plan.evaluate } else { 1 }, ..plan.clone() };
        (decisive(plan) != decisive(usual)).then(|| Self {
            batch,
            rate,
            schedule: schedule.to_string(),
            weight_decay,
            clip_norm,
            evaluate,
            watch,
            stop: stop.map(|stop| stop.to_string()),
        })
    }

    /// Checks every field.
    pub(crate) fn check(&self) -> Result<(), Defect> {
        check_named("training.schedule", &self.schedule)?;
        self.stop.iter().try_for_each(|stop| check_named("training.stop", stop))?;
        let defect = |expected: String, found: String| Defect::Field { field: "training".to_owned(), expected, found };
        let bad = |what: &str, found: &str| defect(format!("a {what} that this version knows"), found.to_owned());
        let schedule = self.schedule.parse().map_err(|_unknown| bad("schedule", &self.schedule))?;
        let stop = self.stop.as_deref().map(|stop| stop.parse().map_err(|_unknown| bad("stop", stop))).transpose()?;
        let Self { batch, rate, weight_decay, clip_norm, evaluate, watch, .. } = *self;
        let plan = Plan { steps: 1, batch, rate, schedule, weight_decay, clip_norm, evaluate, watch, stop };
        check(&plan).map_err(|error| defect("settings within their ranges".to_owned(), error.to_string()))
    }

    /// As people read it.
    pub(crate) fn text(&self) -> String {
        let Self { batch, rate, schedule, weight_decay, clip_norm, watch, stop, .. } = self;
        let mut text = format!("rate {rate}, {schedule}, batch {batch}, weight decay {weight_decay}");
        clip_norm.iter().for_each(|norm| text += &format!(", gradients cut to {norm}"));
        if *watch > 0.0 {
            text += &format!(", {watch} of the groups watched");
        }
        stop.iter().for_each(|stop| text += &format!(", stopped by {stop}"));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::head::HeadPlan;
    use crate::model::training::Schedule;

    #[test]
    fn a_bundle_says_what_is_not_usual_and_nothing_else() {
        let usual = HeadPlan::usual_training();
        assert_eq!(TrainingEntry::of(&Plan { steps: 5, evaluate: 9, ..usual.clone() }, &usual), None);
        let other = Plan { schedule: Schedule::Constant, clip_norm: Some(0.1 + 0.2), ..usual.clone() };
        let entry = TrainingEntry::of(&other, &usual).unwrap();
        entry.check().unwrap();
        let text = serde_json::to_string(&entry).unwrap();
        assert_eq!(serde_json::from_str::<TrainingEntry>(&text).unwrap(), entry);
        let changes: [fn(&mut TrainingEntry); 4] =
            [|e| e.schedule = "x".into(), |e| e.stop = Some("x".into()), |e| e.rate = 2.0, |e| e.batch = 0];
        for change in changes {
            let mut wrong = entry.clone();
            change(&mut wrong);
            assert!(wrong.check().is_err());
        }
    }
}
