//! The study as one self-contained HTML page.

use askama::Template;

use crate::eval::Interval;
use crate::eval::study::{Answer, CellTable, Figure, Finding, Plan, Row, Stage, Tables};
use crate::report::chart::{NamedInterval, Scene, interval_chart};
use crate::report::number::percent;
use crate::report::template::rendered;

/// Most cells that one chart shows.
const MAX_IN_CHART: usize = 40;

/// The page as text; write it to `study.html`. `facts`: what one needs to know to repeat the study, name and value, nothing
/// that changes from run to run.
#[must_use]
pub fn study_page(plan: &Plan, tables: &Tables, facts: &[(String, String)]) -> String {
    let n_test =
        tables.cells.first().and_then(|cell| cell.rows.first()).map_or(0, |row| row.n_normal + row.n_anomalous);
    let subtitle = format!(
        "{} configurations, {} runs, {n_test} test images; thresholds from normal training images at {} false alarms",
        plan.cells.len(),
        plan.n_runs(),
        percent(Some(plan.alpha))
    );
    rendered(&Page {
        title: &plan.title,
        subtitle,
        findings: &tables.findings,
        stages: plan.stages.iter().map(|stage| Section::of(plan, tables, stage)).collect(),
        facts_heading: "About this study",
        facts,
    })
}

#[derive(Template)]
#[template(path = "study/study.html")]
struct Page<'a> {
    title: &'a str,
    subtitle: String,
    findings: &'a [Finding],
    stages: Vec<Section<'a>>,
    facts_heading: &'static str,
    facts: &'a [(String, String)],
}

/// One stage.
struct Section<'a> {
    name: &'a str,
    about: &'a str,
    chart: Option<Scene>,
    /// The rows of its configurations, each with the name of its own.
    rows: Vec<(&'a str, &'a Row)>,
}

impl<'a> Section<'a> {
    fn of(plan: &'a Plan, tables: &'a Tables, stage: &'a Stage) -> Self {
        let cells: Vec<&CellTable> =
            stage.cells.iter().filter_map(|cell| tables.cells.iter().find(|table| table.cell == *cell)).collect();
        let name = |table: &CellTable| plan.cells[table.cell].name.as_str();
        let figures: Vec<NamedInterval> = cells
            .iter()
            .filter_map(|table| {
                let found = table.rows.first()?.figures.get(&Figure::CalibratedAuroc)?;
                Some(NamedInterval {
                    name: name(table).to_owned(),
                    low: found.low,
                    estimate: found.estimate,
                    high: found.high,
                    highlighted: table.cell == 0,
                })
            })
            .take(MAX_IN_CHART)
            .collect();
        let rows = cells.iter().flat_map(|table| table.rows.iter().map(|row| (name(table), row)));
        Self {
            name: &stage.name,
            about: &stage.about,
            chart: interval_chart(&figures, "calibrated image AUROC"),
            rows: rows.collect(),
        }
    }
}

/// The style class of an answer.
fn class_of(answer: &Answer) -> &'static str {
    match answer {
        Answer::Supported => "normal",
        Answer::Refuted => "anomalous",
        Answer::Undecided | Answer::NotMeasured => "failed",
    }
}

type Column = (&'static str, fn(&Row) -> String);

const COLUMNS: [Column; 9] = [
    ("AUROC, raw", |row| with_interval(row.figures.get(&Figure::RawAuroc))),
    ("AUROC, calibrated", |row| with_interval(row.figures.get(&Figure::CalibratedAuroc))),
    ("Difference to the baseline", |row| difference(row.to_baseline.get(&Figure::CalibratedAuroc))),
    ("Accuracy", |row| share(row, Figure::Accuracy)),
    ("F1", |row| share(row, Figure::F1)),
    ("False alarms", |row| share(row, Figure::FalseAlarmRate)),
    ("Gate right", |row| share(row, Figure::GateAccuracy)),
    ("Crossed", |row| share(row, Figure::CrossCondition)),
    ("Test-optimal accuracy", |row| share(row, Figure::TestOptimalAccuracy)),
];

fn with_interval(found: Option<&Interval>) -> String {
    found.map_or_else(|| "-".to_owned(), |f| format!("{:.3} [{:.3}, {:.3}]", f.estimate, f.low, f.high))
}

fn difference(found: Option<&Interval>) -> String {
    found.map_or_else(|| "-".to_owned(), |f| format!("{:+.3} [{:+.3}, {:+.3}]", f.estimate, f.low, f.high))
}

fn share(row: &Row, figure: Figure) -> String {
    percent(row.figures.get(&figure).map(|f| f.estimate)).replace(' ', "\u{a0}")
}
