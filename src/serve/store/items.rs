//! Images that were accepted: each gets exactly one result.

use super::{Store, StoreError};
use crate::report::ResultRow;
use crate::score::Verdict;
use crate::serve::clock::now_ms;
use crate::serve::record::JobState;
use rusqlite::{Row, Transaction, named_params, params};
use std::path::{Path, PathBuf};

/// Who is served first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::serve) enum Priority {
    /// Somebody waits for the answer.
    Now = 0,
    /// A line.
    Line = 1,
    /// A job.
    Job = 2,
}

/// What an image belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Origin {
    /// A single question.
    Alone,
    /// A job.
    Job(i64),
    /// A line.
    Line(i64),
}

/// An image that is to be inspected.
#[derive(Clone, Debug)]
pub(in crate::serve) struct NewItem<'a> {
    pub(in crate::serve) origin: Origin,
    pub(in crate::serve) name: &'a str,
    pub(in crate::serve) path: &'a Path,
    pub(in crate::serve) detector: &'a str,
    pub(in crate::serve) priority: Priority,
    /// The same question has the same key: it is not asked twice.
    pub(in crate::serve) key: Option<&'a str>,
    /// Whether its file stays where it is.
    pub(in crate::serve) settled: bool,
}

/// What became of a new item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Accepted {
    /// It waits, under this number.
    New(i64),
    /// It was accepted before.
    Known(i64),
}

impl Accepted {
    /// Its number.
    pub(in crate::serve) fn id(self) -> i64 {
        match self {
            Self::New(id) | Self::Known(id) => id,
        }
    }
}

/// An image that waits.
#[derive(Clone, Debug)]
pub(in crate::serve) struct Pending {
    pub(in crate::serve) id: i64,
    pub(in crate::serve) job: Option<i64>,
    pub(in crate::serve) line: Option<i64>,
    pub(in crate::serve) name: String,
    pub(in crate::serve) path: PathBuf,
    pub(in crate::serve) detector: String,
    pub(in crate::serve) priority: Priority,
    pub(in crate::serve) accepted_at: i64,
}

/// What became of an item of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Ended {
    /// It has a verdict.
    Inspected,
    /// It could not be inspected.
    Failed,
    /// It came too fast, or its line was deleted.
    Dropped,
}

/// The result of an item.
#[derive(Clone, Debug)]
pub(in crate::serve) struct Outcome {
    pub(in crate::serve) item: Pending,
    /// SHA-256 of the bundle.
    pub(in crate::serve) sha: String,
    pub(in crate::serve) row: ResultRow,
    /// What the image looked like, as JSON.
    pub(in crate::serve) seen: Option<String>,
}

fn pending(row: &Row<'_>) -> Result<Pending, rusqlite::Error> {
    Ok(Pending {
        id: row.get(0)?,
        job: row.get(1)?,
        line: row.get(2)?,
        name: row.get(3)?,
        path: PathBuf::from(row.get::<_, String>(4)?),
        detector: row.get(5)?,
        accepted_at: row.get(6)?,
        priority: match row.get::<_, i64>(7)? {
            0 => Priority::Now,
            1 => Priority::Line,
            _ => Priority::Job,
        },
    })
}

const PENDING: &str = "id, job, line, name, path, detector, accepted_at, priority";

