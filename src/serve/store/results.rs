//! Results, as people ask for them.

use super::error::optional;
use super::{Store, StoreError};
use crate::serve::clock::{DAY_MS, day_start, now_ms, rfc3339};
use crate::serve::record::{FeedbackRecord, FoundPage, FoundRecord, FoundUnits, MarkWord, SCHEMA};
use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Connection, Row, ToSql, params, params_from_iter};
use std::path::{Path, PathBuf};

/// What stands first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::serve) enum Sort {
    /// The last one.
    #[default]
    Newest,
    /// The first one.
    Oldest,
    /// The largest score.
    Highest,
    /// The smallest score.
    Lowest,
    /// By name.
    Name,
}

impl Sort {
    /// All, with the words for them.
    pub(in crate::serve) const ALL: [(&'static str, Self); 5] = [
        ("-at", Self::Newest),
        ("at", Self::Oldest),
        ("-score", Self::Highest),
        ("score", Self::Lowest),
        ("name", Self::Name),
    ];

    /// The one of this word.
    pub(in crate::serve) fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(own, _)| *own == word).map(|(_, sort)| sort)
    }

    /// What is compared, and whether the largest stands first.
    fn by(self) -> (&'static str, bool) {
        match self {
            Self::Newest => ("done_at", true),
            Self::Oldest => ("done_at", false),
            Self::Highest => ("coalesce(score, -1e300)", true),
            Self::Lowest => ("coalesce(score, 1e300)", false),
            Self::Name => ("name", false),
        }
    }
}

/// Which results.
#[derive(Clone, Debug, Default)]
pub(in crate::serve) struct Filter {
    pub(in crate::serve) job: Option<i64>,
    pub(in crate::serve) line: Option<i64>,
    pub(in crate::serve) detector: Option<String>,
    /// `normal`, `anomalous`, `failed`.
    pub(in crate::serve) verdict: Option<String>,
    pub(in crate::serve) mark: Option<MarkWord>,
    /// `2026-11-28`, UTC.
    pub(in crate::serve) day: Option<String>,
    /// Part of a name.
    pub(in crate::serve) search: Option<String>,
}

impl Filter {
    /// As SQL, and what it asks with.
    fn sql(&self) -> (String, Vec<Value>) {
        let (mut sql, mut given) = ("state = 'done'".to_owned(), vec![]);
        let mut also = |clause: &str, value: Value| {
            sql.push_str(" AND ");
            sql.push_str(clause);
            given.push(value);
        };
        if let Some(job) = self.job {
            also("job = ?", job.into());
        }
        if let Some(line) = self.line {
            also("line = ?", line.into());
        }
        if let Some(detector) = &self.detector {
            also("detector = ?", detector.clone().into());
        }
        match self.verdict.as_deref() {
            Some("failed") => also("error IS NOT NULL AND ?", 1.into()),
            Some(verdict) => also("verdict = ?", verdict.to_owned().into()),
            None => {}
        }
        if let Some(mark) = self.mark {
            also("mark = ?", mark.as_str().to_owned().into());
        }
        if let Some(start) = self.day.as_deref().map(|day| day_start(day).unwrap_or(-DAY_MS)) {
            also("done_at >= ?", start.into());
            also("done_at < ?", (start + DAY_MS).into());
        }
        if let Some(search) = self.search.as_deref().filter(|text| !text.is_empty()) {
            also("instr(lower(name), lower(?)) > 0", search.to_owned().into());
        }
        (sql, given)
    }
}

const COLUMNS: &str = "id, job, line, name, done_at, accepted_at, detector, sha, verdict, raw_score, score, threshold, p_value, condition, \
     regions, width, height, ms, error, mark, mark_box, mark_note, marked_at, marked_by";

fn feedback(row: &Row<'_>) -> Result<Option<FeedbackRecord>, StoreError> {
    let Some(mark) = row.get::<_, Option<String>>(19)? else { return Ok(None) };
    let place: Option<String> = row.get(20)?;
    Ok(Some(FeedbackRecord {
        mark: mark.parse()?,
        r#box: place.map(|text| serde_json::from_str(&text)).transpose()?,
        note: row.get(21)?,
        at: row.get::<_, Option<i64>>(22)?.map(rfc3339).unwrap_or_default(),
        by: row.get::<_, Option<String>>(23)?.unwrap_or_default(),
    }))
}

