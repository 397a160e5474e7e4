//! The plan of a study as a TOML file.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use crate::condition::{ConditionError, ConditionRule};
use crate::eval::study::{Axis, Direction, Draft, DraftHypothesis, DraftStage, Plan, StudyError};
use crate::train::TrainError;

/// The plan for gearbox health data maps: the gearbox laboratory's questions, from the resizing up to the gate.
pub const HDMAP_PLAN: &str = include_str!("hdmap.toml");

/// Most bytes of a plan: 1 MiB.
pub const MAX_PLAN_BYTES: u64 = 1 << 20;

/// Why a text is no plan.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// It is no TOML, or has fields that a plan does not have.
    #[error("the plan can't be read: {}", .0.to_string().trim_end())]
    Toml(#[from] toml::de::Error),
    /// It asks for what there is not.
    #[error(transparent)]
    Study(#[from] StudyError),
    /// Its rule for conditions is none.
    #[error("conditions: {0}")]
    Conditions(#[from] ConditionError),
    /// Its share for calibration is none.
    #[error("holdout: {0}")]
    Holdout(#[from] TrainError),
}

/// Reads and resolves a plan. `conditions` takes the place of the plan's rule.
///
/// # Errors
/// [`PlanError`], naming the field.
pub fn plan_from_toml(text: &str, conditions: Option<ConditionRule>) -> Result<Plan, PlanError> {
    let file: PlanFile = toml::from_str(text)?;
    let changes = |table: BTreeMap<String, Value>| -> Result<Vec<(Axis, String)>, StudyError> {
        table.into_iter().map(|(axis, value)| Ok((axis.parse()?, value.text()))).collect()
    };
    let mut stages = vec![];
    for stage in file.stage {
        let vary = stage
            .vary
            .into_iter()
            .map(|(axis, values)| Ok((axis.parse()?, values.into_iter().map(Value::text).collect())));
        let mut vary: Vec<(Axis, Vec<String>)> = vary.collect::<Result<_, StudyError>>()?;
        vary.sort_by_key(|(axis, _)| *axis);
        stages.push(DraftStage {
            name: stage.name,
            about: stage.about,
            seeds: stage.seeds,
            fixed: changes(stage.fixed)?,
            vary,
        });
    }
    let mut hypotheses = vec![];
    for hypothesis in file.hypothesis {
        hypotheses.push(DraftHypothesis {
            name: hypothesis.name,
            claim: hypothesis.claim,
            a: changes(hypothesis.a)?,
            b: changes(hypothesis.b)?,
            figure: hypothesis.figure.parse()?,
            figure_b: hypothesis.figure_b.map(|figure| figure.parse()).transpose()?,
            condition: hypothesis.condition,
            direction: match hypothesis.direction {
                DirectionFile::Greater => Direction::Greater,
                DirectionFile::Less => Direction::Less,
                DirectionFile::Same => Direction::Same,
            },
            margin: hypothesis.margin,
        });
    }
    Ok(Plan::new(Draft {
        title: file.title,
        alpha: file.alpha,
        holdout: file.holdout.parse()?,
        conditions: match conditions {
            Some(rule) => rule,
            None => file.conditions.parse()?,
        },
        resamples: file.resamples,
        seeds: file.seeds,
        baseline: changes(file.baseline)?,
        stages,
        hypotheses,
    })?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    title: String,
    alpha: f64,
    #[serde(default = "auto")]
    holdout: String,
    conditions: String,
    #[serde(default = "thousand")]
    resamples: usize,
    seeds: Vec<u64>,
    #[serde(default)]
    baseline: BTreeMap<String, Value>,
    #[serde(default)]
    stage: Vec<StageFile>,
    #[serde(default)]
    hypothesis: Vec<HypothesisFile>,
}

fn auto() -> String {
    "auto".to_owned()
}

fn thousand() -> usize {
    1000
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StageFile {
    name: String,
    #[serde(default)]
    about: String,
    #[serde(default)]
    seeds: Vec<u64>,
    #[serde(default)]
    fixed: BTreeMap<String, Value>,
    #[serde(default)]
    vary: BTreeMap<String, Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HypothesisFile {
    name: String,
    claim: String,
    #[serde(default)]
    a: BTreeMap<String, Value>,
    #[serde(default)]
    b: BTreeMap<String, Value>,
    figure: String,
    figure_b: Option<String>,
    condition: Option<String>,
    direction: DirectionFile,
    #[serde(default)]
    margin: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum DirectionFile {
    Greater,
    Less,
    Same,
}

/// Numbers may be written without quotes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    Whole(i64),
    Real(f64),
    Text(String),
}

impl Value {
    fn text(self) -> String {
        match self {
            Self::Whole(number) => number.to_string(),
            // With its point, so that a share of 1.0 is no count.
            Self::Real(number) => format!("{number:?}"),
            Self::Text(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_plan_is_a_study_of_at_least_60_cells() {
        let plan = plan_from_toml(HDMAP_PLAN, None).unwrap();
        assert!(plan.cells.len() >= 60, "{} cells", plan.cells.len());
        assert!(plan.hypotheses.len() >= 8);
        for hypothesis in &plan.hypotheses {
            let shared = plan.cells[hypothesis.a].seeds.iter().filter(|s| plan.cells[hypothesis.b].seeds.contains(s));
            assert!(shared.count() >= 5, "{}", hypothesis.draft.name);
        }
        let names: std::collections::BTreeSet<&str> = plan.cells.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names.len(), plan.cells.len());
    }

    const SMALL: &str = "title = 'x'\nalpha = 0.05\nconditions = 'p90'\nseeds = [1, 0]\n";

    fn refused(more: &str) -> String {
        plan_from_toml(&format!("{SMALL}{more}"), None).unwrap_err().to_string()
    }

    #[test]
    fn unknown_fields_axes_and_values_are_refused_by_name() {
        assert!(plan_from_toml(SMALL, None).is_ok());
        assert!(refused("colour = 3").contains("colour"));
        assert!(refused("[[stage]]\nname = 'a'\nvaries = 3").contains("varies"));
        assert!(refused("[[stage]]\nname = 'a'\nvary.colour = ['red']").contains("colour"));
        assert!(refused("[[stage]]\nname = 'a'\nvary.policy = ['hard']").contains("hard"));
        assert!(refused("[[stage]]\nname = 'a'\nvary.policy = []").contains("policy has no values"));
        let claim = "[[hypothesis]]\nname = 'h'\nclaim = 'c'\nfigure = 'accuracy'\ndirection = 'greater'\n";
        assert!(refused(&format!("{claim}a.policy = 'gated'")).contains("no stage runs its cell a: policy=gated"));
        assert!(refused(&claim.replace("accuracy", "beauty")).contains("beauty"));
        assert!(refused(&claim.replace("greater", "better")).contains("better"));
        assert!(plan_from_toml(&SMALL.replace("0.05", "1.5"), None).unwrap_err().to_string().contains("alpha"));
        assert!(plan_from_toml(&SMALL.replace("[1, 0]", "[]"), None).unwrap_err().to_string().contains("seeds"));
    }

    #[test]
    fn cells_that_stages_share_are_run_once_with_the_seeds_of_all() {
        let plan = plan_from_toml(
            &format!(
                "{SMALL}[[stage]]\nname = 'a'\nvary.policy = ['mixed', 'gated']\nvary.shots = ['all', 4]\n\
[[stage]]\nname = 'b'\nseeds = [7]\nfixed.policy = 'gated'\nvary.coreset = [0.01, 0.1]"
            ),
            None,
        )
        .unwrap();
        let names: Vec<(&str, &[u64])> = plan.cells.iter().map(|c| (c.name.as_str(), c.seeds.as_slice())).collect();
        assert_eq!(
            names,
            [
                ("baseline", [0, 1, 7].as_slice()),
                ("policy=gated", &[0, 1, 7]),
                ("shots=4", &[0, 1]),
                ("shots=4 policy=gated", &[0, 1]),
                ("coreset=0.1 policy=gated", &[7]),
            ]
        );
        assert_eq!(
            (plan.stages[0].cells.as_slice(), plan.stages[1].cells.as_slice()),
            ([0, 1, 2, 3].as_slice(), [0, 1, 4].as_slice())
        );
        assert_eq!(plan.n_runs(), 11);
    }
}
