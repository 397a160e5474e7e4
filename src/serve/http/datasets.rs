//! Data sets: images that are kept to fit, calibrate and compare on.

use super::app::App;
use super::guard::{Operator, Viewer};
use super::problem::Problem;
use super::upload::{Upload, take};
use crate::serve::place::file_name;
use crate::serve::record::{DatasetImage, DatasetRecord};
use crate::serve::store::{NewImage, StoreError};
use crate::serve::work::Station;
use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::PathBuf;
use utoipa::{IntoParams, ToSchema};

/// Images of a page.
const PAGE: usize = 100;

/// Data sets, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Datasets {
    datasets: Vec<DatasetRecord>,
}

/// Data sets, by name.
#[utoipa::path(get, path = "/datasets", tag = "datasets", responses((status = 200, body = Datasets)))]
pub(super) async fn datasets(State(app): State<App>, _caller: Viewer) -> Result<Json<Datasets>, Problem> {
    app.block(|station| station.store.datasets().map(|datasets| Json(Datasets { datasets }))).await
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDataset {
    /// What people will call it.
    name: String,
}

/// Makes an empty data set.
#[utoipa::path(post, path = "/datasets", tag = "datasets", request_body = NewDataset, responses((status = 201, body = DatasetRecord), (status = 409, body = Problem)))]
pub(super) async fn new_dataset(
    State(app): State<App>,
    _caller: Operator,
    Json(asked): Json<NewDataset>,
) -> Result<(StatusCode, Json<DatasetRecord>), Problem> {
    let name = asked.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(Problem::bad("name: 1 to 100 characters"));
    }
    app.block(move |station| {
        let id = station.store.add_dataset(&name)?;
        fs::create_dir_all(station.place.dataset(id))?;
        Ok::<_, Problem>((StatusCode::CREATED, Json(station.store.dataset(id)?)))
    })
    .await
}

/// A data set.
#[utoipa::path(get, path = "/datasets/{id}", tag = "datasets", params(("id" = i64, Path)), responses((status = 200, body = DatasetRecord), (status = 404, body = Problem)))]
pub(super) async fn dataset(
    State(app): State<App>,
    _caller: Viewer,
    Path(id): Path<i64>,
) -> Result<Json<DatasetRecord>, Problem> {
    app.block(move |station| station.store.dataset(id).map(Json)).await
}

/// Removes a data set and its images.
#[utoipa::path(delete, path = "/datasets/{id}", tag = "datasets", params(("id" = i64, Path)), responses((status = 204), (status = 404, body = Problem)))]
pub(super) async fn delete_dataset(
    State(app): State<App>,
    _caller: Operator,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    app.block(move |station| {
        station.store.delete_dataset(id)?;
        drop(fs::remove_dir_all(station.place.dataset(id)));
        Ok::<_, StoreError>(StatusCode::NO_CONTENT)
    })
    .await
}

/// A label, as it was asked for.
fn label_of(word: Option<&str>) -> Result<Option<&'static str>, Problem> {
    match word {
        None | Some("" | "unlabelled") => Ok(None),
        Some("normal") => Ok(Some("normal")),
        Some("anomalous") => Ok(Some("anomalous")),
        Some(other) => Err(Problem::bad(format!("label={other}: expected normal, anomalous or unlabelled"))),
    }
}

/// Adds images: a form with `images`, and `label` if they have one.
#[utoipa::path(post, path = "/datasets/{id}/images", tag = "datasets", params(("id" = i64, Path)), request_body(content_type = "multipart/form-data"), responses((status = 201, body = DatasetRecord), (status = 413, body = Problem)))]
pub(super) async fn add_images(
    State(app): State<App>,
    _caller: Operator,
    Path(id): Path<i64>,
    request: Request,
) -> Result<(StatusCode, Json<DatasetRecord>), Problem> {
    app.block(move |station| station.store.dataset(id).map(drop)).await?;
    let upload = take(&app, request).await?;
    app.block(move |station| add(station, id, &upload).map(|record| (StatusCode::CREATED, Json(record)))).await
}

