//! Whether a line has drifted: a table and a page.

use super::chart::{Scene, evidence_chart};
use super::template::rendered;
use super::{ReportError, csv_text};
use crate::live::drift::DriftState;
use askama::Template;

/// What was found after each part.
#[derive(Clone, Debug, Default)]
pub struct DriftReport {
    /// Heading of the page.
    pub title: String,
    /// Parts, in their order.
    pub paths: Vec<String>,
    /// The state after each.
    pub states: Vec<DriftState>,
    /// What one needs to know to repeat it, name and value.
    pub facts: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "drift/page.html")]
struct Page<'a> {
    title: &'a str,
    subtitle: String,
    answers: Vec<String>,
    charts: Vec<Scene>,
    facts_heading: &'static str,
    facts: &'a [(String, String)],
}

impl DriftReport {
    /// What is said of the run, a sentence for each question.
    #[must_use]
    pub fn answers(&self) -> Vec<String> {
        let Some(last) = self.states.last() else { return vec![] };
        let at = |part: usize| format!("part {part} of {} ({})", last.n_parts, self.paths[part - 1]);
        let found = last.drift_at.map(|part| {
            let then = &self.states[part - 1];
            let most = then.evidence.iter().max_by(|a, b| a.log10.total_cmp(&b.log10));
            let most = most.map_or_else(String::new, |most| format!(", most of all by {}", most.name));
            format!("drift: found at {}{most}", at(part))
        });
        let scores =
            last.scores_at.map(|part| format!("scores: too many high ones at {}: defects, or drift", at(part)));
        vec![
            found.unwrap_or_else(|| format!("drift: none found in {} parts", last.n_parts)),
            scores.unwrap_or_else(|| "scores: no more high ones than the calibration lets expect".to_owned()),
        ]
    }

    /// `drift.csv`: a line for each part with the decimal logarithms of all capital.
    ///
    /// # Errors
    /// [`ReportError::Csv`].
    pub fn csv(&self) -> Result<Vec<u8>, ReportError> {
        let mut writer = csv::Writer::from_writer(vec![]);
        let names =
            self.states.first().into_iter().flat_map(|state| &state.evidence).map(|evidence| evidence.name.clone());
        writer.write_record(["path", "drift", "scores", "limit"].map(str::to_owned).into_iter().chain(names))?;
        for (path, state) in self.paths.iter().zip(&self.states) {
            let figures = [state.drift_log10, state.scores_log10, state.limit_log10];
            let all = figures.into_iter().chain(state.evidence.iter().map(|evidence| evidence.log10));
            writer.write_record(
                std::iter::once(csv_text(path).into_owned()).chain(all.map(|log10| format!("{log10:.6}"))),
            )?;
        }
        writer.into_inner().map_err(|error| ReportError::Io(error.into_error()))
    }

    /// `drift.html`: the answers, and all evidence plotted over the parts.
    #[must_use]
    pub fn page(&self) -> String {
        let limit = self.states.first().map_or(0.0, |state| state.limit_log10);
        let chart = |name: &str, of: &dyn Fn(&DriftState) -> f64| {
            evidence_chart(name, &self.states.iter().map(of).collect::<Vec<_>>(), limit)
        };
        let mut charts = vec![
            chart("drift: mean of all below", &|state| state.drift_log10),
            chart("scores", &|state| state.scores_log10),
        ];
        let n = self.states.first().map_or(0, |state| state.evidence.len());
        for at in 0..n {
            charts.push(chart(&self.states[0].evidence[at].name, &|state| state.evidence[at].log10));
        }
        rendered(&Page {
            title: &self.title,
            subtitle: format!("{} parts", self.states.len()),
            answers: self.answers(),
            charts,
            facts_heading: "About this run",
            facts: &self.facts,
        })
    }
}
