//! What a page is asked with, and how it is answered.

use crate::serve::http::app::App;
use crate::serve::http::guard::{LOCAL, Reader, cookie};
use crate::serve::http::problem::{Problem, REQUEST, language};
use crate::serve::http::sign_in::Caller;
use crate::serve::page;
use crate::serve::page::views::{Failure, Shell};
use crate::serve::page::words::said;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};

/// What is around a page for this reader.
pub(super) fn shell(headers: &HeaderMap, caller: Option<&Caller>, path: &str) -> Shell {
    let theme = cookie(headers, "theme").filter(|theme| ["light", "dark"].contains(theme)).unwrap_or("auto");
    Shell {
        lang: language(),
        theme: theme.to_owned(),
        user: caller.filter(|caller| caller.name != LOCAL).map(|caller| caller.name.clone()),
        role: caller.map_or_else(String::new, |caller| caller.role.to_string()),
        path: path.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// What a page is asked with: who looks, and what is around it. Others are sent to where one signs in.
pub(super) struct Asked {
    pub(super) caller: Caller,
    shell: Shell,
}

impl FromRequestParts<App> for Asked {
    type Rejection = Redirect;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Redirect> {
        let Reader(caller) = Reader::from_request_parts(parts, app).await?;
        let shell = shell(&parts.headers, Some(&caller), parts.uri.path());
        Ok(Self { caller, shell })
    }
}

impl Asked {
    /// The page of a view, or the one that says what went wrong.
    pub(super) fn page<V>(
        &self,
        view: Result<V, Problem>,
        draw: fn(&Shell, &V) -> Result<String, askama::Error>,
    ) -> Response {
        answered(&self.shell, view, draw)
    }

    pub(super) fn failure(&self, problem: &Problem) -> Response {
        failed(&self.shell, problem)
    }
}

/// The page of a view, or the one that says what went wrong.
pub(super) fn answered<V>(
    shell: &Shell,
    view: Result<V, Problem>,
    draw: fn(&Shell, &V) -> Result<String, askama::Error>,
) -> Response {
    match view {
        Ok(view) => html(StatusCode::OK, draw(shell, &view)),
        Err(problem) => failed(shell, &problem),
    }
}

/// The page that says what went wrong.
pub(super) fn failed(shell: &Shell, problem: &Problem) -> Response {
    let (detail, request_id) = (said(shell.lang, problem.detail()), REQUEST.try_with(Clone::clone).ok());
    let view = Failure { status: problem.status(), detail, request_id };
    let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    html(status, page::error(shell, &view))
}

fn html(status: StatusCode, text: Result<String, askama::Error>) -> Response {
    match text {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => Problem::internal(&error).into_response(),
    }
}
