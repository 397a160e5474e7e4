//! The server itself.

use super::app::App;
use super::guard::Viewer;
use super::problem::Problem;
use crate::serve::clock::now_ms;
use crate::serve::metrics::LineFigures;
use crate::serve::record::TrendDay;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Facts of a server.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::serve) struct System {
    /// Of pcore.
    pub(in crate::serve) version: String,
    /// What computes.
    pub(in crate::serve) device: String,
    /// Where everything is kept.
    pub(in crate::serve) data: String,
    /// Bytes that are free there.
    pub(in crate::serve) disk_free: u64,
    /// Images that wait.
    pub(in crate::serve) n_pending: i64,
    /// Whether people have passwords.
    pub(in crate::serve) accounts: bool,
    /// Folders that jobs and lines may read.
    pub(in crate::serve) folders: Vec<String>,
}

/// Facts of this server.
pub(in crate::serve) fn facts(station: &crate::serve::work::Station) -> Result<System, Problem> {
    let root = station.place.root();
    Ok(System {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        device: station.bundles.device().description().to_owned(),
        data: root.display().to_string(),
        disk_free: fs4::available_space(root).unwrap_or(0),
        n_pending: station.store.n_pending()?,
        accounts: station.store.has_users()?,
        folders: station.options.folders.iter().map(|path| path.display().to_string()).collect(),
    })
}

/// Facts of the server.
#[utoipa::path(get, path = "/system", tag = "system", responses((status = 200, body = System)))]
pub(super) async fn system(State(app): State<App>, _caller: Viewer) -> Result<Json<System>, Problem> {
    app.block(|station| facts(station).map(Json)).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TrendsQuery {
    /// Of this line.
    line: Option<i64>,
    /// By this detector.
    detector: Option<String>,
    /// So many days, 1 to 366.
    days: Option<usize>,
}

/// Results by day.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Trends {
    days: Vec<TrendDay>,
}

/// Results by day, the oldest first.
#[utoipa::path(get, path = "/trends", tag = "results", params(TrendsQuery), responses((status = 200, body = Trends)))]
pub(super) async fn trends(
    State(app): State<App>,
    _caller: Viewer,
    Query(asked): Query<TrendsQuery>,
) -> Result<Json<Trends>, Problem> {
    let n_days = asked.days.unwrap_or(30).clamp(1, 366);
    app.block(move |station| {
        station.store.trends((asked.line, asked.detector.as_deref()), n_days).map(|days| Json(Trends { days }))
    })
    .await
}

/// That the process answers.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// That it can work: the database answers, and it does not end.
pub(super) async fn readyz(State(app): State<App>) -> Result<&'static str, Problem> {
    if app.station.hub.is_stopping() {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the server is about to end"));
    }
    app.block(|station| station.store.n_pending().map(|_| "ready\n")).await
}

/// Figures, as Prometheus reads them.
pub(super) async fn metrics(State(app): State<App>, _caller: Viewer) -> Result<Response, Problem> {
    let lines = std::sync::Arc::clone(&app.lines);
    app.block(move |station| {
        let mut figures = vec![];
        for (id, line) in station.store.lines()? {
            let counts = station.store.line_counts(id, now_ms())?;
            let (n_dropped, n_pending) = (counts.n_dropped, counts.n_pending);
            figures.push(LineFigures { name: line.name, n_dropped, n_pending, drift_p: lines.drift(id).p });
        }
        let n_pending = station.store.n_pending()?;
        let text = station.metrics.text(n_pending, &figures).map_err(|error| Problem::internal(&error))?;
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        Ok::<_, Problem>(([(header::CONTENT_TYPE, kind)], text).into_response())
    })
    .await
}
