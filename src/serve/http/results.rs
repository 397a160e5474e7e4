//! Results: lists, pictures, and what people say of them.

use super::app::App;
use super::guard::{Operator, Viewer};
use super::problem::Problem;
use crate::report::{CsvResults, history_table};
use crate::serve::clock::day_start;
use crate::serve::record::{FeedbackRecord, FoundPage, FoundRecord, MarkWord};
use crate::serve::store::{Filter, Sort, StoreError};
use crate::serve::work::{Station, each_result, history_row, result_row};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

/// Results of a page.
const PAGE: usize = 100;
/// The most of anything that a page has.
pub(super) const MOST: usize = 1000;

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::serve) struct ListQuery {
    /// Of this job.
    pub(in crate::serve) job: Option<i64>,
    /// Of this line.
    pub(in crate::serve) line: Option<i64>,
    /// By this detector.
    pub(in crate::serve) detector: Option<String>,
    /// `normal`, `anomalous` or `failed`.
    pub(in crate::serve) verdict: Option<String>,
    /// Marked so.
    pub(in crate::serve) mark: Option<MarkWord>,
    /// Of this day, UTC: `2026-11-28`.
    pub(in crate::serve) day: Option<String>,
    /// Part of the name.
    pub(in crate::serve) search: Option<String>,
    /// `-at` (the newest first), `at`, `-score`, `score` or `name`.
    pub(in crate::serve) sort: Option<String>,
    /// So many at most.
    pub(in crate::serve) limit: Option<usize>,
    /// `next` of the page before.
    pub(in crate::serve) after: Option<String>,
    /// `json`, `csv` or `parquet`; the latter two are files with all results.
    pub(in crate::serve) format: Option<String>,
}

impl ListQuery {
    pub(in crate::serve) fn filter(&self) -> Filter {
        Filter {
            job: self.job,
            line: self.line,
            detector: self.detector.clone(),
            verdict: self.verdict.clone().filter(|verdict| !verdict.is_empty()),
            mark: self.mark,
            day: self.day.clone(),
            search: self.search.clone(),
        }
    }

    /// # Errors
    /// A word that is none.
    pub(in crate::serve) fn sort(&self) -> Result<Sort, Problem> {
        let Some(word) = self.sort.as_deref().filter(|word| !word.is_empty()) else { return Ok(Sort::default()) };
        let known = || Sort::ALL.map(|(word, _)| word).join(", ");
        Sort::of_word(word).ok_or_else(|| Problem::bad(format!("sort={word}: expected {}", known())))
    }

    fn check(&self) -> Result<(), Problem> {
        if let Some(verdict) =
            self.verdict.as_deref().filter(|word| !["", "normal", "anomalous", "failed"].contains(word))
        {
            return Err(Problem::bad(format!("verdict={verdict}: expected normal, anomalous or failed")));
        }
        if let Some(day) = self.day.as_deref().filter(|day| day_start(day).is_none()) {
            return Err(Problem::bad(format!("day={day}: expected a day such as 2026-11-28")));
        }
        Ok(())
    }
}

/// Results of all jobs and lines.
#[utoipa::path(get, path = "/results", tag = "results", params(ListQuery), responses((status = 200, body = FoundPage)))]
pub(super) async fn results(
    State(app): State<App>,
    _caller: Viewer,
    Query(asked): Query<ListQuery>,
) -> Result<Response, Problem> {
    app.block(move |station| list(station, &asked.filter(), &asked)).await
}

