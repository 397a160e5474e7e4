//! The page: what the store knows, as views, in the reader's language.

mod asked;
mod handlers;
mod jobs;
mod made;
mod query;

use super::app::App;
use super::problem::Problem;
use super::sign_in::Caller;
use crate::serve::page::assets;
use asked::{failed, shell};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// The routes of the page.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(handlers::overview))
        .route("/lines/{id}", get(handlers::line))
        .route("/upload", get(handlers::upload))
        .route("/jobs", get(jobs::jobs))
        .route("/jobs/{id}", get(jobs::job))
        .route("/results/{id}", get(jobs::result))
        .route("/history", get(jobs::history))
        .route("/detectors", get(handlers::detectors))
        .route("/detectors/{id}", get(handlers::detector))
        .route("/datasets", get(handlers::datasets))
        .route("/datasets/{id}", get(handlers::dataset))
        .route("/settings", get(handlers::settings))
        .route("/login", get(handlers::login))
        .route("/assets/{name}", get(asset))
        .route("/favicon.ico", get(|| asset(Path("icon.svg".to_owned()))))
}

/// A file that pages load; its address changes with it.
async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    let found = assets::find(&name).ok_or_else(|| Problem::missing("there is no such file"))?;
    let kept = "public, max-age=31536000, immutable";
    Ok(([(header::CONTENT_TYPE, found.kind), (header::CACHE_CONTROL, kept)], found.text).into_response())
}

/// What is not there: a page for people, a problem for programs.
pub(super) async fn nothing(State(_app): State<App>, request: Request) -> Response {
    let problem = Problem::missing("there is nothing at this address");
    let accepts = request.headers().get(header::ACCEPT).and_then(|value: &HeaderValue| value.to_str().ok());
    if request.uri().path().starts_with("/api/") || !accepts.is_some_and(|accepts| accepts.contains("text/html")) {
        return problem.into_response();
    }
    let caller = request.extensions().get::<Caller>();
    failed(&shell(request.headers(), caller, request.uri().path()), &problem)
}
