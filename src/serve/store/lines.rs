//! Lines.

use super::error::optional;
use super::{Store, StoreError};
use crate::serve::clock::now_ms;
use rusqlite::{Row, params};

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::serve) struct LineSettings {
    pub(in crate::serve) name: String,
    pub(in crate::serve) detector: String,
    /// Whether it is to take images.
    pub(in crate::serve) running: bool,
    /// Where images come from, as JSON.
    pub(in crate::serve) source: String,
    /// Where results go, as JSON.
    pub(in crate::serve) sinks: String,
    pub(in crate::serve) policy: String,
    pub(in crate::serve) capacity: i64,
}

/// Numbers of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::serve) struct LineCounts {
    pub(in crate::serve) n_inspected: i64,
    pub(in crate::serve) n_anomalous: i64,
    pub(in crate::serve) n_failed: i64,
    pub(in crate::serve) n_dropped: i64,
    pub(in crate::serve) n_pending: i64,
    /// Results of the last minute.
    pub(in crate::serve) per_minute: i64,
    /// From being accepted to the result, 95 of 100 of the last 200.
    pub(in crate::serve) p95_ms: Option<f64>,
}

const COLUMNS: &str = "id, name, detector, running, source, sinks, policy, capacity";

fn settings(row: &Row<'_>) -> Result<(i64, LineSettings), rusqlite::Error> {
    let settings = LineSettings {
        name: row.get(1)?,
        detector: row.get(2)?,
        running: row.get(3)?,
        source: row.get(4)?,
        sinks: row.get(5)?,
        policy: row.get(6)?,
        capacity: row.get(7)?,
    };
    Ok((row.get(0)?, settings))
}

impl Store {
    /// All lines, by name.
    pub(in crate::serve) fn lines(&self) -> Result<Vec<(i64, LineSettings)>, StoreError> {
        self.read(|on| {
            let mut select = on.prepare_cached(&format!("SELECT {COLUMNS} FROM line ORDER BY name"))?;
            Ok(select.query_map([], settings)?.collect::<Result<_, _>>()?)
        })
    }

    /// A line.
    pub(in crate::serve) fn line(&self, id: i64) -> Result<LineSettings, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM line WHERE id = ?");
        let found = self.read(|on| optional(on.prepare_cached(&sql)?.query_row([id], settings)))?;
        found.map(|(_, settings)| settings).ok_or_else(|| StoreError::missing("line", id))
    }

    /// Adds a line, or changes the one of this number.
    pub(in crate::serve) fn set_line(&self, id: Option<i64>, line: &LineSettings) -> Result<i64, StoreError> {
        self.write(|on| {
            let taken = "SELECT EXISTS (SELECT 1 FROM line WHERE name = ? AND id IS NOT ?)";
            if on.query_row(taken, params![line.name, id], |row| row.get(0))? {
                return Err(StoreError::Conflict(format!("there is a line {} already", line.name)));
            }
            let LineSettings { name, detector, running, source, sinks, policy, capacity } = line;
            match id {
                None => {
                    on.execute(
                        "INSERT INTO line (name, detector, running, source, sinks, policy, capacity, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                        params![name, detector, running, source, sinks, policy, capacity, now_ms()],
                    )?;
                    Ok(on.last_insert_rowid())
                }
                Some(id) => {
                    let n = on.execute(
                        "UPDATE line SET name = ?, detector = ?, running = ?, source = ?, sinks = ?, policy = ?, capacity = ? WHERE id = ?",
                        params![name, detector, running, source, sinks, policy, capacity, id],
                    )?;
                    // What waits is for the detector that the line has now.
                    on.execute("UPDATE item SET detector = ? WHERE line = ? AND state = 'pending'", params![detector, id])?;
                    if n == 0 { Err(StoreError::missing("line", id)) } else { Ok(id) }
                }
            }
        })
    }

    /// Removes a line and what waits on it; results stay.
    pub(in crate::serve) fn delete_line(&self, id: i64) -> Result<(), StoreError> {
        self.write(|on| {
            on.execute("DELETE FROM item WHERE line = ? AND state = 'pending'", [id])?;
            let n = on.execute("DELETE FROM line WHERE id = ?", [id])?;
            if n == 0 { Err(StoreError::missing("line", id)) } else { Ok(()) }
        })
    }

    /// Numbers of a line.
    pub(in crate::serve) fn line_counts(&self, id: i64, now: i64) -> Result<LineCounts, StoreError> {
        self.read(|on| {
            let (n_inspected, n_anomalous, n_failed, n_dropped) = on
                .prepare_cached("SELECT n_inspected, n_anomalous, n_failed, n_dropped FROM line WHERE id = ?")?
                .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
            let one = |sql: &str, given: &[&dyn rusqlite::ToSql]| on.prepare_cached(sql)?.query_row(given, |row| row.get(0));
            let since = now - 60_000;
            let mut waits: Vec<i64> = on
                .prepare_cached("SELECT done_at - accepted_at FROM item WHERE line = ? AND done_at IS NOT NULL ORDER BY done_at DESC LIMIT 200")?
                .query_map([id], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            waits.sort_unstable();
            let p95 = waits.len().checked_sub(1).map(|last| waits[last * 95 / 100] as f64);
            Ok(LineCounts {
                n_inspected,
                n_anomalous,
                n_failed,
                n_dropped,
                n_pending: one("SELECT count(*) FROM item WHERE line = ? AND state = 'pending'", params![id])?,
                per_minute: one("SELECT count(*) FROM item WHERE line = ? AND done_at > ?", params![id, since])?,
                p95_ms: p95,
            })
        })
    }

    /// How many images of a line wait.
    pub(in crate::serve) fn n_waiting(&self, line: i64) -> Result<i64, StoreError> {
        self.read(|on| {
            let count = "SELECT count(*) FROM item WHERE line = ? AND state = 'pending'";
            Ok(on.prepare_cached(count)?.query_row([line], |row| row.get(0))?)
        })
    }

    /// Drops the oldest images of a line that wait, and counts them; gives their numbers.
    pub(in crate::serve) fn drop_oldest(&self, line: i64, n: i64) -> Result<usize, StoreError> {
        self.write(|on| {
            let dropped = on.execute(
                "UPDATE item SET state = 'dropped' WHERE id IN (SELECT id FROM item WHERE line = ? AND state = 'pending' ORDER BY id LIMIT ?)",
                [line, n],
            )?;
            on.execute("UPDATE line SET n_dropped = n_dropped + ? WHERE id = ?", params![dropped as i64, line])?;
            Ok(dropped)
        })
    }

    /// How far a sink of a line is; one that is new begins with what comes from now on.
    pub(in crate::serve) fn delivered(&self, line: i64, sink: &str) -> Result<i64, StoreError> {
        self.write(|on| {
            on.execute(
                "INSERT INTO delivery (line, sink, upto) VALUES (?1, ?2, (SELECT coalesce(max(seq), 0) FROM done WHERE line = ?1))
                 ON CONFLICT DO NOTHING",
                params![line, sink],
            )?;
            let upto = "SELECT upto FROM delivery WHERE line = ? AND sink = ?";
            Ok(on.query_row(upto, params![line, sink], |row| row.get(0))?)
        })
    }

    /// Says how far a sink is.
    pub(in crate::serve) fn deliver_upto(&self, line: i64, sink: &str, seq: i64) -> Result<(), StoreError> {
        self.write(|on| {
            on.execute("UPDATE delivery SET upto = ? WHERE line = ? AND sink = ?", params![seq, line, sink])?;
            Ok(())
        })
    }
}