/// Adds an image.
pub(in crate::serve) fn accept(on: &Transaction<'_>, item: &NewItem<'_>) -> Result<Accepted, StoreError> {
    let (job, line) = match item.origin {
        Origin::Alone => (None, None),
        Origin::Job(id) => (Some(id), None),
        Origin::Line(id) => (None, Some(id)),
    };
    if let Some(key) = item.key {
        let known = super::error::optional(on.query_row("SELECT id FROM item WHERE key = ?", [key], |row| row.get(0)))?;
        if let Some(id) = known {
            return Ok(Accepted::Known(id));
        }
    }
    let mut insert = on.prepare_cached(
        "INSERT INTO item (job, line, key, name, path, settled, priority, detector, accepted_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    let path = text_of(item.path)?;
    let priority = item.priority as i64;
    let id = insert.insert(params![
        job,
        line,
        item.key,
        item.name,
        path,
        item.settled,
        priority,
        item.detector,
        now_ms()
    ])?;
    Ok(Accepted::New(id))
}

/// A path as the database holds it.
pub(in crate::serve) fn text_of(path: &Path) -> Result<&str, StoreError> {
    path.to_str().ok_or_else(|| StoreError::Conflict(format!("{} is no Unicode; rename it", path.display())))
}

impl Store {
    /// The next images of one detector, those that are most urgent alone: what is less urgent would hold up their results.
    pub(in crate::serve) fn next_pending(&self, limit: usize) -> Result<Vec<Pending>, StoreError> {
        self.read(|on| {
            let sql = format!("SELECT {PENDING} FROM item WHERE state = 'pending' ORDER BY priority, id LIMIT ?");
            let mut select = on.prepare_cached(&sql)?;
            let all: Vec<Pending> = select.query_map([limit as i64], pending)?.collect::<Result<_, _>>()?;
            let first = all.first().map(|item| (item.detector.clone(), item.priority));
            let is_alike =
                |item: &Pending| first.as_ref().is_some_and(|(own, of)| *own == item.detector && *of == item.priority);
            Ok(all.into_iter().filter(is_alike).collect())
        })
    }

    /// How many images wait.
    pub(in crate::serve) fn n_pending(&self) -> Result<i64, StoreError> {
        self.read(|on| Ok(on.query_row("SELECT count(*) FROM item WHERE state = 'pending'", [], |row| row.get(0))?))
    }

    /// Keeps results: of images that still wait, each once. Gives the ids of those that were kept, and the jobs that are done.
    pub(in crate::serve) fn keep(&self, outcomes: &[Outcome]) -> Result<(Vec<i64>, Vec<i64>), StoreError> {
        self.write(|on| {
            let (mut kept, mut touched) = (vec![], vec![]);
            for outcome in outcomes {
                if keep_one(on, outcome)? {
                    kept.push(outcome.item.id);
                    touched.extend(outcome.item.job.filter(|job| !touched.contains(job)));
                }
            }
            let ended = touched.into_iter().map(|job| end_if_done(on, job).map(|is_over| (job, is_over)));
            let ended: Vec<(i64, bool)> = ended.collect::<Result<_, StoreError>>()?;
            Ok((kept, ended.into_iter().filter(|(_, is_over)| *is_over).map(|(job, _)| job).collect()))
        })
    }

    /// Items whose files are not yet where they belong, though it is known what became of them: number, file, and that.
    pub(in crate::serve) fn unsettled(&self, limit: usize) -> Result<Vec<(i64, PathBuf, Ended)>, StoreError> {
        self.read(|on| {
            let mut select = on.prepare_cached(
                "SELECT id, path, state = 'done', error IS NULL FROM item WHERE settled = 0 AND state <> 'pending' ORDER BY id LIMIT ?",
            )?;
            let row = |row: &Row<'_>| {
                let ended = match (row.get(2)?, row.get(3)?) {
                    (true, true) => Ended::Inspected,
                    (true, false) => Ended::Failed,
                    (false, _) => Ended::Dropped,
                };
                Ok((row.get(0)?, PathBuf::from(row.get::<_, String>(1)?), ended))
            };
            Ok(select.query_map([limit as i64], row)?.collect::<Result<_, _>>()?)
        })
    }

    /// Says where the files of items went.
    pub(in crate::serve) fn settle(&self, settled: &[(i64, PathBuf)]) -> Result<(), StoreError> {
        self.write(|on| {
            let mut update = on.prepare_cached("UPDATE item SET settled = 1, path = ? WHERE id = ?")?;
            for (id, path) in settled {
                update.execute(params![text_of(path)?, id])?;
            }
            Ok(())
        })
    }

    /// Whether an image of this path is known.
    pub(in crate::serve) fn knows_path(&self, path: &Path) -> Result<bool, StoreError> {
        let path = text_of(path)?;
        self.read(|on| Ok(on.query_row("SELECT EXISTS (SELECT 1 FROM item WHERE path = ?)", [path], |row| row.get(0))?))
    }

    /// Whether this key was used.
    pub(in crate::serve) fn knows_key(&self, key: &str) -> Result<Option<i64>, StoreError> {
        self.read(|on| {
            super::error::optional(on.query_row("SELECT id FROM item WHERE key = ?", [key], |row| row.get(0)))
        })
    }
}

/// Whether the item waited, and has its result now.
fn keep_one(on: &Transaction<'_>, Outcome { item, sha, row, seen }: &Outcome) -> Result<bool, StoreError> {
    let mut update = on.prepare_cached(
        "UPDATE item SET state = 'done', done_at = :done_at, sha = :sha, verdict = :verdict, raw_score = :raw_score, score = :score,
         threshold = :threshold, p_value = :p_value, condition = :condition, regions = :regions, width = :width, height = :height,
         ms = :ms, error = :error, seen = :seen WHERE id = :id AND state = 'pending'",
    )?;
    let regions = row.regions.as_ref().map(serde_json::to_string).transpose()?;
    let side = |side: Option<usize>| side.map(|side| side as i64);
    let (verdict, width, height) = (row.verdict.map(Verdict::as_str), side(row.width), side(row.height));
    let n = update.execute(named_params! {
        ":done_at": now_ms(), ":sha": sha, ":verdict": verdict, ":raw_score": row.raw_score, ":score": row.score,
        ":threshold": row.threshold, ":p_value": row.p_value, ":condition": row.condition, ":regions": regions, ":width": width,
        ":height": height, ":ms": row.ms, ":error": row.error, ":seen": seen, ":id": item.id,
    })?;
    if n == 0 {
        return Ok(false);
    }
    on.prepare_cached("INSERT INTO done (item, line) VALUES (?, ?)")?.execute(params![item.id, item.line])?;
    let (failed, anomalous) = (row.error.is_some(), row.verdict == Some(Verdict::Anomalous));
    let counters = [
        (
            item.job,
            "UPDATE job SET n_done = n_done + 1, n_failed = n_failed + ?, n_anomalous = n_anomalous + ? WHERE id = ?",
        ),
        (
            item.line,
            "UPDATE line SET n_inspected = n_inspected + 1, n_failed = n_failed + ?, n_anomalous = n_anomalous + ? WHERE id = ?",
        ),
    ];
    for (owner, count) in counters {
        if let Some(owner) = owner {
            on.prepare_cached(count)?.execute(params![failed, anomalous, owner])?;
        }
    }
    Ok(true)
}

/// Ends a job whose images all have a result.
fn end_if_done(on: &Transaction<'_>, job: i64) -> Result<bool, StoreError> {
    let n = on.execute(
        "UPDATE job SET state = ?, ended_at = ? WHERE id = ? AND state IN ('pending', 'running') AND n_done >= n_total",
        params![JobState::Completed.as_str(), now_ms(), job],
    )?;
    Ok(n > 0)
}
