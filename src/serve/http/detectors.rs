//! Detectors: made, moved, undone.

use super::app::App;
use super::guard::{Admin, Operator, Viewer};
use super::problem::Problem;
use super::upload::{Upload, take};
use crate::detect::Quality;
use crate::score::HeldOutScores;
use crate::serve::clock::rfc3339;
use crate::serve::record::{DetectorRecord, JobKind, JobRecord};
use crate::serve::store::{KnownDetector, NewJob, add_job};
use crate::serve::work::{ComparePlan, FitPlanText, Learn, Station, UpdatePlanText, adopt, change_threshold};
use axum::Json;
use axum::extract::{FromRequest, Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Scores of results that a threshold is looked at with.
const RECENT: usize = 500;
/// Characters of an id.
const LONGEST_ID: usize = 60;

/// Detectors, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Detectors {
    detectors: Vec<DetectorRecord>,
}

/// What a detector is, from the database and its bundle.
pub(in crate::serve) fn described(station: &Station, known: &KnownDetector) -> Result<DetectorRecord, Problem> {
    let path = station.place.bundle(&known.sha);
    let mut record = DetectorRecord {
        id: known.id.clone(),
        name: known.name.clone(),
        version: known.sha.clone(),
        method: String::new(),
        backbone: String::new(),
        fitted_at: rfc3339(known.at),
        n_images: 0,
        conditions: vec![],
        alpha: 0.0,
        threshold: None,
        n_held_out: 0,
        calibration: String::new(),
        bytes: std::fs::metadata(&path).map_or(0, |found| found.len()),
        lineage: station.store.lineage(&known.id)?,
        can_undo: known.can_undo,
        n_versions: known.n_versions,
        suspects: vec![],
        error: None,
    };
    match station.bundles.known(&station.place, &known.sha) {
        Ok(said) => {
            let manifest = &said.manifest;
            record.method = manifest.detector.kind.clone();
            record.backbone = manifest.detector.lead().map_or_else(String::new, |own| own.backbone.name.clone());
            record.n_images = manifest.sources.len();
            record.conditions = manifest.conditions.iter().map(|condition| condition.name.clone()).collect();
            record.alpha = manifest.calibration.alpha;
            record.threshold = manifest.calibration.global.threshold;
            record.n_held_out = manifest.calibration.global.n;
            record.calibration = manifest.calibration.method.clone();
            let suspects = manifest.suspects.iter().flat_map(|suspects| &suspects.kept);
            record.suspects = suspects.map(|suspect| suspect.name.clone()).collect();
        }
        Err(error) => record.error = Some((station.wording)(&error.to_string())),
    }
    Ok(record)
}

/// Detectors, by name.
#[utoipa::path(get, path = "/detectors", tag = "detectors", responses((status = 200, body = Detectors)))]
pub(super) async fn detectors(State(app): State<App>, _caller: Viewer) -> Result<Json<Detectors>, Problem> {
    app.block(|station| {
        let known = station.store.detectors()?;
        let detectors = known.iter().map(|known| described(station, known)).collect::<Result<_, Problem>>()?;
        Ok::<_, Problem>(Json(Detectors { detectors }))
    })
    .await
}

