//! Pictures of results and data sets. Nothing is drawn before somebody looks: the image is inspected again by the bundle that judged it,
//! which gives the same map, bit for bit.

use super::app::App;
use super::guard::Viewer;
use super::problem::Problem;
use crate::image::{Image, read_as};
use crate::infer::{Calibration, ExplainPlan, Inspection, NormalImages, NormalPatch, PixelBox};
use crate::job::{JobError, Opened};
use crate::report::{DrawStyle, Picture, ReportError, colour, colours, draw_image, draw_inspection};
use crate::serve::work::{Station, inspect_again};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use serde::Serialize;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// The longest side of a small picture.
const SMALL_PX: usize = 256;
/// The longest side of a large one.
const LARGE_PX: usize = 2000;
/// Beyond it a file is drawn anew in place of being sent.
const MAX_SENT_BYTES: u64 = 16 << 20;
/// How often, and how long, a file is waited for that is being moved.
const LOOKS: usize = 5;
const LOOK: Duration = Duration::from_millis(100);
/// The longest side of a normal patch that is shown, with what is around it.
const AROUND_PX: usize = 128;

/// A picture that never changes, since its address names a result.
fn picture(kind: &'static str, bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "private, max-age=86400")], bytes).into_response()
}

fn undrawn(error: &ReportError) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("it can't be drawn: {error}"))
}

fn gone(path: &std::path::Path) -> Problem {
    let why = match path.file_name() {
        Some(name) => format!("the image {} is no longer where it was", name.to_string_lossy()),
        None => "the image was removed, as it is older than images are kept".to_owned(),
    };
    Problem::new(StatusCode::GONE, why)
}

