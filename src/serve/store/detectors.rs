//! Detectors and their versions.

use super::error::optional;
use super::{Store, StoreError};
use crate::serve::clock::{now_ms, rfc3339};
use crate::serve::record::LineageStep;
use rusqlite::{Connection, Row, params};

/// A detector, as far as the database knows it; the rest is in its bundle.
#[derive(Clone, Debug)]
pub(in crate::serve) struct KnownDetector {
    pub(in crate::serve) id: String,
    pub(in crate::serve) name: String,
    /// SHA-256 of the bundle in use.
    pub(in crate::serve) sha: String,
    /// When that came.
    pub(in crate::serve) at: i64,
    pub(in crate::serve) n_versions: i64,
    pub(in crate::serve) can_undo: bool,
}

const COLUMNS: &str = "d.id, d.name, d.version, (SELECT v.at FROM version v WHERE v.id = d.current), \
     (SELECT count(*) FROM version v WHERE v.detector = d.id), \
     (SELECT v.before IS NOT NULL FROM version v WHERE v.id = d.current)";

fn known(row: &Row<'_>) -> Result<KnownDetector, rusqlite::Error> {
    Ok(KnownDetector {
        id: row.get(0)?,
        name: row.get(1)?,
        sha: row.get(2)?,
        at: row.get::<_, Option<i64>>(3)?.unwrap_or(0),
        n_versions: row.get(4)?,
        can_undo: row.get::<_, Option<bool>>(5)?.unwrap_or(false),
    })
}

fn version_of(on: &Connection, id: &str) -> Result<Option<i64>, StoreError> {
    optional(on.query_row("SELECT current FROM detector WHERE id = ?", [id], |row| row.get(0)))
}

impl Store {
    /// All detectors, by name.
    pub(in crate::serve) fn detectors(&self) -> Result<Vec<KnownDetector>, StoreError> {
        self.read(|on| {
            let mut select = on.prepare_cached(&format!("SELECT {COLUMNS} FROM detector d ORDER BY d.name, d.id"))?;
            Ok(select.query_map([], known)?.collect::<Result<_, _>>()?)
        })
    }

