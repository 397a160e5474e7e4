//! Lines: sources, detectors and sinks that belong together.

use super::app::App;
use super::guard::{Admin, Operator, Viewer};
use super::inspect::{Single, accept_one, answer, key};
use super::problem::Problem;
use super::upload::take;
use crate::serve::clock::now_ms;
use crate::serve::line::Policy;
use crate::serve::record::{LineRecord, LineState};
use crate::serve::store::{LineSettings, Origin, Priority};
use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Results of a line that are told with it.
const LAST: usize = 12;
/// Images that wait at most, where nothing else is said.
const CAPACITY: i64 = 1000;

/// Lines, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LineList {
    lines: Vec<LineRecord>,
}

/// A line, as it is now.
pub(in crate::serve) async fn record(app: &App, id: i64) -> Result<LineRecord, Problem> {
    let lines = Arc::clone(&app.lines);
    app.block(move |station| {
        let settings = station.store.line(id)?;
        let counts = station.store.line_counts(id, now_ms())?;
        let last = station.store.last_of_line(id, LAST)?;
        let (state, error) = lines.state(id, settings.running);
        let parsed = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
        Ok::<_, Problem>(LineRecord {
            id,
            name: settings.name,
            detector: settings.detector,
            state,
            source: parsed(&settings.source),
            sinks: crate::serve::line::redacted(&settings.sinks),
            policy: settings.policy,
            capacity: settings.capacity,
            n_inspected: counts.n_inspected,
            n_anomalous: counts.n_anomalous,
            n_failed: counts.n_failed,
            n_dropped: counts.n_dropped,
            n_pending: counts.n_pending,
            per_minute: counts.per_minute,
            p95_ms: counts.p95_ms,
            last,
            drift: lines.drift(id),
            error,
        })
    })
    .await
}

/// Lines, by name.
pub(in crate::serve) async fn records(app: &App) -> Result<Vec<LineRecord>, Problem> {
    let ids = app.block(|station| station.store.lines()).await?;
    let mut lines = vec![];
    for (id, _) in ids {
        lines.push(record(app, id).await?);
    }
    Ok(lines)
}

/// Lines, by name.
#[utoipa::path(get, path = "/lines", tag = "lines", responses((status = 200, body = LineList)))]
pub(super) async fn lines(State(app): State<App>, _caller: Viewer) -> Result<Json<LineList>, Problem> {
    records(&app).await.map(|lines| Json(LineList { lines }))
}

