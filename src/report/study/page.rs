//! The study as one self-contained HTML page.

use crate::eval::Interval;
use crate::eval::study::{Answer, CellTable, Figure, Finding, Plan, Row, Stage, Tables};
use crate::report::chart::{NamedInterval, interval_chart};
use crate::report::html::document;
use crate::report::html_escape;
use crate::report::number::percent;

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
    let mut body = verdicts(&tables.findings);
    body += READING;
    for stage in &plan.stages {
        body += &section(plan, tables, stage);
    }
    let facts = facts
        .iter()
        .map(|(name, value)| format!("<div><dt>{}</dt><dd>{}</dd></div>\n", html_escape(name), html_escape(value)));
    body += &format!(
        "<section>\n<h2>About this study</h2>\n<dl class=\"facts\">\n{}</dl>\n</section>\n",
        facts.collect::<String>()
    );
    document("pcore study", &plan.title, &subtitle, &body)
}

const READING: &str = "<section>\n<h2>How to read the tables</h2>\n<p class=\"prose\">Figures are means over the seeds. \
Brackets hold the 95 % interval of a bootstrap that draws test images and seeds anew; the difference to the baseline is \
paired: both configurations are measured on the same draws. Nothing was chosen on the test images, except in the column \
<em>test-optimal accuracy</em>: it takes the threshold that suits these very images best, so it is optimistic and only there \
for comparison with studies that report it. <em>Crossed</em> is the share of faults that passed although, or because, their \
worst patch was matched with a normal patch of another condition.</p>\n</section>\n";

fn badge(answer: Answer) -> String {
    let class = match answer {
        Answer::Supported => "normal",
        Answer::Refuted => "anomalous",
        Answer::Undecided | Answer::NotMeasured => "failed",
    };
    format!("<span class=\"badge {class}\">{answer}</span>")
}

fn verdicts(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let rows = findings.iter().map(|finding| {
        format!(
            "<tr><th scope=\"row\">{}</th><td style=\"white-space:normal;text-align:left\"><strong>{}</strong><br>{}</td>\
<td>{}</td></tr>\n",
            html_escape(&finding.name),
            html_escape(&finding.claim),
            html_escape(&finding.numbers()),
            badge(finding.answer)
        )
    });
    format!(
        "<section>\n<h2>What the study says</h2>\n<div class=\"scroll\"><table class=\"narrow\"><thead><tr>\
<th scope=\"col\">Hypothesis</th><th scope=\"col\" style=\"text-align:left\">Claim and numbers</th>\
<th scope=\"col\">Answer</th></tr></thead><tbody>\n{}</tbody></table></div>\n<p class=\"small\">Supported: the whole 95 % \
interval of the difference lies where the claim says. Refuted: none of it. Undecided: more test images or seeds are \
needed.</p>\n</section>\n",
        rows.collect::<String>()
    )
}

fn section(plan: &Plan, tables: &Tables, stage: &Stage) -> String {
    let cells: Vec<&CellTable> =
        stage.cells.iter().filter_map(|cell| tables.cells.iter().find(|table| table.cell == *cell)).collect();
    let figures: Vec<NamedInterval> = cells
        .iter()
        .filter_map(|table| {
            let found = table.rows.first()?.figures.get(&Figure::CalibratedAuroc)?;
            Some(NamedInterval {
                name: plan.cells[table.cell].name.clone(),
                low: found.low,
                estimate: found.estimate,
                high: found.high,
                highlighted: table.cell == 0,
            })
        })
        .take(MAX_IN_CHART)
        .collect();
    let chart = interval_chart(&figures, "calibrated image AUROC").map_or_else(String::new, |scene| {
        format!(
            "<div class=\"charts\"><figure>{}<figcaption>All test images; the dashed line is the baseline.</figcaption>\
</figure></div>\n",
            scene.svg()
        )
    });
    let heads = COLUMNS.iter().map(|(head, _)| format!("<th scope=\"col\">{head}</th>"));
    let mut body = String::new();
    for table in cells {
        for row in &table.rows {
            let name = match &row.condition {
                None => html_escape(&plan.cells[table.cell].name),
                Some(condition) => format!("&nbsp;&nbsp;{}", html_escape(condition)),
            };
            let fields = COLUMNS.iter().map(|(_, field)| format!("<td>{}</td>", field(row)));
            body += &format!("<tr><th scope=\"row\" title=\"{name}\">{name}</th>{}</tr>\n", fields.collect::<String>());
        }
    }
    format!(
        "<section>\n<h2>{}</h2>\n<p class=\"prose\">{}</p>\n{chart}<div class=\"scroll tall\" tabindex=\"0\" role=\"region\" \
aria-label=\"{}\"><table class=\"figures\"><thead><tr><th scope=\"col\">Configuration</th>{}</tr></thead><tbody>\n{body}\
</tbody></table></div>\n</section>\n",
        html_escape(&stage.name),
        html_escape(&stage.about),
        html_escape(&stage.name),
        heads.collect::<String>()
    )
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
