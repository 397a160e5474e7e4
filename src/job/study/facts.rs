//! What one needs to know to repeat a study.

use crate::condition::ConditionRule;
use crate::eval::study::{Plan, StudyData};
use crate::model::OpenDevice;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is to be done, in a sentence.
pub(super) fn work(plan: &Plan, data: &StudyData, device: &OpenDevice) -> String {
    let n_truths = data.test.iter().filter(|t| t.condition.is_some()).count();
    format!(
        "{} cells, {} runs on {} training and {} test images ({n_truths} of known condition), device {}",
        plan.cells.len(),
        plan.n_runs(),
        data.train.len(),
        data.test.len(),
        device.description()
    )
}

/// Nothing that changes from run to run.
pub(super) fn of(plan: &Plan, data: &StudyData, device: &OpenDevice, known: &ConditionRule) -> Vec<(String, String)> {
    let name = |rule: &ConditionRule| match rule {
        ConditionRule::Table(path) => PathBuf::from(path.file_name().unwrap_or_default()).display().to_string(),
        other => other.to_string(),
    };
    let fact = |name: &str, value: String| (name.to_owned(), value);
    vec![
        fact("pcore", env!("CARGO_PKG_VERSION").to_owned()),
        fact("baseline", plan.cells[0].cell.to_string()),
        fact("training images", data.train.len().to_string()),
        fact("test images", data.test.len().to_string()),
        fact("data", format!("sha256 {}", data.fingerprint)),
        fact("conditions of training images", name(&plan.conditions)),
        fact("known conditions of test images", name(known)),
        fact("bootstrap resamples", plan.resamples.to_string()),
        fact("device", device.description().to_owned()),
    ]
}

/// `run.json`.
pub(super) fn run(facts: &[(String, String)], plan: &Plan, n_computed: usize, seconds: f64) -> serde_json::Value {
    let facts: BTreeMap<&str, &str> = facts.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    serde_json::json!({
        "command": "study", "facts": facts, "cells": plan.cells.len(), "runs": plan.n_runs(),
        "runs_computed": n_computed, "seconds": seconds,
    })
}
