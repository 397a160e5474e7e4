//! A labelled data set to figures.

use super::export::export_evaluation;
use super::folder::ResultsFolder;
use super::page::{self, Page};
use super::pictures::{DRAWING_BYTES, PictureNames};
use super::place::write_made;
use super::shown::{SHOWN_FOLDER, Shown};
use super::{Context, JobError, Opened, Truth};
use crate::dataset::{Label, Listing, Sample, mark_output};
use crate::eval::{
    Evaluation, GateAnswers, MOST_EXACT_PIXELS, MaskCount, MaskedMap, PixelSet, ScoredImage, evaluate_set,
    mask_at_input,
};
use crate::flow::Pace;
use crate::image::{Image, ImageError, Limits, read_mask_of};
use crate::infer::{Calibration, Inspecting, Inspection, Item, inspect_and};
use crate::progress::Progress;
use crate::report::{EvaluationJson, ReportImage, ResultRow, RunInfo, json_text};
use std::path::Path;
use std::time::Instant;

/// What to evaluate, and where to.
#[derive(Clone, Copy)]
pub struct EvaluateJob<'a> {
    /// What is measured.
    pub opened: &'a Opened,
    /// The labelled images.
    pub listing: &'a Listing,
    /// Known conditions.
    pub truth: &'a Truth,
    /// Which held-out normals an image is compared with.
    pub calibration: Calibration,
    /// Folder for `evaluation.json`, `results.csv`, `results.jsonl`, `run.json` and `report.html` with its pictures, if anything
    /// is written.
    pub out: Option<&'a Path>,
    /// Folder for an event file of TensorBoard, if one is written.
    pub tensorboard: Option<&'a Path>,
    /// Heading of the page in place of the product's name.
    pub title: Option<&'a str>,
}

/// The figures.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Evaluated {
    /// Of all images, and of each condition and defect.
    pub evaluation: Evaluation,
    /// Images and masks that could not be read.
    pub n_failed: usize,
    /// Images whose pictures could not be written; their scores count.
    pub n_undrawn: usize,
}

/// Scores every labelled image, computes the figures and, given a folder, writes everything there.
///
/// # Errors
/// What makes every image fail, what can't be written, and [`JobError::Eval`] where scores have no place in a ranking.
pub fn evaluate(job: &EvaluateJob<'_>, context: &Context<'_>) -> Result<Evaluated, JobError> {
    let EvaluateJob { opened, listing, truth, calibration, out, tensorboard, title } = *job;
    if let Some(folder) = out {
        mark_output(folder, &[SHOWN_FOLDER]).map_err(JobError::file("writing into", folder))?;
    }
    let mut info = RunInfo::new("eval", opened.used(), listing);
    let began = info.began.clone();
    info.pixel_threshold = opened.pixel_threshold(calibration);
    let mut results = out.map(|folder| ResultsFolder::begin(folder, info, context)).transpose()?;
    let start = Instant::now();
    let names = PictureNames::of(&listing.samples);
    let pixel_threshold = opened.inspector.manifest().pixel_threshold;
    let shown =
        out.map(|folder| Shown { folder, names: &names, pixel_threshold, detector: opened.inspector.detector() });
    let ended = score(job, context, (results.as_mut(), shown.as_ref()));
    let seconds = start.elapsed().as_secs_f64();
    let (images, evaluated) = match ended {
        Ok(done) => done,
        Err(error) => {
            results.into_iter().for_each(|results| results.keep(listing.samples.len(), &error));
            return Err(error);
        }
    };
    let page = Page {
        title,
        root: &listing.root,
        samples: &listing.samples,
        images: &images,
        evaluation: Some(evaluated.evaluation.clone()),
        table: truth.table(),
        calibration,
        wording: context.wording,
    };
    if let Some(folder) = tensorboard {
        let notable = page::notable(opened, &page)?;
        export_evaluation(folder, &began, (&images, &evaluated.evaluation), &notable)?;
    }
    if let (Some(results), Some(shown)) = (results, shown) {
        results.finish((images.len(), evaluated.n_failed), seconds, |folder, info| {
            write_made(&folder.join("evaluation.json"), json_text(&EvaluationJson::from(&evaluated.evaluation)))?;
            page::write_report(opened, info, page, &shown)
        })?;
    }
    Ok(evaluated)
}

