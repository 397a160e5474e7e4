//! The sections with figures: headline, threshold, charts, tables.

use askama::Template;

use super::Report;
use super::outcome::Counts;
use crate::eval::{Bootstrap, Evaluation, Metrics, auroc_interval, image_auroc, roc_curve};
use crate::report::chart::{HistogramData, Scene, roc_chart, score_histogram};
use crate::report::number::{figure, percent as spaced_percent};
use crate::report::report_image::ReportImage;
use crate::score::Verdict;

/// Beyond this many images the interval is narrower than the figure's digits
/// and would take seconds.
const MAX_BOOTSTRAP_IMAGES: usize = 200_000;

/// The numbers that matter most, as large tiles.
#[derive(Template)]
#[template(path = "html/tiles.html")]
pub(super) struct Tiles {
    tiles: Vec<Tile>,
}

struct Tile {
    name: &'static str,
    value: String,
    note: String,
}

impl Tiles {
    pub(super) fn of(report: &Report, counts: &Counts) -> Self {
        let tiles = match &report.evaluation {
            Some(evaluation) => evaluated_tiles(evaluation, counts, report),
            None => inspected_tiles(&report.images),
        };
        Self { tiles }
    }
}

fn evaluated_tiles(evaluation: &Evaluation, counts: &Counts, report: &Report) -> Vec<Tile> {
    let all = &evaluation.overall;
    let n_false = part(all.false_alarm_rate, all.n_normal);
    let mut tiles = vec![
        Tile {
            name: "Defects found",
            value: percent(all.recall),
            note: format!("{} of {}, {} missed", counts.n_found, counts.n_defects(), counts.n_missed),
        },
        Tile {
            name: "False alarms",
            value: percent(all.false_alarm_rate),
            note: format!("{n_false} of {} normal images", all.n_normal),
        },
        Tile { name: "Image AUROC", value: figure(all.image_auroc), note: auroc_note(all, report) },
    ];
    if evaluation.has_masks {
        let partial = evaluation.masks.as_ref().filter(|masks| masks.is_partial());
        let of = partial.map_or_else(String::new, |masks| {
            format!("; only the {} of {} anomalous images that have a mask", masks.n_with_mask, masks.n_anomalous)
        });
        let note = format!("location of defects; pixel AUROC {}{of}", figure(all.pixel_auroc));
        tiles.push(Tile { name: "AUPRO", value: figure(all.aupro), note });
    } else {
        let note = "how often an alarm is right".to_owned();
        tiles.push(Tile { name: "Precision", value: percent(all.precision), note });
    }
    tiles
}

/// A percentage that is not torn from its sign at the end of a line.
pub(super) fn percent(value: Option<f64>) -> String {
    spaced_percent(value).replace(' ', "\u{a0}")
}

/// How many images a rate stands for.
pub(super) fn part(rate: Option<f64>, n: usize) -> usize {
    (rate.unwrap_or(0.0) * n as f64).round() as usize
}

/// The bootstrap interval, when the images carry their truth, and the figure
/// on calibrated scores, which is another one only where there are conditions.
fn auroc_note(all: &Metrics, report: &Report) -> String {
    let labelled: Vec<(f32, bool)> =
        report.images.iter().filter_map(|image| Some((image.row.raw_score?, image.anomalous?))).collect();
    let (scores, anomalous): (Vec<f32>, Vec<bool>) = labelled.into_iter().unzip();
    let interval = (scores.len() <= MAX_BOOTSTRAP_IMAGES)
        .then(|| auroc_interval(&scores, &anomalous, Bootstrap::default()))
        .flatten();
    let interval = interval.map(|interval| format!("95\u{a0}% interval {:.3} to {:.3}", interval.low, interval.high));
    let calibrated = report.has_conditions().then(|| format!("calibrated {}", figure(all.calibrated_image_auroc)));
    let said: Vec<String> = interval.into_iter().chain(calibrated).collect();
    if said.is_empty() { "how well scores tell defects apart".to_owned() } else { said.join("; ") }
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
        Tile {
            name: "Anomalous",
            value: n_anomalous.to_string(),
            note: format!("{} of the inspected images", percent(share)),
        },
        Tile { name: "Inspected", value: n_inspected.to_string(), note: "images".to_owned() },
        Tile { name: "Not inspected", value: count(None).to_string(), note: "images with an error".to_owned() },
        Tile {
            name: "Time per image",
            value: median.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.1} ms")),
            note: "median".to_owned(),
        },
    ]
}