pub(super) fn record(row: &Row<'_>) -> Result<FoundRecord, StoreError> {
    let regions: Option<String> = row.get(14)?;
    Ok(FoundRecord {
        schema: SCHEMA,
        id: row.get(0)?,
        job: row.get(1)?,
        line: row.get(2)?,
        name: row.get(3)?,
        at: rfc3339(row.get(4)?),
        accepted_at: rfc3339(row.get(5)?),
        detector: row.get(6)?,
        bundle: row.get(7)?,
        verdict: row.get(8)?,
        raw_score: row.get(9)?,
        score: row.get(10)?,
        threshold: row.get(11)?,
        p_value: row.get(12)?,
        condition: row.get(13)?,
        regions: regions.map_or(Ok(serde_json::json!([])), |text| serde_json::from_str(&text))?,
        width: row.get(15)?,
        height: row.get(16)?,
        ms: row.get(17)?,
        error: row.get(18)?,
        feedback: feedback(row)?,
        units: FoundUnits::ALL,
    })
}

/// The results of a query whose columns are [`COLUMNS`].
fn all(on: &Connection, sql: &str, given: &[Value]) -> Result<Vec<FoundRecord>, StoreError> {
    let mut select = on.prepare_cached(sql)?;
    let mut rows = select.query(params_from_iter(given))?;
    let mut found = vec![];
    while let Some(row) = rows.next()? {
        found.push(record(row)?);
    }
    Ok(found)
}

/// Where a page ended: the value that it is sorted by, and the number of the last result.
fn cursor(text: &str, sort: Sort) -> Option<[Value; 2]> {
    let (id, value) = text.split_once('~')?;
    let value = match sort {
        Sort::Name => value.to_owned().into(),
        Sort::Newest | Sort::Oldest => value.parse::<i64>().ok()?.into(),
        Sort::Highest | Sort::Lowest => value.parse::<f64>().ok()?.into(),
    };
    Some([value, id.parse::<i64>().ok()?.into()])
}

impl Store {
    /// Results, so many from where the last page ended.
    pub(in crate::serve) fn results(
        &self,
        filter: &Filter,
        sort: Sort,
        (limit, after): (usize, Option<&str>),
    ) -> Result<FoundPage, StoreError> {
        let (clause, mut given) = filter.sql();
        let (by, descends) = sort.by();
        let (than, order) = if descends { ("<", "DESC") } else { (">", "ASC") };
        self.read(|on| {
            let count = format!("SELECT count(*) FROM item WHERE {clause}");
            let total = on.prepare_cached(&count)?.query_row(params_from_iter(&given), |row| row.get(0))?;
            let mut sql = format!("SELECT {COLUMNS} FROM item WHERE {clause}");
            if let Some(after) = after {
                let place = cursor(after, sort).ok_or_else(|| {
                    StoreError::Conflict(format!(
                        "after={after} is no place in these results: take `next` of the page before"
                    ))
                })?;
                sql.push_str(&format!(" AND ({by}, id) {than} (?, ?)"));
                given.extend(place);
            }
            sql.push_str(&format!(" ORDER BY {by} {order}, id {order} LIMIT ?"));
            given.push((limit as i64 + 1).into());
            let mut results = all(on, &sql, &given)?;
            let more = results.len() > limit;
            results.truncate(limit);
            let next = match results.last().filter(|_| more) {
                None => None,
                Some(last) => {
                    let sql = format!("SELECT {by} FROM item WHERE id = ?");
                    let value: Value = on.prepare_cached(&sql)?.query_row([last.id], |row| row.get(0))?;
                    Some(format!("{}~{}", last.id, shown(&value)))
                }
            };
            Ok(FoundPage { results, next, total })
        })
    }

    /// A result.
    pub(in crate::serve) fn result(&self, id: i64) -> Result<FoundRecord, StoreError> {
        self.result_if_done(id)?.ok_or_else(|| StoreError::missing("result", id))
    }

