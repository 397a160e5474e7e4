//! Jobs.

use super::app::App;
use super::guard::{Operator, Viewer};
use super::problem::Problem;
use super::results::{ListQuery, MOST, list};
use super::upload::{Upload, take};
use crate::dataset;
use crate::serve::record::{JobKind, JobPage, JobRecord, JobState, Role};
use crate::serve::store::{Filter, NewItem, NewJob, Origin, Priority, StoreError, accept, add_job};
use crate::serve::work::Station;
use axum::Json;
use axum::extract::{FromRequest, Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use std::fs;
use std::path::PathBuf;
use utoipa::{IntoParams, ToSchema};

/// Jobs of a page.
const PAGE: usize = 50;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct JobsQuery {
    /// Only those in this state.
    state: Option<JobState>,
    /// Only those of this kind.
    kind: Option<JobKind>,
    /// So many at most.
    limit: Option<usize>,
    /// Older than this one.
    before: Option<i64>,
}

/// Jobs, the newest first.
#[utoipa::path(get, path = "/jobs", tag = "jobs", params(JobsQuery), responses((status = 200, body = JobPage)))]
pub(super) async fn jobs(
    State(app): State<App>,
    _caller: Viewer,
    Query(asked): Query<JobsQuery>,
) -> Result<Json<JobPage>, Problem> {
    let limit = asked.limit.unwrap_or(PAGE).clamp(1, MOST);
    app.block(move |station| {
        let mut page = station.store.jobs((asked.state, asked.kind), limit, asked.before)?;
        for job in page.jobs.iter_mut().filter(|job| job.state == JobState::Running) {
            *job = station.job(job.id)?;
        }
        Ok::<_, StoreError>(Json(page))
    })
    .await
}

/// A job.
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", params(("id" = i64, Path)), responses((status = 200, body = JobRecord), (status = 404, body = Problem)))]
pub(super) async fn job(
    State(app): State<App>,
    _caller: Viewer,
    Path(id): Path<i64>,
) -> Result<Json<JobRecord>, Problem> {
    app.block(move |station| station.job(id).map(Json)).await
}

/// The results of a job; `format=csv` and `format=parquet` give all of them as a file.
#[utoipa::path(get, path = "/jobs/{id}/results", tag = "jobs", params(("id" = i64, Path), ListQuery), responses((status = 200, body = crate::serve::record::FoundPage)))]
pub(super) async fn job_results(
    State(app): State<App>,
    _caller: Viewer,
    Path(id): Path<i64>,
    Query(asked): Query<ListQuery>,
) -> Result<Response, Problem> {
    app.block(move |station| {
        station.store.job(id)?;
        list(station, &Filter { job: Some(id), ..asked.filter() }, &asked)
    })
    .await
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FolderJob {
    /// The detector's id.
    detector: String,
    /// A folder of the server, below one that `--folder` allows.
    #[schema(value_type = String)]
    folder: PathBuf,
}

/// Inspects many images: a form with `detector` and `images`, or JSON with `detector` and `folder`.
#[utoipa::path(
    post, path = "/jobs", tag = "jobs",
    request_body(content(("multipart/form-data"), (FolderJob = "application/json"))),
    responses((status = 202, body = JobRecord), (status = 413, body = Problem)),
)]
pub(super) async fn new_job(
    State(app): State<App>,
    Operator(caller): Operator,
    request: Request,
) -> Result<(StatusCode, Json<JobRecord>), Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let id = if kind.starts_with("application/json") {
        if caller.role < Role::Admin {
            return Err(Problem::forbidden("folders of the server are for admins"));
        }
        let asked =
            Json::<FolderJob>::from_request(request, &()).await.map_err(|error| Problem::bad(error.to_string()))?;
        app.block(move |station| folder_job(station, &asked.0, &caller.name)).await?
    } else {
        let upload = take(&app, request).await?;
        app.block(move |station| upload_job(station, &upload, &caller.name)).await?
    };
    app.station.hub.add();
    let job = app.block(move |station| station.job(id)).await?;
    Ok((StatusCode::ACCEPTED, Json(job)))
}