/// A line.
#[utoipa::path(get, path = "/lines/{id}", tag = "lines", params(("id" = i64, Path)), responses((status = 200, body = LineRecord), (status = 404, body = Problem)))]
pub(super) async fn line(
    State(app): State<App>,
    _caller: Viewer,
    Path(id): Path<i64>,
) -> Result<Json<LineRecord>, Problem> {
    record(&app, id).await.map(Json)
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LineChange {
    /// What people call it.
    name: Option<String>,
    /// The detector's id.
    detector: Option<String>,
    /// `{"kind": "folder", "folder": ..., "after": "move"|"keep"}`, `{"kind": "push"}` or `{"kind": "command", "command": [...]}`.
    #[schema(value_type = Object)]
    source: Option<Value>,
    /// `{"kind": "folder", ...}`, `webhook`, `parquet`, and where they are built in `mqtt`, `modbus` and `s3`.
    #[schema(value_type = Vec<Object>)]
    sinks: Option<Value>,
    /// `block`, `drop_oldest` or `spill`.
    policy: Option<Policy>,
    /// Images that wait at most.
    capacity: Option<i64>,
}

/// The settings of a line, changed.
fn changed(app: &App, before: LineSettings, change: &LineChange) -> Result<LineSettings, Problem> {
    let LineChange { name, detector, source, sinks, policy, capacity } = change;
    let mut after = before;
    if let Some(name) = name {
        after.name = name.trim().to_owned();
    }
    if let Some(detector) = detector {
        after.detector.clone_from(detector);
    }
    if let Some(source) = source {
        after.source = source.to_string();
    }
    if let Some(sinks) = sinks {
        let mut sinks = sinks.clone();
        crate::serve::line::with_secrets(&mut sinks, &after.sinks);
        after.sinks = sinks.to_string();
    }
    if let Some(policy) = policy {
        after.policy = policy.as_str().to_owned();
    }
    if let Some(capacity) = capacity {
        after.capacity = *capacity;
    }
    if after.name.is_empty() || after.name.chars().count() > 100 || after.name.chars().any(char::is_control) {
        return Err(Problem::bad("name: 1 to 100 characters"));
    }
    if !(1..=1_000_000).contains(&after.capacity) {
        return Err(Problem::bad("capacity: 1 to 1000000 images"));
    }
    let wording = app.station.wording;
    crate::serve::line::check(&after, &app.station.options).map_err(|why| Problem::bad(wording(&why)))?;
    Ok(after)
}

/// Makes a line, stopped.
#[utoipa::path(post, path = "/lines", tag = "lines", request_body = LineChange, responses((status = 201, body = LineRecord), (status = 409, body = Problem)))]
pub(super) async fn new_line(
    State(app): State<App>,
    _caller: Admin,
    Json(change): Json<LineChange>,
) -> Result<(StatusCode, Json<LineRecord>), Problem> {
    if change.name.is_none() || change.detector.is_none() {
        return Err(Problem::bad("name and detector are needed"));
    }
    let empty = LineSettings {
        name: String::new(),
        detector: String::new(),
        running: false,
        source: r#"{"kind":"push"}"#.to_owned(),
        sinks: "[]".to_owned(),
        policy: Policy::Block.as_str().to_owned(),
        capacity: CAPACITY,
    };
    let settings = changed(&app, empty, &change)?;
    let id = app
        .block(move |station| {
            station.store.detector(&settings.detector)?;
            station.store.set_line(None, &settings)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(record(&app, id).await?)))
}

/// Has the threads of a line follow its settings.
async fn apply(app: &App, id: i64) -> Result<(), Problem> {
    let lines = Arc::clone(&app.lines);
    app.block(move |_| {
        lines.apply(id);
        Ok::<_, Problem>(())
    })
    .await
}

/// Changes a line; what is left out stays.
#[utoipa::path(patch, path = "/lines/{id}", tag = "lines", params(("id" = i64, Path)), request_body = LineChange, responses((status = 200, body = LineRecord), (status = 404, body = Problem)))]
pub(super) async fn change_line(
    State(app): State<App>,
    _caller: Admin,
    Path(id): Path<i64>,
    Json(change): Json<LineChange>,
) -> Result<Json<LineRecord>, Problem> {
    let before = app.block(move |station| station.store.line(id)).await?;
    let after = changed(&app, before, &change)?;
    app.block(move |station| {
        station.store.detector(&after.detector)?;
        station.store.set_line(Some(id), &after)
    })
    .await?;
    apply(&app, id).await?;
    record(&app, id).await.map(Json)
}

/// Removes a line; results stay.
#[utoipa::path(delete, path = "/lines/{id}", tag = "lines", params(("id" = i64, Path)), responses((status = 204), (status = 404, body = Problem)))]
pub(super) async fn delete_line(
    State(app): State<App>,
    _caller: Admin,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    let lines = Arc::clone(&app.lines);
    app.block(move |station| {
        station.store.line(id)?;
        lines.stop(id);
        station.store.delete_line(id).map(|()| StatusCode::NO_CONTENT)
    })
    .await
}

async fn set_running(app: &App, id: i64, running: bool) -> Result<Json<LineRecord>, Problem> {
    app.block(move |station| {
        let settings = station.store.line(id)?;
        station.store.set_line(Some(id), &LineSettings { running, ..settings })
    })
    .await?;
    apply(app, id).await?;
    record(app, id).await.map(Json)
}

/// Has a line take images, also after the next start of the server.
#[utoipa::path(post, path = "/lines/{id}/start", tag = "lines", params(("id" = i64, Path)), responses((status = 200, body = LineRecord)))]
pub(super) async fn start(
    State(app): State<App>,
    _caller: Operator,
    Path(id): Path<i64>,
) -> Result<Json<LineRecord>, Problem> {
    set_running(&app, id, true).await
}

/// Has a line take no more images; those that wait are inspected.
#[utoipa::path(post, path = "/lines/{id}/stop", tag = "lines", params(("id" = i64, Path)), responses((status = 200, body = LineRecord)))]
pub(super) async fn stop(
    State(app): State<App>,
    _caller: Operator,
    Path(id): Path<i64>,
) -> Result<Json<LineRecord>, Problem> {
    set_running(&app, id, false).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PushQuery {
    /// Answers with the result.
    #[serde(default)]
    wait: bool,
    /// What the image is called, where the body is the image itself.
    #[allow(dead_code, reason = "read by the upload, named here for the description of the API")]
    name: Option<String>,
}

/// Gives a line an image: accepted, or with `wait=true` its result.
#[utoipa::path(
    post, path = "/lines/{id}/images", tag = "lines", params(("id" = i64, Path), PushQuery),
    request_body(content_type = "application/octet-stream", description = "The bytes of the image; or multipart/form-data with the field `image`"),
    responses((status = 200, body = crate::serve::record::FoundRecord), (status = 202), (status = 409, body = Problem), (status = 503, body = Problem)),
)]
pub(super) async fn push(
    State(app): State<App>,
    Operator(caller): Operator,
    Path(id): Path<i64>,
    Query(asked): Query<PushQuery>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let key = key(&headers, &caller.name)?;
    let settings = app.block(move |station| station.store.line(id)).await?;
    if app.lines.state(id, settings.running).0 == LineState::Stopped {
        return Err(Problem::new(StatusCode::CONFLICT, format!("line {} is stopped: start it first", settings.name)));
    }
    let (policy, capacity) = (settings.policy.parse().unwrap_or(Policy::Block), settings.capacity);
    let n_waiting = app.block(move |station| station.store.n_waiting(id)).await?;
    if policy == Policy::Block && n_waiting >= capacity {
        let why = format!("{n_waiting} images of line {} wait, which is as many as may; try again", settings.name);
        return Ok(([(header::RETRY_AFTER, "1")], Problem::new(StatusCode::SERVICE_UNAVAILABLE, why)).into_response());
    }
    let upload = take(&app, request).await?;
    let item = app
        .block(move |station| {
            let (origin, priority) = (Origin::Line(id), Priority::Line);
            let what = Single { detector: &settings.detector, origin, priority, key: key.as_deref() };
            let accepted = accept_one(station, &upload, &what)?;
            if policy == Policy::DropOldest {
                crate::serve::line::make_room(station, id, capacity)?;
            }
            Ok::<_, Problem>(accepted.id())
        })
        .await?;
    if asked.wait {
        return answer(&app, item).await;
    }
    let place = format!("/api/v1/results/{item}");
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, place)], Json(serde_json::json!({"id": item}))).into_response())
}
