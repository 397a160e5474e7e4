//! What a page is asked with, and how it is answered.

use crate::serve::http::guard::{LOCAL, cookie};
use crate::serve::http::problem::{Problem, REQUEST};
use crate::serve::http::sign_in::Caller;
use crate::serve::page;
use crate::serve::page::views::{Failure, Shell};
use crate::serve::page::words::Lang;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

/// What is around a page for this reader.
fn shell(app_version: &str, headers: &HeaderMap, caller: Option<&Caller>, path: &str) -> Shell {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let lang = cookie(headers, "lang").and_then(Lang::of_tag).unwrap_or_else(|| Lang::of_header(accepted));
    let theme = cookie(headers, "theme").filter(|theme| ["light", "dark"].contains(theme)).unwrap_or("auto");
    Shell {
        lang,
        theme: theme.to_owned(),
        user: caller.filter(|caller| caller.name != LOCAL).map(|caller| caller.name.clone()),
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
    pub(super) fn new(headers: &HeaderMap, caller: Option<&Caller>, path: &str) -> Self {
        Self { shell: shell(env!("CARGO_PKG_VERSION"), headers, caller, path) }
    }

    /// The page of a view, or the one that says what went wrong.
    pub(super) fn page<V>(
        &self,
        view: Result<V, Problem>,
        draw: fn(&Shell, &V) -> Result<String, askama::Error>,
    ) -> Response {
        match view {
            Ok(view) => html(StatusCode::OK, draw(&self.shell, &view)),
            Err(problem) => self.failure(&problem),
        }
    }

    pub(super) fn failure(&self, problem: &Problem) -> Response {
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