/// The images of an upload, in a job; all of them or none.
fn upload_job(station: &Station, upload: &Upload, by: &str) -> Result<i64, Problem> {
    let detector = station.store.detector(upload.required("detector")?)?.id;
    if upload.files.is_empty() {
        return Err(Problem::bad("the field images is missing: send at least one file"));
    }
    let title = upload.field("title").map_or_else(|| format!("{} images", upload.files.len()), str::to_owned);
    station.store.write(|on| {
        let plan = "{}";
        let n_total = upload.files.len();
        let job = NewJob { kind: JobKind::Inspect, detector: &detector, title: &title, plan, n_total, by };
        let id = add_job(on, &job)?;
        let folder = station.place.job(id);
        // A killed server leaves a folder that nobody knows, which the next start removes.
        fs::create_dir_all(&folder)?;
        let images = folder.join("images");
        fs::rename(&upload.folder, &images)?;
        for file in &upload.files {
            let path = images.join(file.path.file_name().unwrap_or_default());
            let origin = Origin::Job(id);
            let item = NewItem {
                origin,
                name: &file.name,
                path: &path,
                detector: &detector,
                priority: Priority::Job,
                key: None,
                settled: true,
            };
            accept(on, &item)?;
        }
        Ok::<_, Problem>(id)
    })
}

/// A folder of the server that it may read.
///
/// # Errors
/// One that is not there, or not below an allowed one.
pub(super) fn allowed(station: &Station, folder: &std::path::Path) -> Result<PathBuf, Problem> {
    let refused = || {
        let known: Vec<String> = station.options.folders.iter().map(|path| path.display().to_string()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Problem::forbidden(format!(
            "{} is not below an allowed folder ({known}): see `ServeOptions::folders`",
            folder.display()
        ))
    };
    station.options.allowed(folder).ok_or_else(refused)
}

fn folder_job(station: &Station, asked: &FolderJob, by: &str) -> Result<i64, Problem> {
    let detector = station.store.detector(&asked.detector)?.id;
    let folder = allowed(station, &asked.folder)?;
    let listing = dataset::inputs(&[folder], None).map_err(|error| Problem::bad(error.to_string()))?;
    let title = asked.folder.display().to_string();
    let n_total = listing.samples.len();
    Ok(station.store.write(|on| {
        let job = NewJob { kind: JobKind::Inspect, detector: &detector, title: &title, plan: "{}", n_total, by };
        let id = add_job(on, &job)?;
        for sample in &listing.samples {
            let origin = Origin::Job(id);
            let item = NewItem {
                origin,
                name: &sample.name,
                path: &sample.path,
                detector: &detector,
                priority: Priority::Job,
                key: None,
                settled: true,
            };
            accept(on, &item)?;
        }
        Ok::<_, StoreError>(id)
    })?)
}

/// Stops a job; results that are made stay.
#[utoipa::path(post, path = "/jobs/{id}/cancel", tag = "jobs", params(("id" = i64, Path)), responses((status = 200, body = JobRecord), (status = 409, body = Problem)))]
pub(super) async fn cancel(
    State(app): State<App>,
    _caller: Operator,
    Path(id): Path<i64>,
) -> Result<Json<JobRecord>, Problem> {
    app.block(move |station| {
        let job = station.store.job(id)?;
        if job.state.is_over() {
            return Err(Problem::new(StatusCode::CONFLICT, format!("job {id} is {}", job.state)));
        }
        if job.kind == JobKind::Inspect || job.state == JobState::Pending {
            station.store.end_job(id, JobState::Cancelled, (None, None))?;
        } else {
            station.hub.cancel(id);
        }
        station.tell_job(id);
        Ok(Json(station.job(id)?))
    })
    .await
}

/// Removes a job that is over, its results and its images.
#[utoipa::path(delete, path = "/jobs/{id}", tag = "jobs", params(("id" = i64, Path)), responses((status = 204), (status = 409, body = Problem)))]
pub(super) async fn delete_job(
    State(app): State<App>,
    _caller: Operator,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    app.block(move |station| {
        station.store.delete_job(id)?;
        drop(fs::remove_dir_all(station.place.job(id)));
        Ok::<_, StoreError>(StatusCode::NO_CONTENT)
    })
    .await
}
