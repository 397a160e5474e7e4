//! The figures of cells for machines.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::eval::Interval;
use crate::eval::study::{Axis, CellTable, Figure, Finding, Plan, Row, Tables};
use crate::report::{ReportError, csv_text};

/// Figures that the CSV gives intervals of.
const WITH_INTERVAL: [Figure; 4] =
    [Figure::RawAuroc, Figure::CalibratedAuroc, Figure::Accuracy, Figure::FalseAlarmRate];
/// Figures whose paired difference to the baseline the CSV gives.
const WITH_DIFFERENCE: [Figure; 2] = [Figure::CalibratedAuroc, Figure::Accuracy];

/// `cells.csv`: a line per cell and group of test images (all, then each condition). Six decimals; an empty field where
/// the data leave a figure undefined.
///
/// # Errors
/// [`ReportError::Csv`] when it can't be written.
pub fn cells_csv(plan: &Plan, tables: &Tables) -> Result<String, ReportError> {
    let mut writer = csv::Writer::from_writer(vec![]);
    let mut header: Vec<String> = vec!["cell".to_owned(), "images".to_owned(), "stages".to_owned()];
    header.extend(Axis::ALL.map(|axis| axis.name().to_owned()));
    header.extend(["n_seeds", "n_rows", "n_normal", "n_anomalous"].map(str::to_owned));
    for figure in Figure::ALL {
        header.push(figure.to_string());
        if WITH_INTERVAL.contains(&figure) {
            header.extend([format!("{figure}_low"), format!("{figure}_high")]);
        }
    }
    for figure in WITH_DIFFERENCE {
        let name = format!("{figure}_minus_baseline");
        header.extend([name.clone(), format!("{name}_low"), format!("{name}_high")]);
    }
    writer.write_record(&header)?;
    for table in &tables.cells {
        for row in &table.rows {
            writer.write_record(csv_row(plan, table, row))?;
        }
    }
    let bytes = writer.into_inner().map_err(|e| ReportError::Io(e.into_error()))?;
    // Every field was UTF-8.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn csv_row(plan: &Plan, table: &CellTable, row: &Row) -> Vec<String> {
    let planned = &plan.cells[table.cell];
    let number = |value: Option<f64>| value.map_or_else(String::new, |v| format!("{v:.6}"));
    let text = |text: &str| csv_text(text).into_owned();
    let mut fields = vec![
        text(&planned.name),
        text(row.condition.as_deref().unwrap_or("all")),
        text(&stages_of(plan, table.cell).join("; ")),
    ];
    fields.extend(Axis::ALL.map(|axis| {
        let value = planned.cell.value(axis);
        if value.parse::<f64>().is_ok() { value } else { text(&value) }
    }));
    fields.push(planned.seeds.len().to_string());
    fields.push(format!("{:.1}", table.n_rows));
    fields.extend([row.n_normal.to_string(), row.n_anomalous.to_string()]);
    for figure in Figure::ALL {
        let found = row.figures.get(&figure);
        fields.push(number(found.map(|f| f.estimate)));
        if WITH_INTERVAL.contains(&figure) {
            fields.extend([number(found.map(|f| f.low)), number(found.map(|f| f.high))]);
        }
    }
    for figure in WITH_DIFFERENCE {
        let found = row.to_baseline.get(&figure);
        fields.extend([found.map(|f| f.estimate), found.map(|f| f.low), found.map(|f| f.high)].map(number));
    }
    fields
}

/// Names of the stages that ask for a cell.
fn stages_of(plan: &Plan, cell: usize) -> Vec<&str> {
    plan.stages.iter().filter(|stage| stage.cells.contains(&cell)).map(|stage| stage.name.as_str()).collect()
}

#[derive(Serialize)]
struct IntervalJson {
    estimate: f64,
    low: f64,
    high: f64,
}

impl From<&Interval> for IntervalJson {
    fn from(Interval { estimate, low, high }: &Interval) -> Self {
        Self { estimate: *estimate, low: *low, high: *high }
    }
}

#[derive(Serialize)]
struct RowJson<'a> {
    images: &'a str,
    n_normal: usize,
    n_anomalous: usize,
    figures: BTreeMap<&'static str, IntervalJson>,
    minus_baseline: BTreeMap<&'static str, IntervalJson>,
}

#[derive(Serialize)]
struct CellJson<'a> {
    cell: &'a str,
    stages: Vec<&'a str>,
    settings: BTreeMap<&'static str, String>,
    seeds: &'a [u64],
    n_rows: f64,
    rows: Vec<RowJson<'a>>,
}

impl<'a> CellJson<'a> {
    fn new(plan: &'a Plan, table: &'a CellTable) -> Self {
        let planned = &plan.cells[table.cell];
        let intervals = |found: &BTreeMap<Figure, Interval>| {
            found.iter().map(|(figure, interval)| (figure.name(), interval.into())).collect()
        };
        Self {
            cell: &planned.name,
            stages: stages_of(plan, table.cell),
            settings: Axis::ALL.iter().map(|axis| (axis.name(), planned.cell.value(*axis))).collect(),
            seeds: &planned.seeds,
            n_rows: table.n_rows,
            rows: table
                .rows
                .iter()
                .map(|row| RowJson {
                    images: row.condition.as_deref().unwrap_or("all"),
                    n_normal: row.n_normal,
                    n_anomalous: row.n_anomalous,
                    figures: intervals(&row.figures),
                    minus_baseline: intervals(&row.to_baseline),
                })
                .collect(),
        }
    }
}

/// `cells.jsonl`: one object per cell, every figure with its interval.
///
/// # Errors
/// [`ReportError::Json`] when it can't be written.
pub fn cells_jsonl(plan: &Plan, tables: &Tables) -> Result<String, ReportError> {
    let lines = tables.cells.iter().map(|table| Ok(serde_json::to_string(&CellJson::new(plan, table))? + "\n"));
    lines.collect()
}

#[derive(Serialize)]
struct FindingJson<'a> {
    name: &'a str,
    claim: &'a str,
    answer: String,
    numbers: String,
    a: Option<IntervalJson>,
    b: Option<IntervalJson>,
    difference: Option<IntervalJson>,
    n_seeds: usize,
}

impl<'a> From<&'a Finding> for FindingJson<'a> {
    fn from(finding: &'a Finding) -> Self {
        let interval = |found: &Option<Interval>| found.as_ref().map(IntervalJson::from);
        Self {
            name: &finding.name,
            claim: &finding.claim,
            answer: finding.answer.to_string(),
            numbers: finding.numbers(),
            a: interval(&finding.a),
            b: interval(&finding.b),
            difference: interval(&finding.difference),
            n_seeds: finding.n_seeds,
        }
    }
}

/// The whole study as one JSON object.
#[derive(Serialize)]
pub struct StudyJson<'a> {
    title: &'a str,
    n_cells: usize,
    n_runs: usize,
    cells: Vec<CellJson<'a>>,
    hypotheses: Vec<FindingJson<'a>>,
}

impl<'a> StudyJson<'a> {
    /// The JSON view of a study.
    #[must_use]
    pub fn new(plan: &'a Plan, tables: &'a Tables) -> Self {
        Self {
            title: &plan.title,
            n_cells: plan.cells.len(),
            n_runs: plan.n_runs(),
            cells: tables.cells.iter().map(|table| CellJson::new(plan, table)).collect(),
            hypotheses: tables.findings.iter().map(FindingJson::from).collect(),
        }
    }
}