    /// A result; `None` while the image waits.
    pub(in crate::serve) fn result_if_done(&self, id: i64) -> Result<Option<FoundRecord>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM item WHERE id = ? AND state = 'done'");
        self.read(|on| Ok(all(on, &sql, &[id.into()])?.pop()))
    }

    /// Where the image of a result lies, and the bundle that judged it.
    pub(in crate::serve) fn result_file(&self, id: i64) -> Result<(PathBuf, String), StoreError> {
        let found = self.read(|on| {
            let select = "SELECT path, sha FROM item WHERE id = ? AND state = 'done'";
            optional(on.query_row(select, [id], |row| Ok((row.get::<_, String>(0)?, row.get(1)?))))
        })?;
        found.map(|(path, sha)| (path.into(), sha)).ok_or_else(|| StoreError::missing("result", id))
    }

    /// The results before and after one, in a list.
    pub(in crate::serve) fn beside(
        &self,
        id: i64,
        filter: &Filter,
        sort: Sort,
    ) -> Result<[Option<i64>; 2], StoreError> {
        let (clause, given) = filter.sql();
        let (by, descends) = sort.by();
        self.read(|on| {
            let value = optional(on.query_row(&format!("SELECT {by} FROM item WHERE id = ?"), [id], |row| row.get(0)))?;
            let value: Value = value.ok_or_else(|| StoreError::missing("result", id))?;
            let side = |is_next: bool| -> Result<Option<i64>, StoreError> {
                let (than, order) = if is_next == descends { ("<", "DESC") } else { (">", "ASC") };
                let sql = format!(
                    "SELECT id FROM item WHERE {clause} AND ({by}, id) {than} (?, ?) ORDER BY {by} {order}, id {order} LIMIT 1"
                );
                let given = given.iter().cloned().chain([value.clone(), id.into()]);
                optional(on.prepare_cached(&sql)?.query_row(params_from_iter(given), |row| row.get(0)))
            };
            Ok([side(false)?, side(true)?])
        })
    }

    /// Marks a result, in place of what was said before.
    pub(in crate::serve) fn mark(&self, id: i64, feedback: &FeedbackRecord, by: &str) -> Result<(), StoreError> {
        let place = feedback.r#box.map(|place| serde_json::to_string(&place)).transpose()?;
        let given: [&dyn ToSql; 6] = [&feedback.mark.as_str(), &place, &feedback.note, &now_ms(), &by, &id];
        self.write(|on| {
            let update = "UPDATE item SET mark = ?, mark_box = ?, mark_note = ?, marked_at = ?, marked_by = ?, learned = 0 WHERE id = ? AND state = 'done'";
            let n = on.execute(update, given.as_slice())?;
            if n == 0 { Err(StoreError::missing("result", id)) } else { Ok(()) }
        })
    }

    /// Takes back what was said of a result.
    pub(in crate::serve) fn unmark(&self, id: i64) -> Result<(), StoreError> {
        self.write(|on| {
            let update = "UPDATE item SET mark = NULL, mark_box = NULL, mark_note = NULL, marked_at = NULL, marked_by = NULL WHERE id = ?";
            on.execute(update, [id])?;
            Ok(())
        })
    }

    /// Marked results of a detector: number, name, file, and whether it is defective; false alarms only where they were not learned yet.
    pub(in crate::serve) fn marked(&self, detector: &str) -> Result<Vec<(i64, String, PathBuf, bool)>, StoreError> {
        self.read(|on| {
            let mut select = on.prepare_cached(
                "SELECT id, name, path, mark IN ('missed', 'defect') FROM item WHERE detector = ? AND mark IS NOT NULL AND mark <> 'good'
                 AND (mark <> 'false_alarm' OR learned = 0) ORDER BY id",
            )?;
            let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, PathBuf::from(row.get::<_, String>(2)?), row.get(3)?));
            Ok(select.query_map([detector], row)?.collect::<Result<_, _>>()?)
        })
    }

    /// Says that these false alarms were learned.
    pub(in crate::serve) fn learned(&self, ids: &[i64]) -> Result<(), StoreError> {
        self.write(|on| {
            for id in ids {
                on.execute("UPDATE item SET learned = 1 WHERE id = ?", [id])?;
            }
            Ok(())
        })
    }

    /// The last results of a line, the oldest first, with what their images looked like.
    pub(in crate::serve) fn last_seen(
        &self,
        line: i64,
        limit: usize,
    ) -> Result<Vec<(FoundRecord, Option<String>)>, StoreError> {
        self.read(|on| {
            let sql = format!("SELECT {COLUMNS}, seen FROM item WHERE line = ? AND done_at IS NOT NULL ORDER BY done_at DESC, id DESC LIMIT ?");
            let mut select = on.prepare_cached(&sql)?;
            let mut rows = select.query(params![line, limit as i64])?;
            let mut found = vec![];
            while let Some(row) = rows.next()? {
                found.push((record(row)?, row.get(24)?));
            }
            found.reverse();
            Ok(found)
        })
    }

    /// The last results of a line, the newest first; the others are not looked at.
    pub(in crate::serve) fn last_of_line(&self, line: i64, n: usize) -> Result<Vec<FoundRecord>, StoreError> {
        let last = "SELECT item FROM done WHERE line = ? ORDER BY seq DESC LIMIT ?";
        let sql = format!("SELECT {COLUMNS} FROM item WHERE id IN ({last}) ORDER BY done_at DESC, id DESC");
        self.read(|on| all(on, &sql, &[line.into(), (n as i64).into()]))
    }

    /// Images below a folder after this one whose results were made before this time, in milliseconds, and that nobody marked.
    pub(in crate::serve) fn old_images(
        &self,
        root: &Path,
        (before, after): (i64, i64),
        limit: usize,
    ) -> Result<Vec<(i64, PathBuf)>, StoreError> {
        let root = format!("{}{}", root.display(), std::path::MAIN_SEPARATOR);
        self.read(|on| {
            let sql = "SELECT id, path FROM item WHERE done_at < ?1 AND mark IS NULL AND substr(path, 1, length(?2)) = ?2 AND id > ?3 \
                       ORDER BY id LIMIT ?4";
            let pair = |row: &Row<'_>| Ok((row.get(0)?, PathBuf::from(row.get::<_, String>(1)?)));
            Ok(on.prepare_cached(sql)?.query_map(params![before, root, after, limit as i64], pair)?.collect::<Result<_, _>>()?)
        })
    }

    /// Says that the images of these results are no longer there.
    pub(in crate::serve) fn forget_paths(&self, ids: &[i64]) -> Result<(), StoreError> {
        self.write(|on| {
            let mut update = on.prepare_cached("UPDATE item SET path = '' WHERE id = ?")?;
            ids.iter().try_for_each(|id| update.execute([id]).map(drop))?;
            Ok(())
        })
    }

    /// The results of a line in the order in which they were made, after that of this sequence number; with the numbers.
    pub(in crate::serve) fn made_after(
        &self,
        line: i64,
        seq: i64,
        limit: usize,
    ) -> Result<Vec<(i64, FoundRecord)>, StoreError> {
        self.read(|on| {
            let mut select =
                on.prepare_cached("SELECT seq, item FROM done WHERE line = ? AND seq > ? ORDER BY seq LIMIT ?")?;
            let pair = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
            let pairs: Vec<(i64, i64)> =
                select.query_map(params![line, seq, limit as i64], pair)?.collect::<Result<_, _>>()?;
            let sql = format!("SELECT {COLUMNS} FROM item WHERE id = ?");
            let mut select = on.prepare_cached(&sql)?;
            let mut found = vec![];
            for (seq, id) in pairs {
                let mut rows = select.query([id])?;
                if let Some(row) = rows.next()? {
                    found.push((seq, record(row)?));
                }
            }
            Ok(found)
        })
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Integer(value) => value.to_string(),
        // The shortest text that reads as the same number.
        Value::Real(value) => value.to_string(),
        Value::Text(value) => value.clone(),
        Value::Blob(_) => String::new(),
    }
}

impl ToSql for MarkWord {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>, rusqlite::Error> {
        Ok(self.as_str().into())
    }
}
