//! What `infer`, `eval` and `demo` write into their output folder.

use super::open::Opened;
use crate::message::as_typed;
use crate::run_info::RunInfo;
use anyhow::{Context, Result};
use pcore::dataset::{ConditionTable, Label, Sample, path_text};
use pcore::eval::Evaluation;
use pcore::files::replace;
use pcore::image::{self, Limits};
use pcore::infer::{Calibration, Inspection, Item};
use pcore::report::{
    DrawStyle, GalleryItem, Legend, Report, ReportImage, ResultRow, ThresholdNote, ThresholdSource, colours,
    draw_inspection, html_page, select_gallery,
};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Pictures per group of the report's gallery.
const GALLERY_PER_GROUP: usize = 8;
/// Longer side of the gallery's pictures.
const GALLERY_SIDE_PX: usize = 480;

/// The row of an outcome.
pub(super) fn row(item: &Item<'_>) -> ResultRow {
    let path = path_text(&item.sample.path);
    match &item.outcome {
        Ok((_, inspection)) => inspected_row(path, inspection, item.ms),
        Err(error) => ResultRow { path, error: Some(as_typed(error.to_string()).into_owned()), ..ResultRow::default() },
    }
}

fn inspected_row(path: String, inspection: &Inspection, ms: f64) -> ResultRow {
    ResultRow {
        path,
        raw_score: Some(inspection.raw_score),
        score: Some(inspection.calibrated_score),
        threshold: Some(inspection.calibrated_threshold),
        verdict: Some(inspection.verdict),
        condition: inspection.condition.as_ref().map(ToString::to_string),
        gate_confidence: Some(inspection.gate_confidence),
        unknown_condition: Some(inspection.is_unknown_condition),
        ms: Some(ms),
        ..ResultRow::default()
    }
}

/// The report's view of an outcome.
pub(super) fn report_image(sample: &Sample, row: ResultRow) -> ReportImage {
    let anomalous = sample.label.map(|label| match label {
        Label::Anomalous => true,
        Label::Normal => false,
    });
    ReportImage { row, anomalous, defect: sample.defect.clone() }
}

/// Writes a small file as a whole, and flushes it: what `run.json` calls complete is so after a power failure too.
pub(super) fn write_text(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    replace(path, |file| file.write_all(text.as_bytes()))
        .map_err(io::Error::from)
        .with_context(|| format!("writing {}", path.display()))
}

/// What a report is about.
pub(super) struct Page<'a> {
    pub(super) title: String,
    pub(super) samples: &'a [Sample],
    pub(super) images: Vec<ReportImage>,
    pub(super) evaluation: Option<Evaluation>,
    pub(super) table: Option<&'a ConditionTable>,
    pub(super) calibration: Calibration,
}

/// `report.html`. The pictures of the gallery are made here, from the few images it shows.
pub(super) fn write_report(folder: &Path, opened: &Opened, run: &RunInfo, page: Page<'_>) -> Result<()> {
    let inspector = &opened.inspector;
    let manifest = inspector.manifest();
    let limits = Limits::default();
    let mut gallery = vec![];
    let mut legend_map = None;
    for pick in select_gallery(&page.images, GALLERY_PER_GROUP) {
        let sample = &page.samples[pick.image_idx];
        // A file that vanished since it was scored just has no picture.
        let Ok(image) = image::read_as(&sample.path, &inspector.reading()) else { continue };
        // A mask that cannot be used was named where the figures were computed.
        let truth = sample.mask.as_ref().and_then(|path| image::read_mask_of(path, &image, &limits).ok());
        let truth = truth.map(|mask| mask.values);
        let known = page.table.and_then(|t| t.get(sample));
        for inspection in inspector.inspect(&[&image], &[known], page.calibration)? {
            let style = DrawStyle {
                pixel_threshold: manifest.pixel_threshold,
                truth: truth.as_deref(),
                legend: false,
                max_side_px: Some(GALLERY_SIDE_PX),
            };
            let png = draw_inspection(&image, &inspection, &style).and_then(|picture| picture.png())?;
            legend_map.get_or_insert(inspection.map);
            gallery.push(GalleryItem { group: pick.group, image_idx: pick.image_idx, png });
        }
    }
    let legend = legend_map.map(|map| colours(manifest.pixel_threshold, &map)).transpose()?.map(|scale| Legend {
        scale,
        contour: manifest.pixel_threshold,
        truth_outlined: page.samples.iter().any(|s| s.mask.is_some()),
    });
    let report = Report {
        title: page.title,
        subtitle: format!("{} images, scored by {}", page.images.len(), opened.path.display()),
        evaluation: page.evaluation,
        images: page.images,
        thresholds: thresholds(opened, page.calibration),
        gallery,
        legend,
        facts: run.facts(manifest),
    };
    write_text(&folder.join("report.html"), &html_page(&report))
}

/// In the unit of the calibrated score, as everywhere in the report.
fn thresholds(opened: &Opened, calibration: Calibration) -> Vec<ThresholdNote> {
    let inspector = &opened.inspector;
    let calibrated = &inspector.manifest().calibration;
    let grouped = calibrated.groups.is_some();
    let source = match calibrated.method.as_str() {
        "leave-one-out" => ThresholdSource::LeaveOneOut { grouped },
        "split-conformal" => ThresholdSource::HeldOut { grouped },
        _ => ThresholdSource::Given,
    };
    let note = |condition: Option<String>, conformal: &pcore::score::Conformal| {
        let threshold = conformal.standardise(conformal.threshold?);
        Some(ThresholdNote { condition, threshold, n: conformal.n, alpha: conformal.alpha, source })
    };
    match calibration {
        Calibration::Condition if inspector.conditions().len() > 1 => inspector
            .conditions()
            .iter()
            .zip(inspector.per_condition())
            .filter_map(|(condition, conformal)| note(Some(condition.to_string()), conformal))
            .collect(),
        _ => note(None, inspector.global_under(calibration)).into_iter().collect(),
    }
}