/// Histogram and ROC curve.
#[derive(Template)]
#[template(path = "html/charts.html")]
pub(super) struct Charts {
    histogram_chart: Option<Scene>,
    roc_chart: Option<Scene>,
}

impl Charts {
    /// `None` where the scores allow neither.
    pub(super) fn of(report: &Report) -> Option<Self> {
        let labelled: Vec<(f32, bool)> =
            report.images.iter().filter_map(|image| Some((image.row.score?, image.anomalous?))).collect();
        let (scores, anomalous): (Vec<f32>, Vec<bool>) = labelled.into_iter().unzip();
        let roc_chart = roc_curve(&scores, &anomalous).map(|curve| {
            let operating_point = report
                .evaluation
                .as_ref()
                .and_then(|evaluation| Some((evaluation.overall.false_alarm_rate?, evaluation.overall.recall?)));
            roc_chart(&curve, operating_point, image_auroc(&scores, &anomalous))
        });
        let histogram_chart = score_histogram(&histogram_data(report));
        (histogram_chart.is_some() || roc_chart.is_some()).then_some(Self { histogram_chart, roc_chart })
    }
}

/// Scores as they are when all share a threshold, else relative to their own.
fn histogram_data(report: &Report) -> HistogramData {
    let scored: Vec<(f32, f32, Option<bool>)> = report
        .images
        .iter()
        .filter_map(|image| Some((image.row.score?, image.row.threshold?, image.anomalous)))
        .collect();
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
        score_name: match (relative, report.has_conditions()) {
            (true, _) => "score / threshold of its condition",
            (false, true) => "calibrated score",
            (false, false) => "score",
        }
        .to_owned(),
    }
}

/// Per condition and per defect, below a row for all images.
#[derive(Template)]
#[template(path = "html/figures.html")]
pub(super) struct Figures<'a> {
    columns: Vec<Column>,
    groups: Vec<Group<'a>>,
}

const BY_CONDITION: &str = "By condition";

/// A heading of a column, and the figure below it.
type Column = (&'static str, fn(&Metrics) -> String);

/// Rows with a heading above them, each with its name.
struct Group<'a> {
    heading: Option<&'static str>,
    rows: Vec<(&'a str, &'a Metrics)>,
}

impl<'a> Figures<'a> {
    /// Without conditions, calibrated scores rank as raw ones do.
    pub(super) fn of(evaluation: &'a Evaluation, has_conditions: bool) -> Self {
        let mut columns: Vec<Column> = vec![
            ("Normal", |m| m.n_normal.to_string()),
            ("Anomalous", |m| m.n_anomalous.to_string()),
            ("AUROC", |m| figure(m.image_auroc)),
        ];
        if has_conditions {
            columns.push(("Calibrated AUROC", |m| figure(m.calibrated_image_auroc)));
        }
        columns.extend::<[Column; 2]>([("AP", |m| figure(m.image_ap)), ("F1-max", |m| figure(m.image_f1_max))]);
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
        let mut groups = vec![Group { heading: None, rows: vec![("All images", &evaluation.overall)] }];
        for (heading, parts, mean) in [
            (BY_CONDITION, &evaluation.per_condition, evaluation.mean_of_conditions.as_ref()),
            ("By defect, each against all normal images", &evaluation.per_defect, None),
        ] {
            if !parts.is_empty() && (has_conditions || heading != BY_CONDITION) {
                let mean = mean.map(|metrics| ("Mean, unweighted", metrics));
                let rows = parts.iter().map(|(name, metrics)| (name.as_str(), metrics)).chain(mean).collect();
                groups.push(Group { heading: Some(heading), rows });
            }
        }
        Self { columns, groups }
    }
}
