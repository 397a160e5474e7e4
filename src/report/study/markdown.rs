//! The study as Markdown, for documents.

use crate::eval::Interval;
use crate::eval::study::{Figure, Plan, Row, Tables};

/// Verdicts, then a table per stage: `study.md`.
#[must_use]
pub fn study_markdown(plan: &Plan, tables: &Tables) -> String {
    let mut text = format!("# {}\n", plan.title);
    if !tables.findings.is_empty() {
        text += "\n| hypothesis | answer | numbers |\n|---|---|---|\n";
    }
    for finding in &tables.findings {
        text += &format!("| {} | **{}** | {} |\n", cell(&finding.claim), finding.answer, cell(&finding.numbers()));
    }
    for stage in &plan.stages {
        text += &format!("\n## {}\n\n{}\n\n", stage.name, stage.about);
        text += "| configuration | images | AUROC raw | AUROC calibrated | difference to baseline | accuracy | F1 | false alarms | gate right | crossed | test-optimal accuracy |\n";
        text += "|---|---|---|---|---|---|---|---|---|---|---|\n";
        for table in stage.cells.iter().filter_map(|index| tables.cells.iter().find(|table| table.cell == *index)) {
            for row in &table.rows {
                text += &line(&plan.cells[table.cell].name, row);
            }
        }
    }
    text
}

fn line(name: &str, row: &Row) -> String {
    let images = row.condition.as_deref().unwrap_or("all");
    let area = |figure: Figure| {
        let found = row.figures.get(&figure);
        found.map_or_else(|| "-".to_owned(), |f| format!("{:.3} [{:.3}, {:.3}]", f.estimate, f.low, f.high))
    };
    let difference = row.to_baseline.get(&Figure::CalibratedAuroc).map_or_else(
        || "-".to_owned(),
        |Interval { estimate, low, high }| format!("{estimate:+.3} [{low:+.3}, {high:+.3}]"),
    );
    let share = |figure: Figure| {
        row.figures.get(&figure).map_or_else(|| "-".to_owned(), |f| format!("{:.1} %", f.estimate * 100.0))
    };
    format!(
        "| {} | {} | {} | {} | {difference} | {} | {} | {} | {} | {} | {} |\n",
        cell(name),
        cell(images),
        area(Figure::RawAuroc),
        area(Figure::CalibratedAuroc),
        share(Figure::Accuracy),
        share(Figure::F1),
        share(Figure::FalseAlarmRate),
        share(Figure::GateAccuracy),
        share(Figure::CrossCondition),
        share(Figure::TestOptimalAccuracy)
    )
}

/// Text that stays in its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}