/// What browsers show as it is, by its first bytes.
fn shown_by_browsers(start: &[u8]) -> Option<&'static str> {
    match start {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

/// A file as it is where browsers show it, else drawn.
fn shown(path: &std::path::Path, max_side_px: Option<usize>, station: &Station) -> Result<Response, Problem> {
    let mut file = std::fs::File::open(path).map_err(|_| gone(path))?;
    let mut start = [0; 16];
    let n = file.read(&mut start)?;
    let small = file.metadata()?.len() <= MAX_SENT_BYTES;
    if let Some(kind) = shown_by_browsers(&start[..n]).filter(|_| small && max_side_px.is_none()) {
        return Ok(picture(kind, std::fs::read(path)?));
    }
    let image = read_as(path, &station.options.limits.into()).map_err(JobError::from)?;
    draw(&image, max_side_px.unwrap_or(LARGE_PX))
}

fn draw(image: &Image, max_side_px: usize) -> Result<Response, Problem> {
    let drawn = draw_image(image, image, Some(max_side_px)).and_then(|picture| picture.jpeg(85));
    Ok(picture("image/jpeg", drawn.map_err(|error| undrawn(&error))?))
}

/// The image of a result, as browsers can show it.
#[utoipa::path(get, path = "/results/{id}/image", tag = "results", params(("id" = i64, Path)), responses((status = 200, content_type = "image/*"), (status = 410, body = Problem)))]
pub(super) async fn result_image(
    State(app): State<App>,
    _caller: Viewer,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    app.draw(move |station| shown(&file_of(station, id)?.0, None, station)).await
}

/// The image of a result, no side longer than 256 pixels.
#[utoipa::path(get, path = "/results/{id}/thumbnail", tag = "results", params(("id" = i64, Path)), responses((status = 200, content_type = "image/jpeg"), (status = 410, body = Problem)))]
pub(super) async fn thumbnail(
    State(app): State<App>,
    _caller: Viewer,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    app.draw(move |station| shown(&file_of(station, id)?.0, Some(SMALL_PX), station)).await
}

/// An image of a data set, no side longer than 256 pixels.
#[utoipa::path(get, path = "/datasets/{id}/images/{image}/thumbnail", tag = "datasets", params(("id" = i64, Path), ("image" = i64, Path)), responses((status = 200, content_type = "image/jpeg")))]
pub(super) async fn dataset_thumbnail(
    State(app): State<App>,
    _caller: Viewer,
    Path((id, image)): Path<(i64, i64)>,
) -> Result<Response, Problem> {
    app.draw(move |station| shown(&station.store.image_file(id, image)?, Some(SMALL_PX), station)).await
}

/// Where the image of a result lies, and the bundle that judged it. A file of a line is on its way for a moment after its result is
/// made: it is looked for again then.
fn file_of(station: &Station, id: i64) -> Result<(PathBuf, String), Problem> {
    let mut found = station.store.result_file(id)?;
    for _ in 0..LOOKS {
        if found.0.is_file() {
            return Ok(found);
        }
        std::thread::sleep(LOOK);
        found = station.store.result_file(id)?;
    }
    if found.0.is_file() { Ok(found) } else { Err(gone(&found.0)) }
}

/// A result once more: the bundle that judged it, its image, and what is said of it.
fn again(station: &Station, id: i64) -> Result<(Arc<Opened>, Image, Inspection), Problem> {
    let (path, sha) = file_of(station, id)?;
    let opened = station.bundles.open(&station.place, &sha)?;
    let (image, found) = inspect_again(&opened, &path)?;
    Ok((opened, image, found))
}

/// The image with its anomaly map over it.
#[utoipa::path(get, path = "/results/{id}/overlay", tag = "results", params(("id" = i64, Path)), responses((status = 200, content_type = "image/png"), (status = 410, body = Problem)))]
pub(super) async fn overlay(State(app): State<App>, _caller: Viewer, Path(id): Path<i64>) -> Result<Response, Problem> {
    app.draw(move |station| {
        let (_, image, found) = again(station, id)?;
        let style = DrawStyle {
            pixel_threshold: found.pixel_threshold,
            truth: None,
            legend: true,
            max_side_px: Some(LARGE_PX),
        };
        let drawn = draw_inspection(&image, &found, &style).and_then(|picture| picture.png());
        Ok::<_, Problem>(picture("image/png", drawn.map_err(|error| undrawn(&error))?))
    })
    .await
}

/// The anomaly map alone, in colour, clear where nothing is unusual: to be laid over the image.
#[utoipa::path(get, path = "/results/{id}/heat", tag = "results", params(("id" = i64, Path)), responses((status = 200, content_type = "image/png"), (status = 410, body = Problem)))]
pub(super) async fn heat(State(app): State<App>, _caller: Viewer, Path(id): Path<i64>) -> Result<Response, Problem> {
    app.draw(move |station| {
        let (_, image, found) = again(station, id)?;
        Ok::<_, Problem>(picture("image/png", heat_png(&image, &found)?))
    })
    .await
}

fn heat_png(image: &Image, found: &Inspection) -> Result<Vec<u8>, Problem> {
    let (height, width) = (image.height_px(), image.width_px());
    let map = found.map.at_source(&found.placement, height, width);
    let scale = colours(found.pixel_threshold, &map).map_err(|error| undrawn(&error))?;
    let step = height.max(width).div_ceil(LARGE_PX).max(1);
    let (rows, columns) = (height.div_ceil(step), width.div_ceil(step));
    let mut pixels = Vec::with_capacity(rows * columns * 4);
    for y in 0..rows {
        for x in 0..columns {
            let position = scale.position(map.values[y * step * width + x * step]);
            let [r, g, b] = colour(position);
            pixels.extend([r, g, b, (position.clamp(0.0, 1.0) * 255.0).round() as u8]);
        }
    }
    png(&pixels, (columns, rows), ExtendedColorType::Rgba8)
}

fn png(bytes: &[u8], (columns, rows): (usize, usize), kind: ExtendedColorType) -> Result<Vec<u8>, Problem> {
    let mut out = vec![];
    let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let written = PngEncoder::new(&mut out).write_image(bytes, side(columns), side(rows), kind);
    written.map_err(|error| Problem::internal(&error))?;
    Ok(out)
}

/// The anomaly map at the image's own resolution, grey, 16 bits: 0 to twice the pixel threshold.
#[utoipa::path(get, path = "/results/{id}/map", tag = "results", params(("id" = i64, Path)), responses((status = 200, content_type = "image/png"), (status = 410, body = Problem)))]
pub(super) async fn map(State(app): State<App>, _caller: Viewer, Path(id): Path<i64>) -> Result<Response, Problem> {
    app.draw(move |station| {
        let (_, image, found) = again(station, id)?;
        let (height, width) = (image.height_px(), image.width_px());
        let map = found.map.at_source(&found.placement, height, width);
        let full = 2.0 * found.pixel_threshold.unwrap_or_else(|| map.max()).max(f32::MIN_POSITIVE);
        let grey = |value: &f32| ((value / full * 65535.0).clamp(0.0, 65535.0).round() as u16).to_ne_bytes();
        let bytes: Vec<u8> = map.values.iter().flat_map(grey).collect();
        Ok::<_, Problem>(picture("image/png", png(&bytes, (width, height), ExtendedColorType::L16)?))
    })
    .await
}

/// Why an image scores as it does.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Why {
    /// The patches that score highest.
    patches: Vec<WhyPatch>,
}

