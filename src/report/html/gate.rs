//! The section on what the gate told.

use crate::eval::GateAnswers;
use askama::Template;

/// True conditions by what was told.
#[derive(Template)]
#[template(path = "html/gate.html")]
pub(super) struct GateTable<'a> {
    n_right: usize,
    n_images: usize,
    heads: Vec<&'a str>,
    rows: Vec<(&'a str, Vec<usize>)>,
}

impl<'a> GateTable<'a> {
    pub(super) fn of(gate: &'a GateAnswers) -> Self {
        let names: Vec<&str> = gate.conditions().into_iter().collect();
        let rows = gate.by_truth.iter().map(|(truth, counts)| {
            let told = names.iter().map(|name| counts.n_told(name)).chain([counts.n_abstained, counts.n_unknown]);
            (truth.as_str(), told.collect())
        });
        let rows = rows.collect();
        let heads = names.iter().copied().chain(["abstained", "unknown"]).collect();
        Self { n_right: gate.n_right(), n_images: gate.n_images(), heads, rows }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::Told;
    use crate::report::template::rendered;

    #[test]
    fn the_section_has_a_row_for_each_true_condition_and_escapes_names() {
        let mut gate = GateAnswers::default();
        for told in [Told::Condition("<nut>"), Told::Condition("bolt"), Told::Abstained] {
            gate.add("<nut>", told);
        }
        let page = rendered(&GateTable::of(&gate));
        assert!(page.contains("Right for 1 of 3 images"), "{page}");
        let row = "<th scope=\"row\">&#60;nut&#62;</th><td>1</td><td>1</td><td>1</td><td>0</td></tr>";
        assert!(page.contains(row) && page.matches("<tr>").count() == 2, "{page}");
    }
}
