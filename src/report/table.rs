//! An evaluation as text for a terminal.

use super::number::{figure, percent};
use crate::eval::{AtAlpha, Evaluation, GateAnswers, Metrics};

/// Longest name of a condition or defect before it is cut.
const MAX_NAME: usize = 28;

/// Two aligned tables, one row for all images, then one per condition (and
/// their mean) and per defect: how well scores rank, and how good the decisions
/// are. Then what the gate told of each condition's images, where that is known.
///
/// Plain text without colour, ending in a newline. A dash marks a figure that
/// the data leave undefined.
#[must_use]
pub fn evaluation_table(evaluation: &Evaluation) -> String {
    let mut rows = vec![("all images".to_owned(), &evaluation.overall)];
    let conditions = evaluation.per_condition.iter().map(|(name, metrics)| (format!("  {name}"), metrics));
    rows.extend(conditions);
    rows.extend(evaluation.mean_of_conditions.iter().map(|metrics| ("  mean, unweighted".to_owned(), metrics)));
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
    text += &at_alpha_block(evaluation);
    if let Some(gate) = &evaluation.gate {
        text.push('\n');
        text += &gate_block(gate);
    }
    text
}

/// Decisions at other rates, and the threshold that these very images would choose.
fn at_alpha_block(evaluation: &Evaluation) -> String {
    let mut text = String::new();
    if !evaluation.at_alpha.is_empty() {
        let heads = ["recall", "false alarms", "not in reach"].map(str::to_owned);
        let mut lines = vec![std::iter::once("at false-alarm rates asked for".to_owned()).chain(heads).collect()];
        for AtAlpha { alpha, recall, false_alarm_rate, n_out_of_reach } in &evaluation.at_alpha {
            let name = format!("  {}", percent(Some(*alpha)));
            lines.push(vec![name, percent(*recall), percent(*false_alarm_rate), n_out_of_reach.to_string()]);
        }
        text = format!("\n{}", aligned(&lines, 3));
    }
    let Metrics { image_f1_max, image_f1_max_threshold, .. } = evaluation.overall;
    if let (Some(f1), Some(threshold)) = (image_f1_max, image_f1_max_threshold) {
        text += &format!(
            "F1-max {f1:.4} calls raw scores from {threshold} anomalous: chosen on these very images, an upper bound\n"
        );
    }
    text
}

/// True conditions by what was told. Columns have numbers, those of the rows, so that many fit into a terminal.
fn gate_block(gate: &GateAnswers) -> String {
    let names = gate.conditions();
    let n_digits = names.len().to_string().len();
    let title = format!("condition told by the gate: {} of {} right", gate.n_right(), gate.n_images());
    let numbers = (1..=names.len()).map(|number| number.to_string());
    let others = ["abstained", "unknown"].map(str::to_owned);
    let mut lines: Vec<Vec<String>> = vec![std::iter::once(title).chain(numbers).chain(others).collect()];
    for (index, truth) in names.iter().enumerate() {
        let Some(counts) = gate.by_truth.get(*truth) else {
            lines.push(vec![format!("  {:>n_digits$} {} (no images)", index + 1, cut(truth))]);
            continue;
        };
        let told = names.iter().map(|name| counts.n_told(name)).chain([counts.n_abstained, counts.n_unknown]);
        let name = format!("  {:>n_digits$} {}", index + 1, cut(truth));
        lines.push(std::iter::once(name).chain(told.map(|n| n.to_string())).collect());
    }
    aligned(&lines, names.len() + 2)
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
    aligned(&lines, columns.len())
}

/// The first cell of each line to the left, the others to the right; a line of one cell is a heading.
fn aligned(lines: &[Vec<String>], n_columns: usize) -> String {
    let full_lines = || lines.iter().filter(|line| line.len() > 1);
    let width = |column: usize| full_lines().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..=n_columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
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
    use crate::eval::Told;

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
    fn the_gates_answers_are_a_matrix_with_numbered_columns() {
        let mut gate = GateAnswers::default();
        for (truth, told) in [
            ("bolt", Told::Condition("bolt")),
            ("bolt", Told::Condition("washer")),
            ("nut", Told::Condition("nut")),
            ("nut", Told::Abstained),
            ("nut", Told::Unknown),
        ] {
            gate.add(truth, told);
        }
        let mut evaluation = evaluation();
        evaluation.gate = Some(gate);
        evaluation.mean_of_conditions = Some(metrics(0.75));
        let text = evaluation_table(&evaluation);
        let expected = "
condition told by the gate: 2 of 5 right  1  2  3  abstained  unknown
  1 bolt                                  1  0  1          0        0
  2 nut                                   0  1  0          1        1
  3 washer (no images)
";
        assert!(text.ends_with(expected), "{text}");
        assert!(text.contains("\n  mean, unweighted              1000          7  0.7500"), "{text}");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let mut evaluation = evaluation();
        evaluation.per_condition.insert("\u{1b}[31mred\n".to_owned(), metrics(0.5));
        let text = evaluation_table(&evaluation);
        assert!(!text.contains('\u{1b}'));
    }
}
