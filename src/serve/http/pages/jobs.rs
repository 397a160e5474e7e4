//! Pages of jobs and results.

use super::asked::Asked;
use super::made;
use super::query::ListAddress;
use crate::serve::http::app::App;
use crate::serve::http::problem::Problem;
use crate::serve::page::{self, views};
use crate::serve::record::{JobKind, JobState};
use crate::serve::store::Filter;
use crate::serve::work::Station;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

/// Results and jobs of a page.
const PAGE: usize = 60;
/// Days of the history.
const DAYS: usize = 30;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct JobsQuery {
    state: String,
    kind: String,
    before: Option<i64>,
}

fn word<T: std::str::FromStr<Err: ToString>>(text: &str) -> Result<Option<T>, Problem> {
    if text.is_empty() {
        Ok(None)
    } else {
        text.parse().map(Some).map_err(|error: T::Err| Problem::bad(error.to_string()))
    }
}

/// `/jobs`.
pub(super) async fn jobs(State(app): State<App>, asked: Asked, Query(query): Query<JobsQuery>) -> Response {
    let view = move |station: &Station| -> Result<views::Jobs, Problem> {
        let (state, kind) = (word::<JobState>(&query.state)?, word::<JobKind>(&query.kind)?);
        let found = station.store.jobs((state, kind), PAGE, query.before)?;
        let jobs =
            found.jobs.into_iter().map(|job| Ok(made::job(station.job(job.id)?))).collect::<Result<_, Problem>>()?;
        Ok(views::Jobs { jobs, state: query.state, kind: query.kind, next: found.next })
    };
    asked.page(app.block(view).await, page::jobs)
}

/// A page of results.
fn listing(
    station: &Station,
    query: &ListAddress,
    filter: &Filter,
    base: &str,
    api: &str,
) -> Result<views::Listing, Problem> {
    let after = Some(query.after.as_str()).filter(|after| !after.is_empty());
    let found = station.store.results(filter, query.sort()?, (PAGE, after))?;
    Ok(views::Listing {
        base: base.to_owned(),
        filter: query.shown(),
        results: found.results.iter().map(made::found).collect(),
        total: found.total,
        next: found.next,
        is_later: after.is_some(),
        api: api.to_owned(),
        lines: vec![],
        detectors: vec![],
    })
}

/// `/jobs/{id}`.
pub(super) async fn job(
    State(app): State<App>,
    asked: Asked,
    Path(id): Path<i64>,
    Query(query): Query<ListAddress>,
) -> Response {
    let view = move |station: &Station| -> Result<views::OneJob, Problem> {
        let job = station.job(id)?;
        let (base, api) = (format!("/jobs/{id}"), format!("/api/v1/jobs/{id}/results"));
        let filter = Filter { job: Some(id), ..query.filter()? };
        let listing =
            (job.kind == JobKind::Inspect).then(|| listing(station, &query, &filter, &base, &api)).transpose()?;
        let report = made::report(job.report.as_ref());
        Ok(views::OneJob { job: made::job(job), listing, report })
    };
    asked.page(app.block(view).await, page::job)
}

/// `/history`.
pub(super) async fn history(State(app): State<App>, asked: Asked, Query(query): Query<ListAddress>) -> Response {
    let view = move |station: &Station| -> Result<views::History, Problem> {
        let filter = query.filter()?;
        let days = station.store.trends((filter.line, filter.detector.as_deref()), DAYS)?;
        let mut listing = listing(station, &query, &filter, "/history", "/api/v1/results")?;
        let line = |(id, line): (i64, crate::serve::store::LineSettings)| views::Choice {
            id: id.to_string(),
            name: line.name,
        };
        listing.lines = station.store.lines()?.into_iter().map(line).collect();
        listing.detectors = detectors(station)?;
        Ok(views::History { days: days.into_iter().map(made::day).collect(), listing })
    };
    asked.page(app.block(view).await, page::history)
}

/// Detectors to choose from.
pub(super) fn detectors(station: &Station) -> Result<Vec<views::Choice>, Problem> {
    let choice = |known: crate::serve::store::KnownDetector| views::Choice { id: known.id, name: known.name };
    Ok(station.store.detectors()?.into_iter().map(choice).collect())
}

/// `/results/{id}`.
pub(super) async fn result(
    State(app): State<App>,
    asked: Asked,
    Path(id): Path<i64>,
    Query(query): Query<ListAddress>,
) -> Response {
    asked.page(app.block(move |station| one(station, id, &query)).await, page::result)
}

fn one(station: &Station, id: i64, query: &ListAddress) -> Result<views::OneResult, Problem> {
    let found = station.store.result(id)?;
    let filter = query.filter()?;
    let narrowed = query.address();
    let (list, suffix) = match filter.job {
        Some(job) => (
            format!("/jobs/{job}{narrowed}"),
            format!("{narrowed}{}job={job}", if narrowed.is_empty() { "?" } else { "&" }),
        ),
        None => (format!("/history{narrowed}"), narrowed),
    };
    let beside = station.store.beside(id, &filter, query.sort()?)?;
    let [previous, next] = beside.map(|id| id.map(|id| format!("/results/{id}{suffix}")));
    let line =
        found.line.map(|line| -> Result<_, Problem> { Ok((line, station.store.line(line)?.name)) }).transpose()?;
    let detector_name =
        station.store.detector(&found.detector).map_or_else(|_| found.detector.clone(), |known| known.name);
    let feedback = found.feedback.clone();
    Ok(views::OneResult {
        picture: made::picture(&found),
        raw_score: found.raw_score,
        bundle: found.bundle.clone(),
        job: found.job,
        line,
        detector_name,
        note: feedback.as_ref().and_then(|feedback| feedback.note.clone()),
        marked_by: feedback.map(|feedback| (feedback.by, feedback.at)),
        previous,
        next,
        list,
        found: made::found(&found),
    })
}
