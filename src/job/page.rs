//! The page about a run.

use super::place::write_text;
use super::shown::Shown;
use super::{JobError, Opened};
use crate::dataset::{ConditionTable, Sample, path_text};
use crate::eval::Evaluation;
use crate::image::{self, Image, Limits};
use crate::infer::{Calibration, Inspection};
use crate::report::{
    DrawStyle, GalleryGroup, GalleryItem, GalleryPick, Legend, Report, ReportImage, RunInfo, ThresholdNote,
    ThresholdSource, draw_inspection, html_page, select_gallery, shared_colours,
};
use crate::score::Conformal;
use std::path::Path;

/// Pictures of normal images nearest to an alarm in the report, and of each group elsewhere.
const PER_GROUP: usize = 8;
/// Longer side of pictures that are shown elsewhere.
const NOTABLE_SIDE_PX: usize = 480;

/// What a report is about.
pub(super) struct Page<'a> {
    /// What stands in place of the product's name, if anything.
    pub(super) title: Option<&'a str>,
    /// Where the images come from.
    pub(super) root: &'a Path,
    pub(super) samples: &'a [Sample],
    pub(super) images: &'a [ReportImage],
    pub(super) evaluation: Option<Evaluation>,
    pub(super) table: Option<&'a ConditionTable>,
    pub(super) calibration: Calibration,
    pub(super) wording: fn(&str) -> String,
}

impl Page<'_> {
    /// An image, inspected again; `None` of a file that vanished since it was scored.
    fn again(&self, opened: &Opened, sample: &Sample) -> Result<Option<(Image, Inspection)>, JobError> {
        let inspector = &opened.inspector;
        let Ok(image) = image::read_as(&sample.path, &inspector.reading()) else { return Ok(None) };
        let known = self.table.and_then(|table| table.get(sample));
        let inspection = inspector.inspect(&[&image], &[known], self.calibration)?.pop();
        Ok(inspection.map(|inspection| (image, inspection)))
    }
}

/// The pictures of the images that are worth a look, as PNG files, made here from these few.
pub(super) fn notable(opened: &Opened, page: &Page<'_>) -> Result<Vec<(GalleryPick, Vec<u8>)>, JobError> {
    let mut notable = vec![];
    for pick in select_gallery(page.images, PER_GROUP) {
        let sample = &page.samples[pick.image_idx];
        let Some((image, inspection)) = page.again(opened, sample)? else { continue };
        // A mask that cannot be used was named where the figures were computed.
        let truth = sample.mask.as_ref().and_then(|path| image::read_mask_of(path, &image, &Limits::default()).ok());
        let truth = truth.map(|mask| mask.values);
        let style = DrawStyle {
            pixel_threshold: opened.inspector.manifest().pixel_threshold,
            truth: truth.as_deref(),
            legend: false,
            max_side_px: Some(NOTABLE_SIDE_PX),
        };
        let png = draw_inspection(&image, &inspection, &style).and_then(|picture| picture.png());
        notable.push((pick, png.map_err(JobError::report(&sample.path))?));
    }
    Ok(notable)
}

/// The pictures of the page: those that were drawn with the inspection, and the normal images nearest to an alarm, which are
/// known only now.
fn gallery(opened: &Opened, page: &Page<'_>, shown: &Shown<'_>) -> Result<Vec<GalleryItem>, JobError> {
    let (mut gallery, mut n_read, mut n_normal) = (vec![], 0, 0);
    for GalleryPick { group, image_idx } in select_gallery(page.images, usize::MAX) {
        let Some(sample) = page.samples.get(image_idx) else { continue };
        if group == GalleryGroup::WorstNormal {
            n_normal += 1;
            if n_normal > PER_GROUP {
                continue;
            }
            let Some((image, inspection)) = page.again(opened, sample)? else { continue };
            match shown.draw(sample, (&image, &inspection), false) {
                Err(error) if error.is_disk_full() => return Err(error),
                Err(_) => continue,
                Ok(()) => {}
            }
        } else if page.images[image_idx].row.picture_error.is_some() {
            // What lies in its place may be of another run.
            continue;
        }
        if let Some((place, thumb)) = shown.drawn(sample, &mut n_read) {
            gallery.push(GalleryItem { group, image_idx, thumb, place: Some(place) });
        }
    }
    Ok(gallery)
}

/// `report.html`.
pub(super) fn write_report(opened: &Opened, run: &RunInfo, page: Page<'_>, shown: &Shown<'_>) -> Result<(), JobError> {
    let manifest = opened.inspector.manifest();
    let gallery = gallery(opened, &page, shown)?;
    let legend = shared_colours(manifest.pixel_threshold).map(|scale| Legend {
        scale,
        contour: manifest.pixel_threshold,
        truth_outlined: page.samples.iter().any(|s| s.mask.is_some()),
    });
    let images = ("images".to_owned(), path_text(page.root));
    let report = Report {
        title: page.title.map_or_else(|| product(opened), str::to_owned),
        began: run.began.clone(),
        n_conditions: opened.inspector.conditions().len(),
        evaluation: page.evaluation,
        images: page.images.to_vec(),
        thresholds: thresholds(opened, page.calibration),
        cut: (page.wording)("`Cut::thresholds`"),
        suspects: manifest.suspects.clone(),
        gallery,
        legend,
        facts: [images].into_iter().chain(run.facts(manifest)).collect(),
    };
    write_text(&shown.folder.join("report.html"), &html_page(&report))
}

/// The name that the product got with the fit, else that of the bundle's file.
fn product(opened: &Opened) -> String {
    let file = || opened.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    opened.inspector.manifest().domain.clone().unwrap_or_else(file)
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
