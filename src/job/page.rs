//! The page about a run.

use super::place::write_text;
use super::{JobError, Opened};
use crate::dataset::{ConditionTable, Sample};
use crate::eval::Evaluation;
use crate::image::{self, Limits};
use crate::infer::Calibration;
use crate::report::{
    DrawStyle, GalleryItem, Legend, Report, ReportImage, RunInfo, ThresholdNote, ThresholdSource, colours,
    draw_inspection, html_page, select_gallery,
};
use crate::score::{AnomalyMap, Conformal};
use std::path::Path;

/// Pictures per group of the report's gallery.
const GALLERY_PER_GROUP: usize = 8;
/// Longer side of the gallery's pictures.
const GALLERY_SIDE_PX: usize = 480;

/// What a report is about.
pub(super) struct Page<'a> {
    pub(super) title: String,
    pub(super) samples: &'a [Sample],
    pub(super) images: &'a [ReportImage],
    pub(super) evaluation: Option<Evaluation>,
    pub(super) table: Option<&'a ConditionTable>,
    pub(super) calibration: Calibration,
    pub(super) wording: fn(&str) -> String,
}

/// The pictures of the images that are worth a look, made here from these few; and one of their maps.
pub(super) fn gallery(opened: &Opened, page: &Page<'_>) -> Result<(Vec<GalleryItem>, Option<AnomalyMap>), JobError> {
    let inspector = &opened.inspector;
    let limits = Limits::default();
    let mut gallery = vec![];
    let mut legend_map = None;
    for pick in select_gallery(page.images, GALLERY_PER_GROUP) {
        let sample = &page.samples[pick.image_idx];
        // A file that vanished since it was scored just has no picture.
        let Ok(image) = image::read_as(&sample.path, &inspector.reading()) else { continue };
        // A mask that cannot be used was named where the figures were computed.
        let truth = sample.mask.as_ref().and_then(|path| image::read_mask_of(path, &image, &limits).ok());
        let truth = truth.map(|mask| mask.values);
        let known = page.table.and_then(|t| t.get(sample));
        for inspection in inspector.inspect(&[&image], &[known], page.calibration)? {
            let style = DrawStyle {
                pixel_threshold: inspector.manifest().pixel_threshold,
                truth: truth.as_deref(),
                legend: false,
                max_side_px: Some(GALLERY_SIDE_PX),
            };
            let png = draw_inspection(&image, &inspection, &style).and_then(|picture| picture.png());
            let png = png.map_err(JobError::report(&sample.path))?;
            legend_map.get_or_insert(inspection.map);
            gallery.push(GalleryItem { group: pick.group, image_idx: pick.image_idx, png });
        }
    }
    Ok((gallery, legend_map))
}

/// `report.html`.
pub(super) fn write_report(folder: &Path, opened: &Opened, run: &RunInfo, page: Page<'_>) -> Result<(), JobError> {
    let manifest = opened.inspector.manifest();
    let place = folder.join("report.html");
    let (gallery, legend_map) = gallery(opened, &page)?;
    let scale = legend_map.map(|map| colours(manifest.pixel_threshold, &map)).transpose();
    let legend = scale.map_err(JobError::report(&place))?.map(|scale| Legend {
        scale,
        contour: manifest.pixel_threshold,
        truth_outlined: page.samples.iter().any(|s| s.mask.is_some()),
    });
    let report = Report {
        title: page.title,
        subtitle: format!("{} images, scored by {}", page.images.len(), opened.path.display()),
        evaluation: page.evaluation,
        images: page.images.to_vec(),
        thresholds: thresholds(opened, page.calibration),
        cut: (page.wording)("`Cut::thresholds`"),
        suspects: manifest.suspects.clone(),
        gallery,
        legend,
        facts: run.facts(manifest),
    };
    write_text(&place, &html_page(&report))
}

/// In the unit of the calibrated score, as everywhere in the report.
fn thresholds(opened: &Opened, calibration: Calibration) -> Vec<ThresholdNote> {
    let inspector = &opened.inspector;
    let calibrated = &inspector.manifest().calibration;
    let grouped = calibrated.groups.is_some();
    let source = match calibrated.method.as_str() {
        "leave-one-out" => ThresholdSource::LeaveOneOut { grouped },
        "cross-fit" => ThresholdSource::CrossFit { grouped },
        "split-conformal" => ThresholdSource::HeldOut { grouped },
        _ => ThresholdSource::Given,
    };
    let note = |condition: Option<String>, conformal: &Conformal| {
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