    /// A detector.
    pub(in crate::serve) fn detector(&self, id: &str) -> Result<KnownDetector, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM detector d WHERE d.id = ?");
        let found = self.read(|on| optional(on.prepare_cached(&sql)?.query_row([id], known)))?;
        found.ok_or_else(|| StoreError::missing("detector", id))
    }

    /// What was done to a detector, the newest first.
    pub(in crate::serve) fn lineage(&self, id: &str) -> Result<Vec<LineageStep>, StoreError> {
        self.read(|on| {
            let mut select =
                on.prepare_cached("SELECT what, at, sha FROM version WHERE detector = ? ORDER BY id DESC")?;
            let step =
                |row: &Row<'_>| Ok(LineageStep { what: row.get(0)?, at: rfc3339(row.get(1)?), version: row.get(2)? });
            Ok(select.query_map([id], step)?.collect::<Result<_, _>>()?)
        })
    }

    /// Adds a version of a detector, and the detector where it is new, and uses it from now on. `instead_of` is the version that it was made of:
    /// where another is in use by now, nothing is added.
    pub(in crate::serve) fn add_version(
        &self,
        (id, name): (&str, &str),
        sha: &str,
        what: &str,
        instead_of: Option<&str>,
    ) -> Result<(), StoreError> {
        self.write(|on| {
            let before = version_of(on, id)?;
            if let Some(expected) = instead_of {
                let found: Option<String> =
                    optional(on.query_row("SELECT version FROM detector WHERE id = ?", [id], |row| row.get(0)))?;
                let found = found.ok_or_else(|| StoreError::missing("detector", id))?;
                if found != expected {
                    let why = format!(
                        "detector {id} was changed by somebody else meanwhile; nothing was changed, do it again"
                    );
                    return Err(StoreError::Conflict(why));
                }
            }
            on.execute(
                "INSERT INTO detector (id, name, version, created_at) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
                params![id, name, sha, now_ms()],
            )?;
            on.execute(
                "INSERT INTO version (detector, sha, before, what, at) VALUES (?, ?, ?, ?, ?)",
                params![id, sha, before, what, now_ms()],
            )?;
            let version = on.last_insert_rowid();
            on.execute("UPDATE detector SET version = ?, current = ? WHERE id = ?", params![sha, version, id])?;
            Ok(())
        })
    }

    /// Uses the version before the one in use; gives its SHA-256.
    pub(in crate::serve) fn undo(&self, id: &str) -> Result<String, StoreError> {
        self.write(|on| {
            let current = version_of(on, id)?.ok_or_else(|| StoreError::missing("detector", id))?;
            let before: Option<i64> =
                on.query_row("SELECT before FROM version WHERE id = ?", [current], |row| row.get(0))?;
            let before = before.ok_or_else(|| {
                StoreError::Conflict(format!("detector {id} is as it was fitted: there is no version before it"))
            })?;
            let sha: String = on.query_row("SELECT sha FROM version WHERE id = ?", [before], |row| row.get(0))?;
            on.execute("UPDATE detector SET version = ?, current = ? WHERE id = ?", params![sha, before, id])?;
            Ok(sha)
        })
    }

    /// Removes a detector that no line uses and no image waits for; results stay.
    pub(in crate::serve) fn delete_detector(&self, id: &str) -> Result<(), StoreError> {
        self.write(|on| {
            let line: Option<String> =
                optional(on.query_row("SELECT name FROM line WHERE detector = ? LIMIT 1", [id], |row| row.get(0)))?;
            if let Some(line) = line {
                let why = format!("line {line} uses detector {id}: give it another one, or delete it first");
                return Err(StoreError::Conflict(why));
            }
            let waits = "SELECT EXISTS (SELECT 1 FROM item WHERE detector = ? AND state = 'pending')";
            if on.query_row(waits, [id], |row| row.get(0))? {
                return Err(StoreError::Conflict(format!("images wait for detector {id}: cancel their job, or wait")));
            }
            let n = on.execute("DELETE FROM detector WHERE id = ?", [id])?;
            if n == 0 { Err(StoreError::missing("detector", id)) } else { Ok(()) }
        })
    }

    /// The last calibrated scores of a detector, the newest first, with number, mark, and whether it was called anomalous.
    pub(in crate::serve) fn recent_scores(
        &self,
        id: &str,
        limit: usize,
    ) -> Result<Vec<(i64, f64, Option<String>)>, StoreError> {
        self.read(|on| {
            let mut select = on.prepare_cached(
                "SELECT id, raw_score, mark FROM item WHERE detector = ? AND raw_score IS NOT NULL ORDER BY done_at DESC LIMIT ?",
            )?;
            let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            Ok(select.query_map(params![id, limit as i64], row)?.collect::<Result<_, _>>()?)
        })
    }

    /// The data set of the last fit of a detector, where it was fitted here and that is still there.
    pub(in crate::serve) fn fitted_on(&self, id: &str) -> Result<Option<i64>, StoreError> {
        self.read(|on| {
            let ask = "SELECT d.id FROM job j JOIN dataset d ON d.id = json_extract(j.plan, '$.dataset')
                 WHERE j.kind = 'fit' AND j.state = 'completed' AND j.detector = ? ORDER BY j.id DESC LIMIT 1";
            optional(on.query_row(ask, [id], |row| row.get(0)))
        })
    }

    /// Whether any version or result names this bundle.
    pub(in crate::serve) fn uses_bundle(&self, sha: &str) -> Result<bool, StoreError> {
        self.read(|on| {
            let ask =
                "SELECT EXISTS (SELECT 1 FROM version WHERE sha = ?1) OR EXISTS (SELECT 1 FROM item WHERE sha = ?1)";
            Ok(on.query_row(ask, [sha], |row| row.get(0))?)
        })
    }
}
