//! An evaluation as text for a terminal.

use super::number::{figure, percent};
use crate::eval::{Evaluation, Metrics};

/// Longest name of a condition or defect before it is cut.
const MAX_NAME: usize = 28;

/// Two aligned tables, one row for all images, then one per condition and per
/// defect: how well scores rank, and how good the decisions are.
///
/// Plain text without colour, ending in a newline. A dash marks a figure that
/// the data leave undefined.
#[must_use]
pub fn evaluation_table(evaluation: &Evaluation) -> String {
    let mut rows = vec![("all images".to_owned(), &evaluation.overall)];
    let conditions = evaluation.per_condition.iter().map(|(name, metrics)| (format!("  {name}"), metrics));
    rows.extend(conditions);
    let defects = evaluation.per_defect.iter().map(|(name, metrics)| (format!("  {name}"), metrics));
    let first_defect = rows.len();
    rows.extend(defects);

    let mut ranking: Vec<Column> = vec![
        ("normal", |m| m.n_normal.to_string()),
        ("anomalous", |m| m.n_anomalous.to_string()),
        ("AUROC", |m| figure(m.image_auroc)),
        ("calibrated", |m| figure(m.calibrated_image_auroc)),
        ("AP", |m| figure(m.image_ap)),
        ("F1-max", |m| figure(m.image_f1_max)),
    ];
    if evaluation.has_masks {
        ranking.push(("pixel AUROC", |m| figure(m.pixel_auroc)));
        ranking.push(("AUPRO", |m| figure(m.aupro)));
    }
    let decisions: Vec<Column> = vec![
        ("accuracy", |m| percent(m.accuracy)),
        ("precision", |m| percent(m.precision)),
        ("recall", |m| percent(m.recall)),
        ("false alarms", |m| percent(m.false_alarm_rate)),
    ];
    let mut text = block("ranking by score", &ranking, &rows, first_defect);
    if let Some(masks) = evaluation.masks.as_ref().filter(|masks| masks.is_partial()) {
        text += &format!(
            "pixel AUROC and AUPRO: {} of {} anomalous images, those with a mask\n",
            masks.n_with_mask, masks.n_anomalous
        );
    }
    text.push('\n');
    text += &block("at the threshold", &decisions, &rows, first_defect);
    text
}

type Column = (&'static str, fn(&Metrics) -> String);

fn block(title: &str, columns: &[Column], rows: &[(String, &Metrics)], first_defect: usize) -> String {
    let mut lines: Vec<Vec<String>> = Vec::new();
    let heads = columns.iter().map(|(head, _)| (*head).to_owned());
    lines.push(std::iter::once(title.to_owned()).chain(heads).collect());
    for (index, (name, metrics)) in rows.iter().enumerate() {
        let heading = match index {
            0 => None,
            _ if index == first_defect => Some("by defect, against all normal images"),
            1 => Some("by condition"),
            _ => None,
        };
        if let Some(heading) = heading {
            lines.push(vec![heading.to_owned()]);
        }
        let cells = columns.iter().map(|(_, cell)| cell(metrics));
        lines.push(std::iter::once(cut(name)).chain(cells).collect());
    }
    let full_lines = || lines.iter().filter(|line| line.len() > 1);
    let width = |column: usize| full_lines().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..=columns.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let mut row = format!("{:<1$}", line[0], widths[0]);
        for (cell, width) in line.iter().zip(&widths).skip(1) {
            row += &format!("  {cell:>width$}");
        }
        text += row.trim_end();
        text.push('\n');
    }
    text
}

/// Keeps control characters out of the terminal and long names off the columns.
fn cut(name: &str) -> String {
    let shown: Vec<char> = name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if shown.len() <= MAX_NAME {
        return shown.into_iter().collect();
    }
    shown.into_iter().take(MAX_NAME - 1).chain(['\u{2026}']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(auroc: f64) -> Metrics {
        Metrics {
            image_auroc: Some(auroc),
            accuracy: Some(0.975),
            n_normal: 1000,
            n_anomalous: 7,
            ..Metrics::default()
        }
    }

    fn evaluation() -> Evaluation {
        let mut evaluation = Evaluation { overall: metrics(0.9512), ..Evaluation::default() };
        evaluation.per_condition.insert("cold".to_owned(), metrics(0.9));
        evaluation.per_defect.insert("a defect type with a very long name".to_owned(), metrics(1.0));
        evaluation
    }

    #[test]
    fn columns_are_aligned_and_undefined_figures_a_dash() {
        let expected = "\
ranking by score              normal  anomalous   AUROC  calibrated  AP  F1-max
all images                      1000          7  0.9512           -   -       -
by condition
  cold                          1000          7  0.9000           -   -       -
by defect, against all normal images
  a defect type with a very…    1000          7  1.0000           -   -       -
";
        let text = evaluation_table(&evaluation());
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("\nall images                      97.5 %"), "{text}");
    }

    #[test]
    fn pixel_columns_appear_with_masks_only() {
        let mut evaluation = evaluation();
        assert!(!evaluation_table(&evaluation).contains("AUPRO"));
        evaluation.has_masks = true;
        assert!(evaluation_table(&evaluation).contains("pixel AUROC  AUPRO"));
        let mut masks = crate::eval::MaskCount::default();
        masks.add(Some(&[true]));
        evaluation.masks = Some(masks.clone());
        assert!(!evaluation_table(&evaluation).contains("with a mask"));
        masks.add(None);
        evaluation.masks = Some(masks);
        assert!(evaluation_table(&evaluation).contains("1 of 2 anomalous images, those with a mask"));
    }

    #[test]
    fn headings_appear_only_above_rows() {
        let bare = Evaluation { overall: metrics(0.5), ..Evaluation::default() };
        let text = evaluation_table(&bare);
        assert!(!text.contains("by condition") && !text.contains("by defect"), "{text}");
        let mut defects = evaluation();
        defects.per_condition.clear();
        let text = evaluation_table(&defects);
        assert!(!text.contains("by condition") && text.contains("by defect"));
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let mut evaluation = evaluation();
        evaluation.per_condition.insert("\u{1b}[31mred\n".to_owned(), metrics(0.5));
        let text = evaluation_table(&evaluation);
        assert!(!text.contains('\u{1b}'));
    }
}