/// The answer to a list, in the form that was asked for.
pub(super) fn list(station: &Station, filter: &Filter, asked: &ListQuery) -> Result<Response, Problem> {
    asked.check()?;
    let sort = asked.sort()?;
    let file = |kind: &'static str, name: &str, bytes: Vec<u8>| {
        let disposition = format!("attachment; filename=\"{name}\"");
        ([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)], bytes).into_response()
    };
    match asked.format.as_deref().unwrap_or("json") {
        "json" => {
            let limit = asked.limit.unwrap_or(PAGE).clamp(1, MOST);
            Ok(Json(station.store.results(filter, sort, (limit, asked.after.as_deref()))?).into_response())
        }
        "csv" => {
            let mut csv = CsvResults::new(Vec::new()).map_err(|error| Problem::internal(&error))?;
            each_result(station, (filter, sort), |found| {
                csv.write(&result_row(&found)).map_err(|error| Problem::internal(&error))
            })?;
            Ok(file("text/csv; charset=utf-8", "results.csv", csv.finish().map_err(|error| Problem::internal(&error))?))
        }
        "parquet" => {
            let mut rows = vec![];
            each_result(station, (filter, sort), |found| {
                rows.push(history_row(&found));
                Ok::<_, StoreError>(())
            })?;
            let table = history_table(&rows).map_err(|error| Problem::internal(&error))?;
            Ok(file("application/vnd.apache.parquet", "results.parquet", table))
        }
        other => Err(Problem::bad(format!("format={other}: expected json, csv or parquet"))),
    }
}

/// A result.
#[utoipa::path(get, path = "/results/{id}", tag = "results", params(("id" = i64, Path)), responses((status = 200, body = FoundRecord), (status = 404, body = Problem)))]
pub(super) async fn result(
    State(app): State<App>,
    _caller: Viewer,
    Path(id): Path<i64>,
) -> Result<Json<FoundRecord>, Problem> {
    app.block(move |station| station.store.result(id).map(Json)).await
}

/// Says what a result is: a false alarm, a miss, a defect, or good.
#[utoipa::path(put, path = "/results/{id}/feedback", tag = "results", params(("id" = i64, Path)), request_body = FeedbackRecord, responses((status = 200, body = FoundRecord), (status = 409, body = Problem)))]
pub(super) async fn mark(
    State(app): State<App>,
    Operator(caller): Operator,
    Path(id): Path<i64>,
    Json(feedback): Json<FeedbackRecord>,
) -> Result<Json<FoundRecord>, Problem> {
    app.block(move |station| {
        let found = station.store.result(id)?;
        let Some(verdict) = &found.verdict else {
            return Err(Problem::new(StatusCode::CONFLICT, "the image has no verdict: it could not be inspected"));
        };
        if feedback.mark.is_of_anomalous() != (verdict == "anomalous") {
            let why =
                format!("the image was called {verdict}, so it is no {}", feedback.mark.as_str().replace('_', " "));
            return Err(Problem::new(StatusCode::CONFLICT, why));
        }
        check_box(&feedback, &found)?;
        station.store.mark(id, &feedback, &caller.name)?;
        Ok(Json(station.store.result(id)?))
    })
    .await
}

fn check_box(feedback: &FeedbackRecord, found: &FoundRecord) -> Result<(), Problem> {
    let Some([left, top, width, height]) = feedback.r#box else { return Ok(()) };
    let (columns, rows) = (found.width.unwrap_or(0), found.height.unwrap_or(0));
    let fits = |start: i64, length: i64, all: i64| {
        start >= 0 && length > 0 && start.checked_add(length).is_some_and(|end| end <= all)
    };
    if fits(left, width, columns) && fits(top, height, rows) {
        return Ok(());
    }
    Err(Problem::bad(format!("box: [left, top, width, height] inside an image of {columns} x {rows} pixels")))
}

/// Takes back what was said.
#[utoipa::path(delete, path = "/results/{id}/feedback", tag = "results", params(("id" = i64, Path)), responses((status = 200, body = FoundRecord)))]
pub(super) async fn unmark(
    State(app): State<App>,
    _caller: Operator,
    Path(id): Path<i64>,
) -> Result<Json<FoundRecord>, Problem> {
    app.block(move |station| {
        station.store.unmark(id)?;
        station.store.result(id).map(Json)
    })
    .await
}
