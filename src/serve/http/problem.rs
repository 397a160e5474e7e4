//! What a request is refused with: RFC 9457, `application/problem+json`.

use crate::job::JobError;
use crate::serve::page::words::{Lang, said};
use crate::serve::store::StoreError;
use crate::serve::work::VersionError;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::io;
use std::time::Duration;
use tokio::task_local;
use utoipa::ToSchema;

task_local! {
    /// The number of the request that is being answered.
    pub(super) static REQUEST: String;
    /// The language of whoever asks.
    pub(super) static LANG: Lang;
}

/// The language of whoever asks; English outside of a request.
pub(super) fn language() -> Lang {
    LANG.try_with(|lang| *lang).unwrap_or_default()
}

/// Why a request is refused, and the way out.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::serve) struct Problem {
    /// What kind it is: always `about:blank`, the status says it.
    r#type: &'static str,
    /// The status in words.
    title: String,
    /// The status.
    status: u16,
    /// What happened, and what helps.
    detail: String,
    /// The number of the request, also in the log.
    request_id: Option<String>,
    /// When it may be tried again.
    #[serde(skip)]
    after: Option<Duration>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("error").to_owned();
        let request_id = REQUEST.try_with(Clone::clone).ok();
        Self { r#type: "about:blank", title, status: status.as_u16(), detail: detail.into(), request_id, after: None }
    }

    pub(super) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(super) fn missing(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub(super) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// A failure of the server; what it was is in the log.
    pub(super) fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the server failed: {error}"))
    }

    /// The same, to be tried again after that time.
    pub(super) fn after(mut self, wait: Duration) -> Self {
        self.after = Some(wait);
        self
    }

    /// The same in the words of users.
    pub(super) fn worded(mut self, wording: fn(&str) -> String) -> Self {
        self.detail = wording(&self.detail);
        self
    }

    /// What happened.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// The status.
    pub(super) fn status(&self) -> u16 {
        self.status
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        self.detail = said(language(), &self.detail);
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let after = self.after.map(|wait| wait.as_secs_f64().ceil() as u64);
        let mut response = (status, Json(self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if let Some(seconds) = after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Missing { .. } => Self::missing(error.to_string()),
            StoreError::Conflict(_) => Self::new(StatusCode::CONFLICT, error.to_string()),
            _ => Self::internal(&error),
        }
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        if crate::files::is_full(&error) {
            return Self::new(StatusCode::INSUFFICIENT_STORAGE, format!("the server's disk is full: {error}"));
        }
        Self::internal(&error)
    }
}

impl From<JobError> for Problem {
    /// What a bundle or an image is refused for is the matter of whoever sent it.
    fn from(error: JobError) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
    }
}

impl From<VersionError> for Problem {
    fn from(error: VersionError) -> Self {
        match error {
            VersionError::Job(error) => error.into(),
            VersionError::Store(error) => error.into(),
            VersionError::Io(error) => error.into(),
        }
    }
}