fn add(station: &Station, id: i64, upload: &Upload) -> Result<DatasetRecord, Problem> {
    let label = label_of(upload.field("label"))?;
    if upload.files.is_empty() {
        return Err(Problem::bad("the field images is missing: send at least one file"));
    }
    let folder = station.place.dataset(id);
    fs::create_dir_all(&folder)?;
    let mut placed: Vec<PathBuf> = vec![];
    let place = || -> Result<(), Problem> {
        for file in &upload.files {
            let path = folder.join(format!("{:08x}-{}", rand::rng().random::<u32>(), file_name(&file.name)));
            fs::rename(&file.path, &path)?;
            placed.push(path);
        }
        Ok(())
    };
    let mut place = place;
    let added = place().and_then(|()| {
        let new = upload.files.iter().zip(&placed);
        let new: Vec<NewImage<'_>> =
            new.map(|(file, path)| NewImage { name: &file.name, path, bytes: file.bytes }).collect();
        Ok(station.store.add_images(id, label, &new)?)
    });
    if added.is_err() {
        placed.iter().for_each(|path| drop(fs::remove_file(path)));
    }
    added?;
    Ok(station.store.dataset(id)?)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ImagesQuery {
    /// After this one.
    after: Option<i64>,
    /// So many at most.
    limit: Option<usize>,
}

/// Images of a data set.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Images {
    images: Vec<DatasetImage>,
    /// `after` of the next page; `null` at the end.
    next: Option<i64>,
}

/// Images of a data set, in the order in which they came.
#[utoipa::path(get, path = "/datasets/{id}/images", tag = "datasets", params(("id" = i64, Path), ImagesQuery), responses((status = 200, body = Images)))]
pub(super) async fn images(
    State(app): State<App>,
    _caller: Viewer,
    Path(id): Path<i64>,
    Query(asked): Query<ImagesQuery>,
) -> Result<Json<Images>, Problem> {
    let limit = asked.limit.unwrap_or(PAGE).clamp(1, super::results::MOST);
    app.block(move |station| {
        station.store.dataset(id)?;
        let mut images = station.store.images(id, asked.after.unwrap_or(0), limit + 1)?;
        let more = images.len() > limit;
        images.truncate(limit);
        let next = images.last().filter(|_| more).map(|image| image.id);
        Ok::<_, StoreError>(Json(Images { images, next }))
    })
    .await
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLabel {
    /// `normal`, `anomalous`, or none.
    label: Option<String>,
}

/// Labels an image.
#[utoipa::path(patch, path = "/datasets/{id}/images/{image}", tag = "datasets", params(("id" = i64, Path), ("image" = i64, Path)), request_body = NewLabel, responses((status = 204), (status = 404, body = Problem)))]
pub(super) async fn label(
    State(app): State<App>,
    _caller: Operator,
    Path((id, image)): Path<(i64, i64)>,
    Json(asked): Json<NewLabel>,
) -> Result<StatusCode, Problem> {
    let label = label_of(asked.label.as_deref())?;
    app.block(move |station| station.store.label(id, image, label).map(|()| StatusCode::NO_CONTENT)).await
}

/// Removes an image.
#[utoipa::path(delete, path = "/datasets/{id}/images/{image}", tag = "datasets", params(("id" = i64, Path), ("image" = i64, Path)), responses((status = 204), (status = 404, body = Problem)))]
pub(super) async fn delete_image(
    State(app): State<App>,
    _caller: Operator,
    Path((id, image)): Path<(i64, i64)>,
) -> Result<StatusCode, Problem> {
    app.block(move |station| {
        let path = station.store.image_file(id, image)?;
        station.store.delete_image(id, image)?;
        drop(fs::remove_file(path));
        Ok::<_, StoreError>(StatusCode::NO_CONTENT)
    })
    .await
}
