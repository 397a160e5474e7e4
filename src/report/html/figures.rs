//! The sections with figures: headline, threshold, charts, tables.

use super::{Report, ReportImage, ThresholdNote, ThresholdSource, html_escape};
use crate::eval::{Bootstrap, Evaluation, Metrics, auroc_interval, image_auroc, roc_curve};
use crate::report::chart::{HistogramData, roc_chart, score_histogram};
use crate::report::number::{figure, percent as spaced_percent, short};
use crate::score::Verdict;

/// Beyond this many images the interval is narrower than the figure's digits
/// and would take seconds.
const MAX_BOOTSTRAP_IMAGES: usize = 200_000;

/// The numbers that matter most, as large tiles.
pub(super) fn headline(report: &Report) -> String {
    let tiles = match &report.evaluation {
        Some(evaluation) => evaluated_tiles(evaluation, &report.images),
        None => inspected_tiles(&report.images),
    };
    let tiles = tiles.into_iter().map(|tile| {
        format!(
            "<div class=\"tile\"><h3>{}</h3><p class=\"value\">{}</p><p class=\"note\">{}</p></div>\n",
            html_escape(tile.name),
            html_escape(&tile.value),
            html_escape(&tile.note)
        )
    });
    format!("<section class=\"tiles\" aria-label=\"Headline figures\">\n{}</section>\n", tiles.collect::<String>())
}

struct Tile {
    name: &'static str,
    value: String,
    note: String,
}

fn evaluated_tiles(evaluation: &Evaluation, images: &[ReportImage]) -> Vec<Tile> {
    let all = &evaluation.overall;
    let n_false = part(all.false_alarm_rate, all.n_normal);
    let n_found = part(all.recall, all.n_anomalous);
    let mut tiles = vec![
        Tile { name: "Image AUROC", value: figure(all.image_auroc), note: auroc_note(all, images) },
        Tile {
            name: "False alarm rate",
            value: percent(all.false_alarm_rate),
            note: format!("{n_false} of {} normal images", all.n_normal),
        },
        Tile {
            name: "Recall",
            value: percent(all.recall),
            note: format!("{n_found} of {} faults found, {} missed", all.n_anomalous, all.n_anomalous - n_found),
        },
    ];
    if evaluation.has_masks {
        let partial = evaluation.masks.as_ref().filter(|masks| masks.is_partial());
        let of = partial.map_or_else(String::new, |masks| {
            format!("; only the {} of {} anomalous images that have a mask", masks.n_with_mask, masks.n_anomalous)
        });
        let note = format!("location of faults; pixel AUROC {}{of}", figure(all.pixel_auroc));
        tiles.push(Tile { name: "AUPRO", value: figure(all.aupro), note });
    } else {
        let note = "how often an alarm is right".to_owned();
        tiles.push(Tile { name: "Precision", value: percent(all.precision), note });
    }
    tiles
}

/// A percentage that is not torn from its sign at the end of a line.
fn percent(value: Option<f64>) -> String {
    spaced_percent(value).replace(' ', "\u{a0}")
}

/// How many images a rate stands for.
fn part(rate: Option<f64>, n: usize) -> usize {
    (rate.unwrap_or(0.0) * n as f64).round() as usize
}

/// The bootstrap interval, when the images carry their truth, and the figure
/// on calibrated scores.
fn auroc_note(all: &Metrics, images: &[ReportImage]) -> String {
    let labelled: Vec<(f32, bool)> =
        images.iter().filter_map(|image| Some((image.row.raw_score?, image.anomalous?))).collect();
    let (scores, anomalous): (Vec<f32>, Vec<bool>) = labelled.into_iter().unzip();
    let interval = (scores.len() <= MAX_BOOTSTRAP_IMAGES)
        .then(|| auroc_interval(&scores, &anomalous, Bootstrap::default()))
        .flatten();
    match interval {
        Some(interval) => format!(
            "95 % interval {:.3} to {:.3}; calibrated {}",
            interval.low,
            interval.high,
            figure(all.calibrated_image_auroc)
        ),
        None => format!("calibrated {}", figure(all.calibrated_image_auroc)),
    }
}

fn inspected_tiles(images: &[ReportImage]) -> Vec<Tile> {
    let count = |wanted| images.iter().filter(|image| image.row.verdict == wanted).count();
    let n_anomalous = count(Some(Verdict::Anomalous));
    let n_inspected = n_anomalous + count(Some(Verdict::Normal));
    let mut times: Vec<f64> = images.iter().filter_map(|image| image.row.ms).filter(|ms| ms.is_finite()).collect();
    times.sort_unstable_by(f64::total_cmp);
    let median = times.get(times.len() / 2);
    let share = (n_inspected > 0).then(|| n_anomalous as f64 / n_inspected as f64);
    vec![
        Tile { name: "Inspected", value: n_inspected.to_string(), note: "images".to_owned() },
        Tile {
            name: "Anomalous",
            value: n_anomalous.to_string(),
            note: format!("{} of the inspected images", percent(share)),
        },
        Tile { name: "Not inspected", value: count(None).to_string(), note: "images with an error".to_owned() },
        Tile {
            name: "Time per image",
            value: median.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.1} ms")),
            note: "median".to_owned(),
        },
    ]
}

