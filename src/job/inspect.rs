//! Images to scores, verdicts and pictures.

use super::explain::Explainer;
use super::folder::ResultsFolder;
use super::history::{History, Seen};
use super::levels::LevelWatch;
use super::page::{self, Page};
use super::pictures::{DRAWING_BYTES, Drawing, MapFormat, PictureNames, Pictures};
use super::shown::{SHOWN_FOLDER, Shown};
use super::{Context, Explained, Explaining, HistoryTime, JobError, Opened};
use crate::condition::light_statistics;
use crate::dataset::{ConditionTable, Listing, mark_output, path_text};
use crate::detect::DetectError;
use crate::flow::Pace;
use crate::image::Unusual;
use crate::infer::{Calibration, Explanation, Inspecting, Item, inspect_and};
use crate::report::{ReportImage, ResultRow, RunInfo};
use crate::score::Verdict;
use std::fmt::Display;
use std::path::Path;
use std::time::Instant;

/// What to inspect, and where to.
#[derive(Clone, Copy)]
pub struct InspectJob<'a> {
    /// By what.
    pub opened: &'a Opened,
    /// The images.
    pub listing: &'a Listing,
    /// Known conditions, which overrule the gate.
    pub table: Option<&'a ConditionTable>,
    /// Which held-out normals an image is compared with.
    pub calibration: Calibration,
    /// Folder for `results.csv`, `results.jsonl`, `run.json`, `report.html` and `overlays/`, if anything is written.
    pub out: Option<&'a Path>,
    /// Folder of a history that gets the rows with their times, if one is kept.
    pub history: Option<&'a Path>,
    /// Which time of an image goes into it.
    pub history_time: HistoryTime,
    /// Anomaly maps at source resolution that are written too, in `maps/`.
    pub maps: &'a [MapFormat],
    /// What is explained, if anything.
    pub explaining: Option<&'a Explaining>,
}

impl<'a> InspectJob<'a> {
    /// Nothing is written, nothing explained, the gate tells conditions.
    #[must_use]
    pub fn new(opened: &'a Opened, listing: &'a Listing) -> Self {
        let calibration = Calibration::default();
        let history_time = HistoryTime::default();
        let (table, out, history, explaining) = (None, None, None, None);
        Self { opened, listing, table, calibration, out, history, history_time, maps: &[], explaining }
    }
}

/// All images, inspected.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Inspected {
    /// What became of each, those at the end that the listing left out though they may be images.
    pub images: Vec<ReportImage>,
    /// Values of the images that lie elsewhere than the network expects them.
    pub unusual: Vec<Unusual>,
    /// What was explained, where that was asked for.
    pub explained: Option<Explained>,
    /// Time of the inspection, without the page.
    pub seconds: f64,
}

impl Inspected {
    fn count(&self, is: fn(&ResultRow) -> bool) -> usize {
        self.images.iter().filter(|image| is(&image.row)).count()
    }

    /// Images without a score.
    #[must_use]
    pub fn n_failed(&self) -> usize {
        self.count(|row| row.error.is_some())
    }

    /// Anomalous images.
    #[must_use]
    pub fn n_anomalous(&self) -> usize {
        self.count(|row| row.verdict == Some(Verdict::Anomalous))
    }

    /// Images with a score whose pictures could not be written.
    #[must_use]
    pub fn n_undrawn(&self) -> usize {
        self.count(|row| row.picture_error.is_some())
    }
}

/// Why the images ended early: the job's reason, or the receiver's.
enum Ended<E> {
    Job(JobError),
    Receiver(E),
}

impl<E> From<DetectError> for Ended<E> {
    fn from(error: DetectError) -> Self {
        Self::Job(error.into())
    }
}

impl<E> From<JobError> for Ended<E> {
    fn from(error: JobError) -> Self {
        Self::Job(error)
    }
}

