//! One image, one answer.

use super::app::App;
use super::guard::Operator;
use super::problem::Problem;
use super::upload::{Upload, take};
use crate::serve::place::DataFolder;
use crate::serve::record::FoundRecord;
use crate::serve::store::{Accepted, NewItem, Origin, Priority, accept};
use crate::serve::work::Station;
use axum::Json;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::fs;
use std::path::Path;
use std::time::Duration;
use utoipa::IntoParams;

/// The longest key.
const LONGEST_KEY: usize = 200;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// The detector's id.
    detector: String,
    /// What the image is called, where the body is the image itself.
    #[allow(dead_code, reason = "read by the upload, named here for the description of the API")]
    name: Option<String>,
}

/// Inspects one image, sent as the body or as a form's only file, and answers with its result.
#[utoipa::path(
    post, path = "/inspect", tag = "inspection", params(Asked, ("Idempotency-Key" = Option<String>, Header, description = "The same key gives the same result; the image is inspected once")),
    request_body(content_type = "application/octet-stream", description = "The bytes of the image; or multipart/form-data with the field `image`"),
    responses((status = 200, body = FoundRecord), (status = 202, description = "It waits: ask for the result at `Location`"), (status = 404, body = Problem), (status = 413, body = Problem)),
)]
pub(super) async fn inspect(
    State(app): State<App>,
    Operator(caller): Operator,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let key = key(&headers, &caller.name)?;
    let detector = asked.detector.clone();
    app.block(move |station| station.store.detector(&detector).map(drop)).await?;
    let upload = take(&app, request).await?;
    let new = move |station: &Station| {
        let what =
            Single { detector: &asked.detector, origin: Origin::Alone, priority: Priority::Now, key: key.as_deref() };
        accept_one(station, &upload, &what)
    };
    let id = app.block(new).await?.id();
    answer(&app, id).await
}

/// The idempotency key of a request, one of each caller.
pub(super) fn key(headers: &HeaderMap, caller: &str) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| !text.is_empty() && text.len() <= LONGEST_KEY);
    let text = text.ok_or_else(|| Problem::bad(format!("Idempotency-Key: up to {LONGEST_KEY} plain characters")))?;
    Ok(Some(format!("{caller}\n{text}")))
}

/// What a single image is for.
pub(super) struct Single<'a> {
    pub(super) detector: &'a str,
    pub(super) origin: Origin,
    pub(super) priority: Priority,
    pub(super) key: Option<&'a str>,
}

/// Puts an uploaded image where it stays, and has it wait for its result.
pub(super) fn accept_one(station: &Station, upload: &Upload, what: &Single<'_>) -> Result<Accepted, Problem> {
    let file = upload.one()?;
    if let Some(known) = what.key.map(|key| station.store.knows_key(key)).transpose()?.flatten() {
        return Ok(Accepted::Known(known));
    }
    let path = settle(&station.place, &file.path, &file.name)?;
    let new = NewItem {
        origin: what.origin,
        name: &file.name,
        path: &path,
        detector: what.detector,
        priority: what.priority,
        key: what.key,
        settled: true,
    };
    let accepted = station.store.write(|on| accept(on, &new));
    if !matches!(accepted, Ok(Accepted::New(_))) {
        drop(fs::remove_file(&path));
    }
    station.hub.add_image(what.priority);
    Ok(accepted?)
}

/// Moves a file to the single images.
fn settle(place: &DataFolder, from: &Path, name: &str) -> Result<std::path::PathBuf, Problem> {
    let path = place.inbox(name)?;
    fs::rename(from, &path)?;
    Ok(path)
}

/// Waits for the result of an item.
pub(super) async fn answer(app: &App, id: i64) -> Result<Response, Problem> {
    let told = app.station.hub.wait_for(id);
    let find = move |station: &Station| station.store.result_if_done(id);
    let mut found = app.block(find).await?;
    if found.is_none() {
        let at_most = Duration::from_secs(app.station.options.answer_timeout_s);
        // Late or never told: the database knows.
        drop(tokio::time::timeout(at_most, told).await);
        found = app.block(find).await?;
    }
    app.station.hub.forget(id);
    match found {
        Some(found) => Ok(Json(found).into_response()),
        None => {
            let place = format!("/api/v1/results/{id}");
            Ok((StatusCode::ACCEPTED, [("location", place)], Json(serde_json::json!({"id": id}))).into_response())
        }
    }
}