/// What the threshold promises, in words, and its values.
pub(super) fn threshold(report: &Report) -> String {
    let notes: &[ThresholdNote] = &report.thresholds;
    let Some(first) = notes.first() else {
        return String::new();
    };
    let sentence = meaning(first, notes.len() > 1);
    let seen = report.evaluation.as_ref().map_or_else(String::new, |evaluation| {
        let all = &evaluation.overall;
        if all.n_normal == 0 {
            return String::new();
        }
        let n_false = part(all.false_alarm_rate, all.n_normal);
        format!(" In this test {n_false} of {} normal images did ({}).", all.n_normal, percent(all.false_alarm_rate))
    });
    let mut rows = String::new();
    if notes.len() > 1 {
        let is_given = first.source == ThresholdSource::Given;
        let rate = |value: f64| if is_given { "-".to_owned() } else { percent(Some(value)) };
        for note in notes {
            rows += &format!(
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                html_escape(note.condition.as_deref().unwrap_or("all images")),
                html_escape(&short(note.threshold)),
                note.n,
                rate(note.alpha),
                rate(note.smallest_alpha())
            );
        }
        let normals = if first.source.is_grouped() { "Groups of normal images" } else { "Normal images" };
        rows = format!(
            "<div class=\"scroll\"><table class=\"narrow\"><thead><tr><th scope=\"col\">Condition</th>\
<th scope=\"col\">Threshold</th><th scope=\"col\">{normals}</th><th scope=\"col\">Rate asked for</th>\
<th scope=\"col\">Smallest reachable</th></tr></thead><tbody>\n{rows}</tbody></table></div>\n"
        );
    }
    format!("<section>\n<h2>What the threshold means</h2>\n<p class=\"prose\">{sentence}{seen}</p>\n{rows}</section>\n")
}

/// What one threshold promises, or `several` like it.
fn meaning(note: &ThresholdNote, several: bool) -> String {
    let limit = if several {
        "the limit of its condition".to_owned()
    } else {
        format!("<strong>{}</strong>", html_escape(&short(note.threshold)))
    };
    let counted = if note.source.is_grouped() { "groups of normal images" } else { "normal images" };
    let (normals, unseen) = match note.source {
        ThresholdSource::Given => {
            return format!(
                "An image is called anomalous when its score exceeds {limit}: a limit that was given. It does not come \
from normal images, so nothing is known of its false alarms."
            );
        }
        ThresholdSource::HeldOut { .. } => (counted, "that the detector had not seen"),
        ThresholdSource::LeaveOneOut { grouped: false } => (counted, "each scored without its own patches"),
        ThresholdSource::LeaveOneOut { grouped: true } => (counted, "each scored without the patches of its group"),
    };
    let from = if several { format!("{normals} of that condition") } else { format!("{} {normals}", note.n) };
    let promised = if several { note.alpha } else { note.alpha.max(note.smallest_alpha()) };
    let rate = html_escape(&percent(Some(promised)));
    let mut text = format!(
        "An image is called anomalous when its score exceeds {limit}: a limit set from {from} {unseen}, so that a further \
normal image of the same kind exceeds it with a probability of at most <strong>{rate}</strong>"
    );
    text += if several { ", or the smallest rate that so many can promise." } else { "." };
    if !several && note.alpha < note.smallest_alpha() {
        let smallest = percent(Some(note.smallest_alpha()));
        text += &format!(
            " But {} {counted} can promise no rate below {smallest}: more are needed for a stricter one.",
            note.n
        );
    }
    if note.source.is_grouped() {
        text +=
            " Images of a group (the shots of a part, or near-copies) count as one, by the largest of their scores.";
    }
    if matches!(note.source, ThresholdSource::LeaveOneOut { .. }) {
        text += " These images are in the bank that judged them, without the patches of each in turn: a good approximation \
of images never seen, not a proof. Images held out (the rule from 500 on) make the rate exact.";
    }
    text
}