/// Inspects every image, writes what is asked for, and hands each row with its explanation to `receive`, in order. An image
/// that can't be read is a row with an error, and stops nothing.
///
/// # Errors
/// What makes every image fail, what can't be written, and what `receive` returns; rows that were written by then stay, beside
/// their places.
pub fn inspect<E: From<JobError> + Display + Send>(
    job: &InspectJob<'_>,
    context: &Context<'_>,
    mut receive: impl FnMut(&ResultRow, Option<&Explanation>) -> Result<(), E> + Send,
) -> Result<Inspected, E> {
    let InspectJob { opened, listing, out, .. } = *job;
    if let Some(folder) = out {
        let pictures =
            if job.maps.is_empty() { &["overlays", SHOWN_FOLDER][..] } else { &["overlays", SHOWN_FOLDER, "maps"] };
        mark_output(folder, pictures).map_err(JobError::file("writing into", folder))?;
    }
    let names = PictureNames::of(&listing.samples);
    let explainer = job.explaining.map(Explainer::begin).transpose()?;
    let mut run = RunInfo::new("infer", opened.used(), listing);
    run.pixel_threshold = opened.pixel_threshold(job.calibration);
    run.maps = job.maps.iter().map(|format| format.as_str()).collect();
    let mut results = out.map(|folder| ResultsFolder::begin(folder, run, context)).transpose()?;
    let mut history = job.history.map(|folder| History::begin(folder, &path_text(&opened.path))).transpose()?;
    let start = Instant::now();
    let ended = inspect_rows(job, context, (&names, explainer, results.as_mut(), history.as_mut()), &mut receive);
    // Of a run that was stopped too: these parts were inspected.
    let remembered = history.map_or(Ok(()), |history| history.finish(context.progress));
    let seconds = start.elapsed().as_secs_f64();
    let keep = |results: Option<ResultsFolder<'_>>, why: &dyn Display| {
        results.into_iter().for_each(|results| results.keep(listing.samples.len(), why));
    };
    let mut done = match ended {
        Ok(done) => done,
        Err(Ended::Job(error)) => {
            keep(results, &error);
            return Err(error.into());
        }
        Err(Ended::Receiver(error)) => {
            keep(results, &format_args!("{error:#}"));
            return Err(error);
        }
    };
    done.seconds = seconds;
    if let Some(results) = results {
        let page = Page {
            title: None,
            root: &listing.root,
            samples: &listing.samples,
            images: &done.images,
            evaluation: None,
            table: job.table,
            calibration: job.calibration,
            wording: context.wording,
        };
        let pixel_threshold = opened.inspector.manifest().pixel_threshold;
        let detector = opened.inspector.detector();
        results.finish((done.images.len(), done.n_failed()), seconds, |folder, run| {
            page::write_report(opened, run, page, &Shown { folder, names: &names, pixel_threshold, detector })
        })?;
    }
    remembered?;
    Ok(done)
}

/// What one row after the other is written with.
type Writers<'w, 'a> =
    (&'w PictureNames<'w>, Option<Explainer<'w>>, Option<&'w mut ResultsFolder<'a>>, Option<&'w mut History<'a>>);

/// The light of an image, and its brightness beside that of those like it, for the history.
fn seen(opened: &Opened, item: &Item<'_>) -> Seen {
    let found = item.outcome.as_ref().ok();
    let light = found.map(|(image, _)| light_statistics(image));
    (light, light.zip(found).and_then(|(light, (_, said))| opened.inspector.alike(light[0], said)))
}

/// All but the page.
fn inspect_rows<E: Send>(
    job: &InspectJob<'_>,
    context: &Context<'_>,
    (names, mut explainer, mut results, mut history): Writers<'_, '_>,
    receive: &mut (impl FnMut(&ResultRow, Option<&Explanation>) -> Result<(), E> + Send),
) -> Result<Inspected, Ended<E>> {
    let InspectJob { opened, listing, table, calibration, out, maps, explaining, .. } = *job;
    let (pixel_threshold, detector) = (opened.inspector.manifest().pixel_threshold, opened.inspector.detector());
    let drawing = out.map(|folder| {
        let drawing = Drawing { folder, names, pixel_threshold, detector, maps };
        (drawing, Shown { folder, names, pixel_threshold, detector })
    });
    let what = Inspecting {
        inspector: &opened.inspector,
        samples: &listing.samples,
        table,
        calibration,
        explain: explaining.map(|explaining| explaining.plan),
        pools: history.is_some(),
    };
    let pace = Pace { pixel_bytes: if drawing.is_some() { DRAWING_BYTES } else { 0 }, ..context.pace };
    let wording = context.wording;
    let (mut images, mut watch) = (Vec::with_capacity(listing.samples.len()), LevelWatch::default());
    let has_history = history.is_some();
    let prepare = |item: &Item<'_>| {
        let pictures = match &drawing {
            Some((drawing, shown)) => {
                let Pictures { overlay, error } = drawing.draw(item, wording).map_err(Ended::Job)?;
                let not_shown = shown.draw_if_telling(item, wording).map_err(Ended::Job)?;
                Pictures { overlay, error: error.or(not_shown) }
            }
            None => Pictures::default(),
        };
        let seen = has_history.then(|| (job.history_time.of(&item.sample.path), seen(opened, item)));
        Ok::<_, Ended<E>>((pictures, seen))
    };
    inspect_and(what, &pace, context.progress, prepare, |item, (Pictures { overlay, error }, seen)| {
        if let Ok((image, _)) = &item.outcome {
            watch.look(image);
        }
        let row = ResultRow { overlay, picture_error: error, ..ResultRow::of(&item, wording) };
        results.as_mut().map_or(Ok(()), |results| results.add(&row))?;
        if let (Some(history), Some((time, seen))) = (&mut history, seen) {
            history.add(&row, time, seen);
        }
        if let (Some(explainer), Ok((image, _)), Some(why)) = (&mut explainer, &item.outcome, &item.explanation) {
            explainer.explain(opened, names, (item.sample, image), why)?;
        }
        receive(&row, item.explanation.as_ref()).map_err(Ended::Receiver)?;
        images.push(ReportImage::of(item.sample, row));
        Ok(())
    })?;
    for row in ResultRow::not_inspected(listing) {
        results.as_mut().map_or(Ok(()), |results| results.add(&row))?;
        receive(&row, None).map_err(Ended::Receiver)?;
        images.push(ReportImage { row, ..ReportImage::default() });
    }
    let explained = explainer.map(Explainer::finish).transpose()?;
    Ok(Inspected { images, unusual: watch.unusual(), explained, seconds: 0.0 })
}
