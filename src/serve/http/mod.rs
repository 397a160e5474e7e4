//! Requests and their answers: `/api/v1`, health, figures, and the page.

mod accounts;
mod app;
mod datasets;
mod detectors;
mod events;
mod guard;
mod inspect;
mod jobs;
mod lines;
mod pages;
mod pictures;
mod problem;
mod rate;
mod results;
mod sign_in;
mod system;
mod upload;

pub(super) use app::App;
pub(super) use guard::From;
pub(super) use sign_in::hash_password;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use problem::Problem;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Bytes of a request that is no upload.
const MAX_TEXT_BYTES: usize = 1 << 20;

#[derive(OpenApi)]
#[openapi(info(
    title = "pcore serve",
    description = "Industrial visual anomaly detection: jobs, detectors, data sets, lines and results. Errors are application/problem+json (RFC 9457). A browser's request that changes something carries the header X-Requested-With: pcore."
))]
struct Described;

/// Routes that take text alone.
fn small() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(accounts::login))
        .routes(routes!(accounts::logout))
        .routes(routes!(accounts::me))
        .routes(routes!(accounts::users, accounts::set_user))
        .routes(routes!(accounts::delete_user))
        .routes(routes!(accounts::tokens, accounts::new_token))
        .routes(routes!(accounts::delete_token))
        .routes(routes!(jobs::job, jobs::delete_job))
        .routes(routes!(jobs::job_results))
        .routes(routes!(jobs::cancel))
        .routes(routes!(events::job_events))
        .routes(routes!(results::results))
        .routes(routes!(results::result))
        .routes(routes!(results::mark, results::unmark))
        .routes(routes!(pictures::result_image))
        .routes(routes!(pictures::thumbnail))
        .routes(routes!(pictures::overlay))
        .routes(routes!(pictures::heat))
        .routes(routes!(pictures::map))
        .routes(routes!(pictures::explain))
        .routes(routes!(detectors::detector, detectors::delete_detector))
        .routes(routes!(detectors::bundle))
        .routes(routes!(detectors::thresholds))
        .routes(routes!(detectors::set_threshold))
        .routes(routes!(detectors::undo))
        .routes(routes!(detectors::update))
        .routes(routes!(detectors::calibrate))
        .routes(routes!(detectors::compare))
        .routes(routes!(datasets::datasets, datasets::new_dataset))
        .routes(routes!(datasets::dataset, datasets::delete_dataset))
        .routes(routes!(datasets::label, datasets::delete_image))
        .routes(routes!(pictures::dataset_thumbnail))
        .routes(routes!(lines::lines, lines::new_line))
        .routes(routes!(lines::line, lines::change_line, lines::delete_line))
        .routes(routes!(lines::start))
        .routes(routes!(lines::stop))
        .routes(routes!(events::line_events))
        .routes(routes!(system::system))
        .routes(routes!(system::trends))
}

/// Routes that take files, which they count themselves.
fn uploads() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(inspect::inspect))
        .routes(routes!(jobs::jobs, jobs::new_job))
        .routes(routes!(detectors::detectors, detectors::new_detector))
        .routes(routes!(datasets::images, datasets::add_images))
        .routes(routes!(lines::push))
}

/// The API, and its description.
fn api() -> (Router<App>, Document) {
    let small = small().layer(RequestBodyLimitLayer::new(MAX_TEXT_BYTES));
    let uploads = uploads().layer(axum::extract::DefaultBodyLimit::disable());
    OpenApiRouter::with_openapi(Described::openapi()).nest("/api/v1", small.merge(uploads)).split_for_parts()
}

/// The description of the API, OpenAPI 3.1 as JSON.
///
/// # Errors
/// Never, but for what can't be written as JSON.
pub(super) fn description() -> Result<String, serde_json::Error> {
    api().1.to_pretty_json()
}

/// Turns what axum refuses in plain text into a problem.
async fn as_problem(request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let kind = response.headers().get(axum::http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_plain = kind.is_none_or(|kind| kind.starts_with("text/plain"));
    if !(status.is_client_error() || status.is_server_error()) || !is_plain {
        return response;
    }
    let (parts, body) = response.into_parts();
    let text = axum::body::to_bytes(body, MAX_TEXT_BYTES).await.unwrap_or_default();
    let mut problem = Problem::new(status, String::from_utf8_lossy(&text).trim()).into_response();
    for (name, value) in &parts.headers {
        if ![axum::http::header::CONTENT_TYPE, axum::http::header::CONTENT_LENGTH].contains(name) {
            problem.headers_mut().insert(name, value.clone());
        }
    }
    problem
}

/// A handler that panicked is a defect; the server goes on.
#[allow(clippy::needless_pass_by_value, reason = "the layer calls it so")]
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("?"), "a request panicked");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "a defect of pcore: see its log").into_response()
}

/// Everything the server answers.
pub(super) fn router(app: App) -> Router {
    let (api, document) = api();
    let described = move || async move { axum::Json(document) };
    api.route("/api/v1/openapi.json", get(described))
        .route("/healthz", get(system::healthz))
        .route("/readyz", get(system::readyz))
        .route("/metrics", get(system::metrics))
        .merge(pages::routes())
        .fallback(pages::nothing)
        .layer(from_fn(as_problem))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(app.clone(), guard::check))
        .layer(from_fn_with_state(app.clone(), guard::around))
        .with_state(app)
}
