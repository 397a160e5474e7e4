//! The section on what the gate told.

use super::html_escape;
use crate::eval::{Evaluation, GateAnswers};

/// True conditions by what was told, where that was counted.
pub(super) fn section(evaluation: Option<&Evaluation>) -> String {
    evaluation.and_then(|evaluation| evaluation.gate.as_ref()).map_or_else(String::new, table)
}

fn table(gate: &GateAnswers) -> String {
    let names = gate.conditions();
    let others = ["abstained", "unknown"];
    let heads = names.iter().chain(&others).map(|name| format!("<th scope=\"col\">{}</th>", html_escape(name)));
    let rows = gate.by_truth.iter().map(|(truth, counts)| {
        let told = names.iter().map(|name| counts.n_told(name)).chain([counts.n_abstained, counts.n_unknown]);
        let cells = told.map(|n| format!("<td>{n}</td>"));
        format!("<tr><th scope=\"row\">{}</th>{}</tr>\n", html_escape(truth), cells.collect::<String>())
    });
    format!(
        "<section>\n<h2>Conditions told by the gate</h2>\n<p>Right for {} of {} images. Rows: the true condition; \
columns: what the gate told. Where it abstained, or an image is like none (unknown), the image was compared with all \
conditions.</p>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Conditions told by the gate\">\
<table class=\"figures\"><thead><tr><th scope=\"col\">True condition</th>{}</tr></thead><tbody>\n{}</tbody></table>\
</div>\n</section>\n",
        gate.n_right(),
        gate.n_images(),
        heads.collect::<String>(),
        rows.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::Told;

    #[test]
    fn the_section_has_a_row_for_each_true_condition_and_escapes_names() {
        let mut gate = GateAnswers::default();
        for told in [Told::Condition("<nut>"), Told::Condition("bolt"), Told::Abstained] {
            gate.add("<nut>", told);
        }
        let page = section(Some(&Evaluation { gate: Some(gate), ..Evaluation::default() }));
        assert!(page.contains("Right for 1 of 3 images"), "{page}");
        let row = "<th scope=\"row\">&lt;nut&gt;</th><td>1</td><td>1</td><td>1</td><td>0</td></tr>";
        assert!(page.contains(row) && page.matches("<tr>").count() == 2, "{page}");
        assert_eq!(section(Some(&Evaluation::default())) + &section(None), "");
    }
}
