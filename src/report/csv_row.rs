//! A row of `results.csv`.

use super::{ResultRow, csv_text};
use crate::score::Verdict;
use serde::Serialize;
use std::borrow::Cow;

/// What `results.csv` says of an image: texts that a spreadsheet runs nothing of, and of its regions the first.
#[derive(Serialize)]
pub(super) struct CsvRow<'a> {
    path: Cow<'a, str>,
    raw_score: Option<f32>,
    score: Option<f32>,
    threshold: Option<f32>,
    verdict: Option<&'static str>,
    condition: Option<Cow<'a, str>>,
    gate_confidence: Option<f32>,
    unknown_condition: Option<bool>,
    ms: Option<f64>,
    error: Option<Cow<'a, str>>,
    overlay: Option<Cow<'a, str>>,
    picture_error: Option<Cow<'a, str>>,
    n_regions: Option<usize>,
    region_left: Option<usize>,
    region_top: Option<usize>,
    region_width: Option<usize>,
    region_height: Option<usize>,
    region_area: Option<f64>,
    region_peak: Option<f32>,
    p_value: Option<f64>,
}

impl<'a> CsvRow<'a> {
    pub(super) fn of(row: &'a ResultRow) -> Self {
        let text = |text: &'a Option<String>| text.as_deref().map(csv_text);
        let first = row.regions.as_ref().and_then(|regions| regions.first());
        Self {
            path: csv_text(&row.path),
            raw_score: row.raw_score,
            score: row.score,
            threshold: row.threshold,
            verdict: row.verdict.map(Verdict::as_str),
            condition: text(&row.condition),
            gate_confidence: row.gate_confidence,
            unknown_condition: row.unknown_condition,
            ms: row.ms,
            error: text(&row.error),
            overlay: text(&row.overlay),
            picture_error: text(&row.picture_error),
            n_regions: row.regions.as_ref().map(Vec::len),
            region_left: first.map(|region| region.left),
            region_top: first.map(|region| region.top),
            region_width: first.map(|region| region.width),
            region_height: first.map(|region| region.height),
            region_area: first.map(|region| region.area),
            region_peak: first.map(|region| region.peak),
            p_value: row.p_value,
        }
    }
}

/// Its columns.
pub(super) const COLUMNS: [&str; 20] = [
    "path",
    "raw_score",
    "score",
    "threshold",
    "verdict",
    "condition",
    "gate_confidence",
    "unknown_condition",
    "ms",
    "error",
    "overlay",
    "picture_error",
    "n_regions",
    "region_left",
    "region_top",
    "region_width",
    "region_height",
    "region_area",
    "region_peak",
    "p_value",
];
