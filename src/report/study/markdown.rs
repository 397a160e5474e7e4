//! The study as Markdown, for documents.

use crate::eval::Interval;
use crate::eval::study::{Figure, Plan, Row, Tables};

/// Verdicts, then a table per stage: `study.md`.
#[must_use]
pub fn study_markdown(plan: &Plan, tables: &Tables) -> String {
    let mut text = format!("# {}\n", inline(&plan.title));
    if !tables.findings.is_empty() {
        text += "\n| hypothesis | answer | numbers |\n|---|---|---|\n";
    }
    for finding in &tables.findings {
        text += &format!("| {} | **{}** | {} |\n", cell(&finding.claim), finding.answer, cell(&finding.numbers()));
    }
    for stage in &plan.stages {
        text += &format!("\n## {}\n\n{}\n\n", inline(&stage.name), inline(&stage.about));
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

/// Text that stays in its cell and means nothing but itself.
fn cell(text: &str) -> String {
    inline(text).replace('|', "\\|")
}

/// Text of one line without formatting, links or HTML. An `_` between letters or digits is none of these.
fn inline(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let is_inside = before.is_alphanumeric() && characters.peek().is_some_and(|next| next.is_alphanumeric());
        match character {
            '\n' | '\r' => escaped.push(' '),
            '_' if is_inside => escaped.push('_'),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '~' | '!' => escaped.extend(['\\', character]),
            other if other.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
        before = character;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_means_only_itself() {
        let cases = [
            ("pcore_tiny layer1,layer2", "pcore_tiny layer1,layer2"),
            ("a|b\nc", "a\\|b c"),
            ("<script>&lt;", "\\<script\\>\\&lt;"),
            ("[x](y) ![z](w)", "\\[x\\](y) \\!\\[z\\](w)"),
            ("**a** _b_ `c` ~d~", "\\*\\*a\\*\\* \\_b\\_ \\`c\\` \\~d\\~"),
            ("a\\|b", "a\\\\\\|b"),
            ("\u{1b}[0m", "\u{fffd}\\[0m"),
        ];
        for (text, expected) in cases {
            assert_eq!(cell(text), expected);
        }
    }
}