/// Histogram and ROC curve.
pub(super) fn charts(report: &Report) -> String {
    let mut figures = String::new();
    if let Some(scene) = score_histogram(&histogram_data(&report.images)) {
        figures += &format!(
            "<figure>{}<figcaption>How scores are spread. Right of the threshold an image is called \
anomalous.</figcaption></figure>\n",
            scene.svg()
        );
    }
    let labelled: Vec<(f32, bool)> =
        report.images.iter().filter_map(|image| Some((image.row.score?, image.anomalous?))).collect();
    let (scores, anomalous): (Vec<f32>, Vec<bool>) = labelled.into_iter().unzip();
    if let Some(curve) = roc_curve(&scores, &anomalous) {
        let operating_point = report
            .evaluation
            .as_ref()
            .and_then(|evaluation| Some((evaluation.overall.false_alarm_rate?, evaluation.overall.recall?)));
        let scene = roc_chart(&curve, operating_point, image_auroc(&scores, &anomalous));
        figures += &format!(
            "<figure>{}<figcaption>Faults found against false alarms for every possible threshold, on calibrated \
scores.</figcaption></figure>\n",
            scene.svg()
        );
    }
    if figures.is_empty() {
        return figures;
    }
    format!("<section>\n<h2>Scores</h2>\n<div class=\"charts\">\n{figures}</div>\n</section>\n")
}

/// Scores as they are when all share a threshold, else relative to their own.
fn histogram_data(images: &[ReportImage]) -> HistogramData {
    let scored: Vec<(f32, f32, Option<bool>)> =
        images.iter().filter_map(|image| Some((image.row.score?, image.row.threshold?, image.anomalous))).collect();
    let shared = scored.first().map(|first| first.1).filter(|first| scored.iter().all(|image| image.1 == *first));
    let relative = shared.is_none() && scored.iter().all(|image| image.1 > 0.0);
    let labelled = scored.iter().any(|image| image.2.is_some());
    let pick = |wanted: bool| {
        let of_class = scored.iter().filter(|image| (image.2 == Some(true)) == wanted);
        of_class.map(|image| if relative { image.0 / image.1 } else { image.0 }).collect()
    };
    HistogramData {
        normal: pick(false),
        anomalous: pick(true),
        labelled,
        threshold: if relative { Some(1.0) } else { shared },
        score_name: if relative { "score / threshold of its condition" } else { "calibrated score" }.to_owned(),
    }
}

/// Per condition and per defect, below a row for all images.
pub(super) fn tables(evaluation: Option<&Evaluation>) -> String {
    let Some(evaluation) = evaluation else {
        return String::new();
    };
    let mut columns: Vec<Column> = vec![
        ("Normal", |m| m.n_normal.to_string()),
        ("Anomalous", |m| m.n_anomalous.to_string()),
        ("AUROC", |m| figure(m.image_auroc)),
        ("Calibrated AUROC", |m| figure(m.calibrated_image_auroc)),
        ("AP", |m| figure(m.image_ap)),
        ("F1-max", |m| figure(m.image_f1_max)),
    ];
    if evaluation.has_masks {
        columns.push(("Pixel AUROC", |m| figure(m.pixel_auroc)));
        columns.push(("AUPRO", |m| figure(m.aupro)));
    }
    columns.extend::<[Column; 4]>([
        ("Accuracy", |m| percent(m.accuracy)),
        ("Precision", |m| percent(m.precision)),
        ("Recall", |m| percent(m.recall)),
        ("False alarms", |m| percent(m.false_alarm_rate)),
    ]);
    let heads = columns.iter().map(|(head, _)| format!("<th scope=\"col\">{head}</th>"));
    let mut body = row("All images", &evaluation.overall, &columns);
    for (heading, parts, mean) in [
        ("By condition", &evaluation.per_condition, evaluation.mean_of_conditions.as_ref()),
        ("By defect, each against all normal images", &evaluation.per_defect, None),
    ] {
        if !parts.is_empty() {
            body += &format!(
                "<tr class=\"group\"><th colspan=\"{}\" scope=\"rowgroup\"><span>{heading}</span></th></tr>\n",
                columns.len() + 1
            );
        }
        for (name, metrics) in parts {
            body += &row(name, metrics, &columns);
        }
        body += &mean.map_or_else(String::new, |metrics| row("Mean, unweighted", metrics, &columns));
    }
    format!(
        "<section>\n<h2>Figures</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Figures\">\
<table class=\"figures\"><thead><tr><th scope=\"col\">Images</th>{}</tr></thead><tbody>\n{body}</tbody></table></div>\n\
<p class=\"small\">AUROC, AP and F1-max rank by raw score; F1-max picks its threshold on these very images and is an \
upper bound. Accuracy, precision, recall and false alarms are those of the verdicts. A dash: not defined by the \
data.</p>\n</section>\n",
        heads.collect::<String>()
    )
}

type Column = (&'static str, fn(&Metrics) -> String);

fn row(name: &str, metrics: &Metrics, columns: &[Column]) -> String {
    let cells = columns.iter().map(|(_, cell)| format!("<td>{}</td>", cell(metrics)));
    format!("<tr><th scope=\"row\">{}</th>{}</tr>\n", html_escape(name), cells.collect::<String>())
}
