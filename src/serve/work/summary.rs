//! The files of a job that is done: `result.json` and `summary.csv`, beside its `images/`.

use super::Station;
use crate::files::replace_unsynced;
use crate::report::{CsvResults, HistoryRow, ReportError, ResultRow};
use crate::score::Verdict;
use crate::serve::record::FoundRecord;
use crate::serve::store::{Filter, Sort, StoreError};
use serde_json::json;

/// Results that are read from the database at a time.
const AT_A_TIME: usize = 1000;

/// A result as a row of `pcore infer`.
pub(in crate::serve) fn row(found: &FoundRecord) -> ResultRow {
    let verdict = [Verdict::Normal, Verdict::Anomalous].into_iter();
    let side = |side: Option<i64>| side.and_then(|side| usize::try_from(side).ok());
    ResultRow {
        path: found.name.clone(),
        raw_score: found.raw_score,
        score: found.score,
        threshold: found.threshold,
        p_value: found.p_value,
        verdict: verdict.into_iter().find(|verdict| Some(verdict.as_str()) == found.verdict.as_deref()),
        condition: found.condition.clone(),
        ms: found.ms,
        error: found.error.clone(),
        regions: serde_json::from_value(found.regions.clone()).ok(),
        width: side(found.width),
        height: side(found.height),
        ..ResultRow::default()
    }
}

/// A result as a row of a history.
pub(in crate::serve) fn history_row(found: &FoundRecord) -> HistoryRow {
    HistoryRow { time: found.time(), bundle: found.bundle.clone(), row: row(found), light: None, alike: None }
}

/// Every result of a filter, in its order.
///
/// # Errors
/// What the database says, and what `each` returns.
pub(in crate::serve) fn each_result<E: From<StoreError>>(
    station: &Station,
    (filter, sort): (&Filter, Sort),
    mut each: impl FnMut(FoundRecord) -> Result<(), E>,
) -> Result<(), E> {
    let mut after: Option<String> = None;
    loop {
        let page = station.store.results(filter, sort, (AT_A_TIME, after.as_deref()))?;
        page.results.into_iter().try_for_each(&mut each)?;
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

/// Why files of a job are not there.
#[derive(Debug, thiserror::Error)]
enum SummaryError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Writes them; the results are in the database, so that a failure is told and stops nothing.
pub(super) fn write(station: &Station, job: i64) {
    if let Err(error) = try_write(station, job) {
        tracing::warn!(job, %error, "result.json and summary.csv could not be written");
    }
}

fn try_write(station: &Station, job: i64) -> Result<(), SummaryError> {
    let folder = station.place.job(job);
    std::fs::create_dir_all(&folder)?;
    let mut rows = vec![];
    let mut csv = CsvResults::new(Vec::new())?;
    let filter = Filter { job: Some(job), ..Filter::default() };
    each_result(station, (&filter, Sort::Name), |found| {
        csv.write(&row(&found))?;
        rows.push(serde_json::to_value(&found)?);
        Ok::<_, SummaryError>(())
    })?;
    let text = serde_json::to_string_pretty(&json!({"job": station.store.job(job)?, "results": rows}))?;
    replace_unsynced(&folder.join("result.json"), text.as_bytes())?;
    replace_unsynced(&folder.join("summary.csv"), &csv.finish()?)?;
    Ok(())
}
