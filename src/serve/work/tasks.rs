//! The thread that fits, updates, calibrates and compares, one job after the other. It gives way to images that wait.

use super::forget::forget_old;
use super::hub::Stage;
use super::inspecting::sample;
use super::versions::{VersionError, adopt};
use super::{Event, Station};
use crate::bundle::Contents;
use crate::dataset::{DatasetError, Label, Layout, Listing, Notes, Sample};
use crate::detect::{DetectError, Quality};
use crate::job::{self, ChangeJob, CompareJob, Context, Evidence, FitJob, JobError, Side};
use crate::live::{CalibratePlan, UpdatePlan};
use crate::progress::Progress;
use crate::serve::record::{JobKind, JobState};
use crate::serve::store::{Labelled, StoreError};
use crate::train::FitPlan;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use utoipa::ToSchema;

/// How long it sleeps where nobody wakes it.
const SLEEP: Duration = Duration::from_secs(1);
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(300);
/// How long a step gives way to images that wait, at most.
const GIVE_WAY: Duration = Duration::from_secs(2);

/// What a fit is told, as the database keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::serve) struct FitPlanText {
    pub(in crate::serve) dataset: i64,
    pub(in crate::serve) name: String,
    pub(in crate::serve) quality: String,
    pub(in crate::serve) alpha: Option<f64>,
}

/// Where an update learns from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::serve) enum Learn {
    /// The normal images of a data set.
    Dataset(i64),
    /// The results that were marked as false alarms.
    Feedback,
}

/// What an update or a calibration is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::serve) struct UpdatePlanText {
    pub(in crate::serve) from: Learn,
    pub(in crate::serve) alpha: Option<f64>,
}

/// What a comparison is told.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::serve) struct ComparePlan {
    /// The id of the other detector.
    pub(in crate::serve) with: String,
    /// The data set.
    pub(in crate::serve) dataset: i64,
}