/// A detector.
#[utoipa::path(get, path = "/detectors/{id}", tag = "detectors", params(("id" = String, Path)), responses((status = 200, body = DetectorRecord), (status = 404, body = Problem)))]
pub(super) async fn detector(
    State(app): State<App>,
    _caller: Viewer,
    Path(id): Path<String>,
) -> Result<Json<DetectorRecord>, Problem> {
    app.block(move |station| described(station, &station.store.detector(&id)?).map(Json)).await
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewFit {
    /// What people will call it.
    name: String,
    /// The data set whose normal images it learns from; those without a label count as normal.
    dataset: i64,
    /// `fast`, `balanced` or `best`.
    quality: Option<String>,
    /// False alarms to allow, 0..1.
    alpha: Option<f64>,
}

/// The id of a detector with this name.
fn id_of(name: &str) -> Result<String, Problem> {
    let plain = |c: char| if c.is_alphanumeric() { c.to_lowercase().next().unwrap_or(c) } else { '-' };
    let id: String = name.trim().chars().map(plain).take(LONGEST_ID).collect();
    let id = id.trim_matches('-').to_owned();
    if id.is_empty() { Err(Problem::bad("name: at least one letter or digit")) } else { Ok(id) }
}

/// The id of a detector that is new.
fn new_id(station: &Station, name: &str) -> Result<String, Problem> {
    let id = id_of(name)?;
    let is_taken = station.store.detector(&id).is_ok() || station.store.is_being_fitted(&id)?;
    let taken = || {
        Problem::new(
            StatusCode::CONFLICT,
            format!("there is a detector {id} already, or a fit that makes it; choose another name"),
        )
    };
    if is_taken { Err(taken()) } else { Ok(id) }
}

fn check_alpha(alpha: Option<f64>) -> Result<(), Problem> {
    match alpha {
        Some(alpha) if !(alpha > 0.0 && alpha < 1.0) => {
            Err(Problem::bad(format!("alpha={alpha}: expected above 0 and below 1")))
        }
        Some(_) | None => Ok(()),
    }
}

/// Fits a detector to a data set (JSON; a job), or takes a bundle (a form with `name` and the file `bundle`).
#[utoipa::path(
    post, path = "/detectors", tag = "detectors", request_body(content((NewFit = "application/json"), ("multipart/form-data"))),
    responses((status = 201, body = DetectorRecord), (status = 202, body = JobRecord), (status = 409, body = Problem), (status = 422, body = Problem)),
)]
pub(super) async fn new_detector(
    State(app): State<App>,
    Operator(caller): Operator,
    request: Request,
) -> Result<Response, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        let upload = take(&app, request).await?;
        let record = app.block(move |station| adopt_upload(station, &upload)).await?;
        return Ok((StatusCode::CREATED, Json(record)).into_response());
    }
    let Json(asked) =
        Json::<NewFit>::from_request(request, &()).await.map_err(|error| Problem::bad(error.to_string()))?;
    let quality = asked.quality.unwrap_or_else(|| Quality::default().to_string());
    quality.parse::<Quality>().map_err(|error| Problem::bad(error.to_string()))?;
    check_alpha(asked.alpha)?;
    let plan = FitPlanText { dataset: asked.dataset, name: asked.name.trim().to_owned(), quality, alpha: asked.alpha };
    let new = move |station: &Station| {
        let id = new_id(station, &plan.name)?;
        let dataset = station.store.dataset(plan.dataset)?;
        let title = format!("fit {} on {}", plan.name, dataset.name);
        add(station, (JobKind::Fit, &id, &title), &plan, &caller.name)
    };
    Ok((StatusCode::ACCEPTED, Json(app.block(new).await?)).into_response())
}

fn adopt_upload(station: &Station, upload: &Upload) -> Result<DetectorRecord, Problem> {
    let file = upload.one()?;
    let stem = file.name.rsplit('/').next().unwrap_or_default().trim_end_matches(".pcore").to_owned();
    let name = upload.field("name").unwrap_or(&stem).trim().to_owned();
    let id = new_id(station, &name)?;
    let path = station.place.unfinished();
    std::fs::rename(&file.path, &path)?;
    adopt(station, &path, (&id, &name), ("uploaded", None))?;
    described(station, &station.store.detector(&id)?)
}

/// Adds a job that is no inspection.
fn add(
    station: &Station,
    (kind, detector, title): (JobKind, &str, &str),
    plan: &impl Serialize,
    by: &str,
) -> Result<JobRecord, Problem> {
    let plan = serde_json::to_string(plan).map_err(|error| Problem::internal(&error))?;
    let job = NewJob { kind, detector, title, plan: &plan, n_total: 0, by };
    let id = station.store.write(|on| add_job(on, &job))?;
    station.hub.add();
    Ok(station.job(id)?)
}

/// The bundle, as a file.
#[utoipa::path(get, path = "/detectors/{id}/bundle", tag = "detectors", params(("id" = String, Path)), responses((status = 200, content_type = "application/octet-stream")))]
pub(super) async fn bundle(
    State(app): State<App>,
    _caller: Viewer,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let known = app.block(move |station| station.store.detector(&id)).await?;
    let bytes = tokio::fs::read(app.station.place.bundle(&known.sha)).await?;
    let name: String = known.id.chars().filter(char::is_ascii).collect();
    let disposition = format!("attachment; filename=\"{name}.pcore\"");
    Ok((
        [(header::CONTENT_TYPE, "application/octet-stream".to_owned()), (header::CONTENT_DISPOSITION, disposition)],
        bytes,
    )
        .into_response())
}

