//! What runs and fits say, as events of TensorBoard.

use super::EventFile;
use crate::bundle::Contents;
use crate::detect::Registry;
use crate::report::ResultRow;
use crate::score::Verdict;
use humantime::parse_rfc3339_weak;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::UNIX_EPOCH;

/// The name of an event file of a run that began then.
#[must_use]
pub fn events_name(wall_time: f64) -> String {
    format!("events.out.tfevents.{:010}.pcore", wall_time.max(0.0) as u64)
}

/// A time as [`EventFile::new`] takes it; 0 where there is none.
pub(crate) fn wall_time(utc: &str) -> f64 {
    parse_rfc3339_weak(utc)
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .map_or(0.0, |since| since.as_secs_f64())
}

/// Rows of results: the score, threshold and time of each image, its number as the step; how scores are distributed, by label
/// where there are labels.
pub fn result_events(file: &mut EventFile, rows: &[ResultRow]) {
    let mut by_label: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (step, row) in (0..).zip(rows) {
        let mut tell = |tag: &str, value: Option<f64>| {
            if let Some(value) = value.filter(|value| value.is_finite()) {
                file.scalar(step, tag, value);
            }
        };
        tell("images/score", row.score.map(f64::from));
        tell("images/raw_score", row.raw_score.map(f64::from));
        tell("images/threshold", row.threshold.map(f64::from));
        tell("images/p_value", row.p_value);
        tell("images/ms", row.ms);
        if let Some(score) = row.score {
            by_label.entry(row.label.as_deref().unwrap_or("all")).or_default().push(f64::from(score));
        }
    }
    for (label, scores) in by_label {
        file.histogram(0, &format!("scores/{label}"), &scores);
    }
    let count = |is: fn(&ResultRow) -> bool| rows.iter().filter(|row| is(row)).count() as f64;
    file.scalar(0, "images/n_anomalous", count(|row| row.verdict == Some(Verdict::Anomalous)));
    file.scalar(0, "images/n_normal", count(|row| row.verdict == Some(Verdict::Normal)));
    file.scalar(0, "images/n_failed", count(|row| row.error.is_some()));
}

/// The figures of an evaluation, as `evaluation.json` has them; those that are not defined are left out.
pub fn figure_events(file: &mut EventFile, figures: &Value) {
    let Some(figures) = figures.as_object() else { return };
    tell_figures(file, "figures", figures);
    for (group, what) in [("per_condition", "condition"), ("per_defect", "defect")] {
        for (name, figures) in figures.get(group).and_then(Value::as_object).into_iter().flatten() {
            if let Some(figures) = figures.as_object() {
                tell_figures(file, &format!("{what}/{name}"), figures);
            }
        }
    }
    if let Some(mean) = figures.get("mean_of_conditions").and_then(Value::as_object) {
        tell_figures(file, "mean_of_conditions", mean);
    }
}

fn tell_figures(file: &mut EventFile, what: &str, figures: &Map<String, Value>) {
    for (name, value) in figures {
        if let Some(value) = value.as_f64() {
            file.scalar(0, &format!("{what}/{name}"), value);
        }
    }
}

/// A fit: thresholds and held-out scores of all images and of each condition, how large the detector is, suspects.
pub fn bundle_events(file: &mut EventFile, contents: &Contents) {
    let manifest = &contents.manifest;
    let calibration = &manifest.calibration;
    let mut scalar = |tag: &str, value: Option<f64>| {
        if let Some(value) = value {
            file.scalar(0, tag, value);
        }
    };
    scalar("fit/n_images", Some(manifest.sources.len() as f64));
    let sizes = contents.tensors.names().filter_map(|name| contents.tensors.get(name));
    scalar("fit/detector_values", Some(sizes.map(|values| values.len() as f64).sum()));
    scalar("fit/pixel_threshold", manifest.pixel_threshold.map(f64::from));
    let suspects = manifest.suspects.clone().unwrap_or_default();
    scalar("fit/n_suspects_kept", Some(suspects.kept.len() as f64));
    scalar("fit/n_suspects_dropped", Some(suspects.dropped.len() as f64));
    let named = calibration.per_condition.iter().map(|(name, entry)| (format!("condition/{name}"), entry));
    for (what, entry) in std::iter::once(("fit".to_owned(), &calibration.global)).chain(named) {
        scalar(&format!("{what}/threshold"), entry.threshold.map(f64::from));
        scalar(&format!("{what}/n_held_out"), Some(entry.n as f64));
        scalar(&format!("{what}/alpha"), Some(entry.alpha));
        scalar(&format!("{what}/smallest_alpha"), Some(entry.smallest_alpha));
    }
    let scores = contents.scores_under(0);
    let all: Vec<f64> = scores.iter().copied().map(f64::from).collect();
    file.histogram(0, "fit/held_out_scores", &all);
    for (at, condition) in manifest.conditions.iter().enumerate().filter(|_| manifest.conditions.len() > 1) {
        let own = scores.iter().zip(&contents.score_condition).filter(|(_, of)| **of as usize == at);
        let own: Vec<f64> = own.map(|(score, _)| f64::from(*score)).collect();
        file.histogram(0, &format!("condition/{}/held_out_scores", condition.name), &own);
    }
    let mut about = String::from("| | |\n|---|---|\n");
    for (name, value) in Registry::built_in().facts(&manifest.detector, manifest) {
        about += &row(&name, &value);
    }
    for (what, all) in [("suspect", &suspects.kept), ("dropped", &suspects.dropped)] {
        for suspect in all {
            about += &row(what, &format!("{}: score {}", suspect.name, suspect.score));
        }
    }
    file.text(0, "fit/about", &about);
}

/// A row of a table in Markdown.
fn row(name: &str, value: &str) -> String {
    let mut line = String::from("|");
    for cell in [name, value] {
        // Neither ends the cell nor becomes a tag.
        let text = cell.replace('|', "\\|").replace('<', "&lt;").replace(['\n', '\r'], " ");
        let _ = write!(line, " {text} |");
    }
    line + "\n"
}