/// Why a task failed.
#[derive(Debug, thiserror::Error)]
enum TaskError {
    #[error(transparent)]
    Job(#[from] JobError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Version(#[from] VersionError),
    #[error(transparent)]
    Plan(#[from] serde_json::Error),
    #[error(transparent)]
    Detect(#[from] DetectError),
    #[error("{0}")]
    Nothing(String),
}

/// Works until the server stops.
pub(in crate::serve) fn work_all(station: &Station) {
    let mut forgotten = None;
    while !station.hub.is_stopping() {
        let seen = station.hub.n_added();
        forget_old(station, &mut forgotten);
        match station.store.next_task() {
            Ok(Some(id)) => work(station, id),
            Ok(None) => station.hub.sleep(seen, SLEEP),
            Err(error) => {
                tracing::error!(%error, "can't read what is to be done");
                station.hub.sleep(seen, SLEEP);
            }
        }
    }
}

fn work(station: &Station, id: i64) {
    station.hub.set_stage(id, Some(Stage::default()));
    station.tell_job(id);
    let (begun, given) = (Instant::now(), Mutex::default());
    let told = Told { station, job: id, stage: Mutex::default(), begun, given };
    let done = catch_unwind(AssertUnwindSafe(|| run(station, id, &told)));
    let done = done.unwrap_or_else(|_panic| Err(TaskError::Nothing("a defect of pcore: see its log".to_owned())));
    let ended = match done {
        Ok(report) => station.store.end_job(id, JobState::Completed, (None, Some(&report))),
        // It begins again after the next start.
        Err(_) if station.hub.is_stopping() => Ok(false),
        Err(_) if station.hub.is_cancelled(id) => station.store.end_job(id, JobState::Cancelled, (None, None)),
        Err(error) => {
            let error = (station.wording)(&error.to_string());
            tracing::warn!(job = id, error, "a job failed");
            station.store.end_job(id, JobState::Failed, (Some(&error), None))
        }
    };
    if let Err(error) = ended {
        tracing::error!(job = id, %error, "can't keep how a job ended");
    }
    station.hub.set_stage(id, None);
    station.tell_job(id);
}

fn run(station: &Station, id: i64, told: &Told<'_>) -> Result<Value, TaskError> {
    let (job, plan) = (station.store.job(id)?, station.store.plan(id)?);
    let context = Context { progress: told, pace: station.pace, wording: station.wording };
    match job.kind {
        JobKind::Fit => fit(station, &job.detector, &serde_json::from_str(&plan)?, &context),
        JobKind::Update => update(station, &job.detector, &serde_json::from_str(&plan)?, &context),
        JobKind::Calibrate => calibrate(station, &job.detector, &serde_json::from_str(&plan)?, &context),
        JobKind::Compare => compare(station, (id, &job.detector), &serde_json::from_str(&plan)?, &context),
        JobKind::Inspect => Err(TaskError::Nothing("images are inspected elsewhere".to_owned())),
    }
}

/// Images of a data set, named as their files are: no two alike, and found again by whoever explains.
fn listing(station: &Station, dataset: i64, which: &[(Labelled, Label)]) -> Result<Listing, TaskError> {
    let mut samples: Vec<Sample> = vec![];
    for (which, label) in which {
        for (_, path) in station.store.files_of(dataset, *which)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            samples.push(Sample { label: Some(*label), ..sample(&name, &path) });
        }
    }
    let root = station.place.dataset(dataset);
    if samples.is_empty() {
        return Err(JobError::from(DatasetError::NoImages { path: root, skipped: vec![] }).into());
    }
    samples.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Listing { root, layout: Layout::Flat, samples, skipped: vec![], notes: Notes::default() })
}

const NORMALS: &[(Labelled, Label)] = &[(Labelled::NotAnomalous, Label::Normal)];
const ALL: &[(Labelled, Label)] = &[(Labelled::NotAnomalous, Label::Normal), (Labelled::Anomalous, Label::Anomalous)];

fn fit(station: &Station, detector: &str, plan: &FitPlanText, context: &Context<'_>) -> Result<Value, TaskError> {
    let listing = listing(station, plan.dataset, NORMALS)?;
    let quality: Quality = plan.quality.parse()?;
    let mut how = FitPlan { domain: Some(plan.name.clone()), ..FitPlan::of(quality) };
    how.alpha = plan.alpha.unwrap_or(how.alpha);
    let path = station.place.unfinished();
    let work = FitJob { listing: &listing, plan: &how, base: None, bundle: &path, suspects: None };
    let done = job::fit(&work, station.bundles.device(), context)?;
    let n_images = listing.samples.len() - done.fitted.failures.len();
    adopt(station, &path, (detector, &plan.name), (&format!("fitted on {n_images} images"), None))?;
    let suspects = done.fitted.contents.manifest.suspects.as_ref().map_or(0, |suspects| suspects.kept.len());
    Ok(
        json!({"n_images": n_images, "n_failed": done.fitted.failures.len(), "n_suspects": suspects, "seconds": done.seconds}),
    )
}

/// The bundle of a detector, and where it lies.
fn bundle_of(
    station: &Station,
    detector: &str,
) -> Result<(crate::serve::store::KnownDetector, Contents, PathBuf), TaskError> {
    let known = station.store.detector(detector)?;
    let path = station.place.bundle(&known.sha);
    let contents = Contents::read(&path).map_err(JobError::from)?;
    Ok((known, contents, path))
}

fn update(station: &Station, detector: &str, plan: &UpdatePlanText, context: &Context<'_>) -> Result<Value, TaskError> {
    let (known, contents, path) = bundle_of(station, detector)?;
    let (mut normals, mut evidence, mut learned) = (vec![], Evidence::default(), vec![]);
    match plan.from {
        Learn::Dataset(id) => normals = listing(station, id, NORMALS)?.samples,
        Learn::Feedback => {
            for (id, name, path, is_defective) in station.store.marked(detector)? {
                let sample = sample(&format!("result-{id}/{name}"), &path);
                if is_defective {
                    evidence.defects.push(Sample { label: Some(Label::Anomalous), ..sample });
                } else {
                    learned.push((id, sample.path.clone()));
                    evidence.false_alarms.push(Sample { label: Some(Label::Normal), ..sample });
                }
            }
            if learned.is_empty() {
                let why =
                    format!("no result of detector {detector} is marked as a false alarm that it has not learned yet");
                return Err(TaskError::Nothing(why));
            }
        }
    }
    let out = station.place.unfinished();
    let work = ChangeJob { contents: &contents, bundle: &path, out: Some(&out) };
    let device = station.bundles.device();
    let done = job::update(&work, (&normals, &evidence), &UpdatePlan::default(), device, context)?;
    let n = done.updated.names.len();
    adopt(station, &out, (&known.id, &known.name), (&format!("learned {n} more images"), Some(&known.sha)))?;
    let kept: Vec<i64> =
        learned.iter().filter(|(_, path)| done.updated.paths.contains(path)).map(|(id, _)| *id).collect();
    station.store.learned(&kept)?;
    Ok(json!({"n_learned": n, "n_failed": done.updated.failures.len(), "left_out": done.left_out}))
}

fn calibrate(
    station: &Station,
    detector: &str,
    plan: &UpdatePlanText,
    context: &Context<'_>,
) -> Result<Value, TaskError> {
    let Learn::Dataset(id) = plan.from else {
        return Err(TaskError::Nothing(
            "false alarms alone calibrate nothing: name a data set of normal images".to_owned(),
        ));
    };
    let (known, contents, path) = bundle_of(station, detector)?;
    let listing = listing(station, id, NORMALS)?;
    let out = station.place.unfinished();
    let work = ChangeJob { contents: &contents, bundle: &path, out: Some(&out) };
    let how = CalibratePlan { alpha: plan.alpha, ..CalibratePlan::default() };
    let done = job::calibrate(&work, &listing, &how, station.bundles.device(), context)?;
    let n = listing.samples.len() - done.failures.len();
    adopt(station, &out, (&known.id, &known.name), (&format!("calibrated by {n} images"), Some(&known.sha)))?;
    Ok(json!({"n_images": n, "n_scores": done.n_scores, "n_rejected_before": done.n_rejected_before}))
}

fn compare(
    station: &Station,
    (id, detector): (i64, &str),
    plan: &ComparePlan,
    context: &Context<'_>,
) -> Result<Value, TaskError> {
    let opened = |name: &str| -> Result<_, TaskError> {
        Ok(station.bundles.open(&station.place, &station.store.detector(name)?.sha)?)
    };
    let (first, second) = (opened(detector)?, opened(&plan.with)?);
    let listing = listing(station, plan.dataset, ALL)?;
    let folder = station.place.job(id);
    let work =
        CompareJob { sides: [Side::Bundle(&first), Side::Bundle(&second)], listing: &listing, out: Some(&folder) };
    let found = job::compare(&work, context)?;
    let agreement = &found.agreement;
    Ok(json!({
        "n": agreement.n, "n_agree": agreement.n_agree, "interval": agreement.interval, "rank_correlation": agreement.rank_correlation,
        "only": agreement.only, "found": agreement.found, "false_alarms": agreement.false_alarms, "n_defects": agreement.n_defects,
        "n_normals": agreement.n_normals, "may_replace": format!("{:?}", found.may_replace).to_lowercase(),
    }))
}

/// Tells how far a job is, and gives way to images that wait.
struct Told<'a> {
    station: &'a Station,
    job: i64,
    stage: Mutex<(Stage, Option<Instant>)>,
    begun: Instant,
    /// How long it gave way so far.
    given: Mutex<Duration>,
}