/// All but the pages.
fn score(
    job: &EvaluateJob<'_>,
    context: &Context<'_>,
    (mut results, shown): (Option<&mut ResultsFolder<'_>>, Option<&Shown<'_>>),
) -> Result<(Vec<ReportImage>, Evaluated), JobError> {
    let EvaluateJob { opened, listing, truth, calibration, .. } = *job;
    let progress = context.progress;
    let mut seen = Seen::new(listing, truth, progress);
    let mut n_undrawn = 0;
    let mut images: Vec<ReportImage> = vec![];
    let what = Inspecting {
        inspector: &opened.inspector,
        samples: &listing.samples,
        table: truth.table(),
        calibration,
        explain: None,
        pools: false,
    };
    let pace = Pace { pixel_bytes: if shown.is_some() { DRAWING_BYTES } else { 0 }, ..context.pace };
    let draw = |item: &Item<'_>| shown.map_or(Ok(None), |shown| shown.draw_if_telling(item, context.wording));
    inspect_and(what, &pace, progress, draw, |item, picture_error| {
        if let Some(error) = &picture_error {
            progress.warn(&format!("picture left out: {error}"));
            n_undrawn += 1;
        }
        match &item.outcome {
            Ok((image, inspection)) => seen.add(item.sample, (image, inspection))?,
            Err(error) => {
                progress.warn(&format!("left out: {error}"));
                seen.n_failed += 1;
            }
        }
        let row = ResultRow { picture_error, ..ResultRow::of(&item, context.wording) };
        results.as_mut().map_or(Ok(()), |results| results.add(&row))?;
        images.push(ReportImage::of(item.sample, row));
        Ok::<_, JobError>(())
    })?;
    for row in ResultRow::not_inspected(listing) {
        results.as_mut().map_or(Ok(()), |results| results.add(&row))?;
        images.push(ReportImage { row, ..ReportImage::default() });
    }
    let n_failed = seen.n_failed;
    Ok((images, Evaluated { evaluation: seen.evaluation()?, n_failed, n_undrawn }))
}

/// What the images said so far.
struct Seen<'a> {
    truth: &'a Truth,
    progress: &'a dyn Progress,
    has_masks: bool,
    scored: Vec<ScoredImage>,
    pixels: PixelSet,
    masks: MaskCount,
    answers: GateAnswers,
    /// Images and masks that could not be read.
    n_failed: usize,
}

impl<'a> Seen<'a> {
    fn new(listing: &Listing, truth: &'a Truth, progress: &'a dyn Progress) -> Self {
        Self {
            truth,
            progress,
            has_masks: listing.samples.iter().any(|s| s.mask.is_some()),
            scored: vec![],
            pixels: PixelSet::default(),
            masks: MaskCount { unmatched: listing.notes.unmatched_masks.clone(), ..MaskCount::default() },
            answers: GateAnswers::default(),
            n_failed: listing.n_failures(),
        }
    }

    fn add(&mut self, sample: &Sample, (image, inspection): (&Image, &Inspection)) -> Result<(), JobError> {
        let anomalous = sample.label == Some(Label::Anomalous);
        let condition = self.truth.condition(sample, inspection);
        self.truth.count(&mut self.answers, sample, inspection);
        if self.has_masks {
            match mask_of(sample, (image, inspection), anomalous) {
                Ok(mask) => {
                    if anomalous {
                        self.masks.add(mask.as_deref());
                    }
                    if let Some(mask) = &mask {
                        let inside = inspection.inside.as_ref().map(|inside| inside.pixels());
                        let defect = self.truth.defect(sample);
                        let item = MaskedMap { map: &inspection.map, mask, inside };
                        self.pixels.add(item, condition.as_deref(), defect.as_deref())?;
                    }
                }
                Err(error) => {
                    self.progress.warn(&format!("mask left out: {error}"));
                    self.masks.add_unusable();
                    self.n_failed += 1;
                }
            }
        } else if anomalous {
            self.masks.add(None);
        }
        self.scored.push(ScoredImage {
            anomalous,
            raw_score: inspection.raw_score,
            calibrated_score: inspection.calibrated_score,
            verdict: inspection.verdict,
            p_value: inspection.p_value,
            condition,
            defect: self.truth.defect(sample),
        });
        Ok(())
    }

    /// The figures of all of them; what those per pixel rest on is said.
    fn evaluation(self) -> Result<Evaluation, JobError> {
        self.progress.note(&format!("masks: {}", self.masks.summary()));
        self.masks.warnings().iter().for_each(|warning| self.progress.warn(warning));
        let figures = evaluate_set(&self.scored, self.pixels)?;
        if let Some(error) = figures.pixel_error {
            self.progress.note(&format!(
                "the maps have more than {MOST_EXACT_PIXELS} pixels, which are counted in bins of scores: pixel AUROC is at most {:.1e} off, AUPRO {:.1e}",
                error.auroc, error.aupro
            ));
        }
        Ok(Evaluation {
            masks: Some(self.masks),
            mean_of_conditions: self.truth.mean(&figures.per_condition),
            gate: Some(self.answers).filter(|answers| answers.n_images() > 0),
            ..figures
        })
    }
}

/// The mask of an image at the network's input size; a faulty image without one has no pixel truth.
fn mask_of(
    sample: &Sample,
    (image, inspection): (&Image, &Inspection),
    anomalous: bool,
) -> Result<Option<Vec<bool>>, ImageError> {
    let map = &inspection.map;
    let mut mask = match &sample.mask {
        Some(path) => {
            let mask = read_mask_of(path, image, &Limits::default())?;
            mask_at_input(&mask, &inspection.placement, map.height_px, map.width_px)
        }
        None if anomalous => return Ok(None),
        None => vec![false; map.values.len()],
    };
    // A defect elsewhere is none that could be found.
    let inside = inspection.inside.iter();
    inside.for_each(|inside| mask.iter_mut().zip(inside.pixels()).for_each(|(mask, inside)| *mask &= inside));
    Ok(Some(mask))
}
