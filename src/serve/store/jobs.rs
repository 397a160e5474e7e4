//! Jobs.

use super::error::optional;
use super::{Store, StoreError};
use crate::serve::clock::{now_ms, rfc3339};
use crate::serve::record::{JobKind, JobPage, JobRecord, JobState};
use rusqlite::{Connection, Row, Transaction, params};

/// A job that is to be done.
pub(in crate::serve) struct NewJob<'a> {
    pub(in crate::serve) kind: JobKind,
    pub(in crate::serve) detector: &'a str,
    pub(in crate::serve) title: &'a str,
    /// What it needs to know, as JSON.
    pub(in crate::serve) plan: &'a str,
    pub(in crate::serve) n_total: usize,
    pub(in crate::serve) by: &'a str,
}

const COLUMNS: &str = "id, kind, state, detector, title, n_total, n_done, n_failed, n_anomalous, created_at, started_at, ended_at, error, report, by";

fn record(row: &Row<'_>) -> Result<JobRecord, StoreError> {
    let time = |index: usize| -> Result<Option<i64>, rusqlite::Error> { row.get(index) };
    let (n_total, n_done, started, ended): (i64, i64, _, _) = (row.get(5)?, row.get(6)?, time(10)?, time(11)?);
    let report: Option<String> = row.get(13)?;
    let left = n_total - n_done;
    let eta_s = started.filter(|_| ended.is_none() && n_done > 0 && left > 0);
    let eta_s = eta_s.map(|started| (now_ms() - started).max(0) as f64 / 1e3 / n_done as f64 * left as f64);
    Ok(JobRecord {
        id: row.get(0)?,
        kind: row.get::<_, String>(1)?.parse()?,
        state: row.get::<_, String>(2)?.parse()?,
        detector: row.get(3)?,
        title: row.get(4)?,
        n_total,
        n_done,
        n_failed: row.get(7)?,
        n_anomalous: row.get(8)?,
        stage: None,
        eta_s,
        created_at: rfc3339(row.get(9)?),
        started_at: started.map(rfc3339),
        ended_at: ended.map(rfc3339),
        error: row.get(12)?,
        report: report.map(|text| serde_json::from_str(&text)).transpose()?,
        by: row.get(14)?,
    })
}

/// The fit that will make this detector, if one waits or runs.
fn fit_of(on: &Connection, detector: &str) -> Result<Option<i64>, StoreError> {
    let ask = "SELECT id FROM job WHERE state IN ('pending', 'running') AND kind = 'fit' AND detector = ? LIMIT 1";
    optional(on.query_row(ask, [detector], |row| row.get(0)))
}

/// Adds a job; gives its number. The name of a detector that is being fitted is taken.
pub(in crate::serve) fn add_job(on: &Transaction<'_>, job: &NewJob<'_>) -> Result<i64, StoreError> {
    if let Some(fit) = fit_of(on, job.detector)?.filter(|_| job.kind == JobKind::Fit) {
        let why = format!("detector {} is being fitted by job {fit}; choose another name, or wait", job.detector);
        return Err(StoreError::Conflict(why));
    }
    on.execute(
        "INSERT INTO job (kind, state, detector, title, plan, n_total, created_at, by) VALUES (?, 'pending', ?, ?, ?, ?, ?, ?)",
        params![job.kind.as_str(), job.detector, job.title, job.plan, job.n_total as i64, now_ms(), job.by],
    )?;
    Ok(on.last_insert_rowid())
}

impl Store {
    /// Whether a fit that waits or runs will make this detector.
    pub(in crate::serve) fn is_being_fitted(&self, detector: &str) -> Result<bool, StoreError> {
        self.read(|on| Ok(fit_of(on, detector)?.is_some()))
    }

    /// A job.
    pub(in crate::serve) fn job(&self, id: i64) -> Result<JobRecord, StoreError> {
        self.read(|on| {
            let mut select = on.prepare_cached(&format!("SELECT {COLUMNS} FROM job WHERE id = ?"))?;
            let mut rows = select.query([id])?;
            rows.next()?.map(record).transpose()?.ok_or_else(|| StoreError::missing("job", id))
        })
    }