impl Told<'_> {
    fn change(&self, how: impl FnOnce(&mut Stage), at_once: bool) {
        let mut told = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        how(&mut told.0);
        if at_once || told.1.is_none_or(|at| at.elapsed() > TELL_EVERY) {
            told.1 = Some(Instant::now());
            let stage = told.0.clone();
            drop(told);
            self.station.hub.set_stage(self.job, Some(stage));
            if let Ok(job) = self.station.job(self.job) {
                self.station.hub.tell(Event::Job(job.into()));
            }
        }
    }

    /// Sleeps as long as images wait, for two thirds of the time at most.
    fn give_way(&self) {
        let begun = Instant::now();
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let worked = self.begun.elapsed().saturating_sub(*given);
        let waits = || self.station.store.n_pending().unwrap_or(0) > 0;
        let may = |given: Duration| given + begun.elapsed() < 2 * worked && begun.elapsed() < GIVE_WAY;
        while may(*given) && !self.station.hub.is_stopping() && waits() {
            std::thread::sleep(Duration::from_millis(20));
        }
        *given += begun.elapsed();
    }
}

impl Progress for Told<'_> {
    fn begin(&self, stage: &str, total: usize) {
        self.change(|told| *told = Stage { name: stage.to_owned(), n_done: 0, n_total: total }, true);
    }

    fn advance(&self, n: usize) {
        self.change(|told| told.n_done += n, false);
        self.give_way();
    }

    fn end(&self) {}

    fn note(&self, message: &str) {
        let message = (self.station.wording)(message);
        tracing::info!(job = self.job, "{message}");
    }

    fn warn(&self, message: &str) {
        let message = (self.station.wording)(message);
        tracing::warn!(job = self.job, "{message}");
    }

    fn is_cancelled(&self) -> bool {
        self.station.hub.is_stopping() || self.station.hub.is_cancelled(self.job)
    }
}