/// A patch, and the normal one that is most like it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WhyPatch {
    /// `[left, top, width, height]`, in pixels of the image.
    r#box: [usize; 4],
    /// How far it is from the nearest normal patch.
    distance: f32,
    /// The training image that has that one.
    name: Option<String>,
    /// The normal patch with what is around it, a `data:` address; none where the image is not at hand.
    picture: Option<String>,
    /// Why there is no picture.
    missing: Option<String>,
}

/// The patches that score highest, and the nearest normal ones.
#[utoipa::path(get, path = "/results/{id}/explain", tag = "results", params(("id" = i64, Path)), responses((status = 200, body = Why), (status = 410, body = Problem)))]
pub(super) async fn explain(
    State(app): State<App>,
    _caller: Viewer,
    Path(id): Path<i64>,
) -> Result<Json<Why>, Problem> {
    app.draw(move |station| {
        let (path, sha) = file_of(station, id)?;
        let found = station.store.result(id)?;
        let opened = station.bundles.open(&station.place, &sha)?;
        let root = station.store.fitted_on(&found.detector)?.map(|dataset| station.place.dataset(dataset));
        why(&opened, &path, root).map(Json)
    })
    .await
}

fn why(opened: &Opened, path: &std::path::Path, root: Option<PathBuf>) -> Result<Why, Problem> {
    let inspector = &opened.inspector;
    let image = read_as(path, &inspector.reading()).map_err(JobError::from)?;
    let plan = ExplainPlan::default();
    let explanation = inspector.explain(&image, None, Calibration::default(), &plan).map_err(JobError::from)?;
    let mut normals = NormalImages::new(root);
    let mut patches = vec![];
    for patch in &explanation.patches {
        let nearest = patch.matches.first();
        let found = nearest.map(|nearest| normals.patch(inspector, explanation.shown_part, nearest)).transpose();
        let (picture, missing) = match found.map_err(JobError::from)? {
            Some(NormalPatch::Found { image, place }) => (Some(around(&image, place.pixels)?), None),
            Some(NormalPatch::Missing { reason }) => (None, Some(reason)),
            Some(NormalPatch::Changed) => (None, Some("the training image has changed since".to_owned())),
            None => (None, None),
        };
        let PixelBox { top_px, left_px, height_px, width_px } = patch.place.pixels;
        let name = nearest.and_then(|nearest| nearest.source.clone());
        patches.push(WhyPatch {
            r#box: [left_px, top_px, width_px, height_px],
            distance: patch.distance,
            name,
            picture,
            missing,
        });
    }
    Ok(Why { patches })
}

/// What is around a box of an image, as an address.
fn around(image: &Image, place: PixelBox) -> Result<String, Problem> {
    let whole = draw_image(image, image, None).map_err(|error| undrawn(&error))?;
    let (height, width) = (whole.height_px(), whole.width_px());
    let span = |start: usize, length: usize, all: usize| {
        let side = (3 * length).max(AROUND_PX).min(all);
        ((start + length / 2).saturating_sub(side / 2).min(all - side), side)
    };
    let (top, rows) = span(place.top_px, place.height_px, height);
    let (left, columns) = span(place.left_px, place.width_px, width);
    let bytes: Vec<u8> = cut(&whole, (top, rows), (left, columns));
    Ok(format!("data:image/png;base64,{}", BASE64.encode(&png(&bytes, (columns, rows), ExtendedColorType::Rgb8)?)))
}

fn cut(picture: &Picture, (top, rows): (usize, usize), (left, columns): (usize, usize)) -> Vec<u8> {
    let width = picture.width_px();
    let row = |y: usize| &picture.pixels()[(y * width + left) * 3..(y * width + left + columns) * 3];
    (top..top + rows).flat_map(row).copied().collect()
}