/// Removes a detector; results by it stay.
#[utoipa::path(delete, path = "/detectors/{id}", tag = "detectors", params(("id" = String, Path)), responses((status = 204), (status = 409, body = Problem)))]
pub(super) async fn delete_detector(
    State(app): State<App>,
    _caller: Admin,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    app.block(move |station| station.store.delete_detector(&id).map(|()| StatusCode::NO_CONTENT)).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ThresholdQuery {
    /// False alarms to allow; those of the detector where it is left out.
    alpha: Option<f64>,
}

/// A threshold, and what it would do.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::serve) struct Thresholds {
    /// Raw scores of held-out normal images, ascending.
    pub(in crate::serve) held_out: Vec<f32>,
    /// Raw scores of the last results, the newest first.
    pub(in crate::serve) recent: Vec<RecentScore>,
    /// The rate of false alarms that was asked for.
    pub(in crate::serve) alpha: f64,
    /// The threshold of raw scores over all conditions; none where too few images were held out for the rate.
    pub(in crate::serve) threshold: Option<f32>,
    /// The smallest rate that the held-out images can vouch for.
    pub(in crate::serve) smallest_alpha: f64,
}

/// The score of a result.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::serve) struct RecentScore {
    /// The result.
    pub(in crate::serve) id: i64,
    /// Its raw score.
    pub(in crate::serve) score: f64,
    /// What people said of it.
    pub(in crate::serve) mark: Option<String>,
}

/// What a rate of false alarms would mean.
///
/// # Errors
/// A detector that is not there, a bundle that can't be read, a rate that is none.
pub(in crate::serve) fn thresholds_of(station: &Station, id: &str, alpha: Option<f64>) -> Result<Thresholds, Problem> {
    check_alpha(alpha)?;
    let known = station.store.detector(id)?;
    let said = station.bundles.known(&station.place, &known.sha)?;
    let calibration = &said.manifest.calibration;
    let alpha = alpha.unwrap_or(calibration.alpha);
    let held = HeldOutScores::new(&said.held_out, calibration.n_added.unwrap_or(0));
    let found = held.conformal(alpha).map_err(|error| Problem::bad(error.to_string()))?;
    let recent = station.store.recent_scores(id, RECENT)?;
    let recent = recent.into_iter().map(|(id, score, mark)| RecentScore { id, score, mark }).collect();
    let (held_out, smallest_alpha) = (held.ascending().to_vec(), 1.0 / (held.n() + 1) as f64);
    Ok(Thresholds { held_out, recent, alpha, threshold: found.threshold, smallest_alpha })
}