    /// Jobs, the newest first.
    pub(in crate::serve) fn jobs(
        &self,
        (state, kind): (Option<JobState>, Option<JobKind>),
        limit: usize,
        before: Option<i64>,
    ) -> Result<JobPage, StoreError> {
        self.read(|on| {
            let mut select = on.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM job WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR id < ?3)
                 ORDER BY id DESC LIMIT ?4"
            ))?;
            let given = params![state.map(JobState::as_str), kind.map(JobKind::as_str), before, limit as i64 + 1];
            let mut rows = select.query(given)?;
            let mut jobs = vec![];
            while let Some(row) = rows.next()? {
                jobs.push(record(row)?);
            }
            let more = jobs.len() > limit;
            jobs.truncate(limit);
            let next = jobs.last().filter(|_| more).map(|job| job.id);
            Ok(JobPage { jobs, next })
        })
    }

    /// The plan of a job, as JSON.
    pub(in crate::serve) fn plan(&self, id: i64) -> Result<String, StoreError> {
        let found =
            self.read(|on| optional(on.query_row("SELECT plan FROM job WHERE id = ?", [id], |row| row.get(0))))?;
        found.ok_or_else(|| StoreError::missing("job", id))
    }

    /// The oldest job that waits and inspects nothing, now running.
    pub(in crate::serve) fn next_task(&self) -> Result<Option<i64>, StoreError> {
        self.write(|on| {
            let next = "SELECT id FROM job WHERE state = 'pending' AND kind <> 'inspect' ORDER BY id LIMIT 1";
            let found: Option<i64> = optional(on.query_row(next, [], |row| row.get(0)))?;
            if let Some(id) = found {
                on.execute(
                    "UPDATE job SET state = 'running', started_at = ?, n_done = 0 WHERE id = ?",
                    params![now_ms(), id],
                )?;
            }
            Ok(found)
        })
    }

    /// Says that somebody inspects the images of these jobs now.
    pub(in crate::serve) fn begin_jobs(&self, ids: &[i64]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        self.write(|on| {
            for id in ids {
                let begin = "UPDATE job SET state = 'running', started_at = ? WHERE id = ? AND state = 'pending'";
                on.execute(begin, params![now_ms(), id])?;
            }
            Ok(())
        })
    }

    /// Ends a job, unless it has ended.
    pub(in crate::serve) fn end_job(
        &self,
        id: i64,
        state: JobState,
        (error, report): (Option<&str>, Option<&serde_json::Value>),
    ) -> Result<bool, StoreError> {
        let report = report.map(ToString::to_string);
        self.write(|on| {
            let n = on.execute(
                "UPDATE job SET state = ?, ended_at = ?, error = ?, report = ? WHERE id = ? AND state IN ('pending', 'running')",
                params![state.as_str(), now_ms(), error, report, id],
            )?;
            if state == JobState::Cancelled {
                on.execute("UPDATE item SET state = 'cancelled' WHERE job = ? AND state = 'pending'", [id])?;
            }
            Ok(n > 0)
        })
    }

    /// After a start: what ran when the server ended waits again, but for what has all its results.
    pub(in crate::serve) fn resume_jobs(&self) -> Result<(), StoreError> {
        self.write(|on| {
            on.execute("UPDATE job SET state = 'pending' WHERE state = 'running' AND kind <> 'inspect'", [])?;
            on.execute(
                "UPDATE job SET state = 'completed', ended_at = ? WHERE state IN ('pending', 'running') AND kind = 'inspect' AND n_done >= n_total",
                [now_ms()],
            )?;
            Ok(())
        })
    }

    /// Removes a job that is over, and its results.
    pub(in crate::serve) fn delete_job(&self, id: i64) -> Result<(), StoreError> {
        self.write(|on| {
            let state: Option<String> =
                optional(on.query_row("SELECT state FROM job WHERE id = ?", [id], |row| row.get(0)))?;
            let state: JobState = state.ok_or_else(|| StoreError::missing("job", id))?.parse()?;
            if !state.is_over() {
                return Err(StoreError::Conflict(format!("job {id} is {state}; cancel it first")));
            }
            on.execute("DELETE FROM job WHERE id = ?", [id])?;
            Ok(())
        })
    }

    /// Whether there is such a job.
    pub(in crate::serve) fn has_job(&self, id: i64) -> Result<bool, StoreError> {
        self.read(|on| Ok(on.query_row("SELECT EXISTS (SELECT 1 FROM job WHERE id = ?)", [id], |row| row.get(0))?))
    }
}
