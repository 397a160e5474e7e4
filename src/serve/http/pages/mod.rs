//! The page: what the store knows, as views, in the reader's language.

mod handlers;
mod jobs;
mod made;
mod query;

use super::app::App;
use super::guard::cookie;
use super::problem::{Problem, REQUEST};
use super::sign_in::Caller;
use crate::serve::page::views::{Failure, Shell};
use crate::serve::page::words::Lang;
use crate::serve::page::{self, assets};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
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

/// What is around a page for this reader.
fn shell(app_version: &str, headers: &HeaderMap, caller: Option<&Caller>, path: &str) -> Shell {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let lang = cookie(headers, "lang").and_then(Lang::of_tag).unwrap_or_else(|| Lang::of_header(accepted));
    let theme = cookie(headers, "theme").filter(|theme| ["light", "dark"].contains(theme)).unwrap_or("auto");
    Shell {
        lang,
        theme: theme.to_owned(),
        user: caller.filter(|caller| caller.name != super::guard::LOCAL).map(|caller| caller.name.clone()),
        role: caller.map_or_else(String::new, |caller| caller.role.to_string()),
        path: path.to_owned(),
        version: app_version.to_owned(),
    }
}

/// What a page is asked with.
pub(super) struct Asked {
    shell: Shell,
}

impl Asked {
    fn new(headers: &HeaderMap, caller: Option<&Caller>, path: &str) -> Self {
        Self { shell: shell(env!("CARGO_PKG_VERSION"), headers, caller, path) }
    }

    /// The page of a view, or the one that says what went wrong.
    fn page<V>(&self, view: Result<V, Problem>, draw: fn(&Shell, &V) -> Result<String, askama::Error>) -> Response {
        match view {
            Ok(view) => html(StatusCode::OK, draw(&self.shell, &view)),
            Err(problem) => self.failure(&problem),
        }
    }

    fn failure(&self, problem: &Problem) -> Response {
        let (detail, request_id) = (problem.detail().to_owned(), REQUEST.try_with(Clone::clone).ok());
        let view = Failure { status: problem.status(), detail, request_id };
        let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        html(status, page::error(&self.shell, &view))
    }
}

fn html(status: StatusCode, text: Result<String, askama::Error>) -> Response {
    match text {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => Problem::internal(&error).into_response(),
    }
}

/// What is not there: a page for people, a problem for programs.
pub(super) async fn nothing(State(_app): State<App>, request: Request) -> Response {
    let problem = Problem::missing("there is nothing at this address");
    let accepts = request.headers().get(header::ACCEPT).and_then(|value: &HeaderValue| value.to_str().ok());
    if request.uri().path().starts_with("/api/") || !accepts.is_some_and(|accepts| accepts.contains("text/html")) {
        return problem.into_response();
    }
    let caller = request.extensions().get::<Caller>();
    Asked::new(request.headers(), caller, request.uri().path()).failure(&problem)
}