/// What a rate of false alarms would mean, before it is chosen.
#[utoipa::path(get, path = "/detectors/{id}/thresholds", tag = "detectors", params(("id" = String, Path), ThresholdQuery), responses((status = 200, body = Thresholds)))]
pub(super) async fn thresholds(
    State(app): State<App>,
    _caller: Viewer,
    Path(id): Path<String>,
    Query(asked): Query<ThresholdQuery>,
) -> Result<Json<Thresholds>, Problem> {
    app.block(move |station| thresholds_of(station, &id, asked.alpha).map(Json)).await
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewThreshold {
    /// False alarms to allow, 0..1.
    alpha: f64,
}

/// Moves the threshold.
#[utoipa::path(post, path = "/detectors/{id}/threshold", tag = "detectors", params(("id" = String, Path)), request_body = NewThreshold, responses((status = 200, body = DetectorRecord), (status = 422, body = Problem)))]
pub(super) async fn set_threshold(
    State(app): State<App>,
    _caller: Operator,
    Path(id): Path<String>,
    Json(asked): Json<NewThreshold>,
) -> Result<Json<DetectorRecord>, Problem> {
    app.block(move |station| {
        check_alpha(Some(asked.alpha))?;
        change_threshold(station, &id, asked.alpha)?;
        described(station, &station.store.detector(&id)?).map(Json)
    })
    .await
}

/// Uses the version before this one again.
#[utoipa::path(post, path = "/detectors/{id}/undo", tag = "detectors", params(("id" = String, Path)), responses((status = 200, body = DetectorRecord), (status = 409, body = Problem)))]
pub(super) async fn undo(
    State(app): State<App>,
    _caller: Operator,
    Path(id): Path<String>,
) -> Result<Json<DetectorRecord>, Problem> {
    app.block(move |station| {
        station.store.undo(&id)?;
        described(station, &station.store.detector(&id)?).map(Json)
    })
    .await
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUpdate {
    /// A data set of normal images.
    dataset: Option<i64>,
    /// The results that were marked as false alarms, weighed against those marked as misses and defects.
    #[serde(default)]
    feedback: bool,
}

/// Learns more normal images.
#[utoipa::path(post, path = "/detectors/{id}/update", tag = "detectors", params(("id" = String, Path)), request_body = NewUpdate, responses((status = 202, body = JobRecord)))]
pub(super) async fn update(
    State(app): State<App>,
    Operator(caller): Operator,
    Path(id): Path<String>,
    Json(asked): Json<NewUpdate>,
) -> Result<(StatusCode, Json<JobRecord>), Problem> {
    let from = match (asked.dataset, asked.feedback) {
        (Some(dataset), false) => Learn::Dataset(dataset),
        (None, true) => Learn::Feedback,
        _ => return Err(Problem::bad("either dataset, or feedback: true")),
    };
    let new = move |station: &Station| {
        let known = station.store.detector(&id)?;
        let what = match from {
            Learn::Dataset(dataset) => station.store.dataset(dataset)?.name,
            Learn::Feedback => "false alarms".to_owned(),
        };
        let title = format!("update {} by {what}", known.name);
        let plan = UpdatePlanText { from, alpha: None };
        add(station, (JobKind::Update, &known.id, &title), &plan, &caller.name)
    };
    Ok((StatusCode::ACCEPTED, Json(app.block(new).await?)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCalibration {
    /// A data set of normal images that were not learned from.
    dataset: i64,
    /// False alarms to allow; those of the detector where it is left out.
    alpha: Option<f64>,
}

/// Sets the threshold by other normal images.
#[utoipa::path(post, path = "/detectors/{id}/calibrate", tag = "detectors", params(("id" = String, Path)), request_body = NewCalibration, responses((status = 202, body = JobRecord)))]
pub(super) async fn calibrate(
    State(app): State<App>,
    Operator(caller): Operator,
    Path(id): Path<String>,
    Json(asked): Json<NewCalibration>,
) -> Result<(StatusCode, Json<JobRecord>), Problem> {
    check_alpha(asked.alpha)?;
    let new = move |station: &Station| {
        let (known, dataset) = (station.store.detector(&id)?, station.store.dataset(asked.dataset)?);
        let title = format!("calibrate {} by {}", known.name, dataset.name);
        let plan = UpdatePlanText { from: Learn::Dataset(dataset.id), alpha: asked.alpha };
        add(station, (JobKind::Calibrate, &known.id, &title), &plan, &caller.name)
    };
    Ok((StatusCode::ACCEPTED, Json(app.block(new).await?)))
}

/// Puts another detector beside this one, on a data set.
#[utoipa::path(post, path = "/detectors/{id}/compare", tag = "detectors", params(("id" = String, Path)), request_body = ComparePlan, responses((status = 202, body = JobRecord)))]
pub(super) async fn compare(
    State(app): State<App>,
    Operator(caller): Operator,
    Path(id): Path<String>,
    Json(asked): Json<ComparePlan>,
) -> Result<(StatusCode, Json<JobRecord>), Problem> {
    let new = move |station: &Station| {
        let (known, other) = (station.store.detector(&id)?, station.store.detector(&asked.with)?);
        let dataset = station.store.dataset(asked.dataset)?;
        let title = format!("compare {} with {} on {}", known.name, other.name, dataset.name);
        add(station, (JobKind::Compare, &known.id, &title), &asked, &caller.name)
    };
    Ok((StatusCode::ACCEPTED, Json(app.block(new).await?)))
}
