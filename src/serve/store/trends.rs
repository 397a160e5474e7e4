//! Results by day.

use super::{Store, StoreError};
use crate::serve::clock::{DAY_MS, day, day_start, now_ms};
use crate::serve::record::TrendDay;
use rusqlite::{Row, params};
use std::collections::BTreeMap;

#[derive(Default)]
struct Gathered {
    n: i64,
    n_anomalous: i64,
    n_failed: i64,
    n_false_alarm: i64,
    scores: Vec<f64>,
}

impl Store {
    /// The last days, today among them, those without images too; times are UTC.
    pub(in crate::serve) fn trends(
        &self,
        (line, detector): (Option<i64>, Option<&str>),
        n_days: usize,
    ) -> Result<Vec<TrendDay>, StoreError> {
        let today = day_start(&day(now_ms())).unwrap_or(0);
        let first = today - DAY_MS * (n_days.max(1) as i64 - 1);
        let mut days: BTreeMap<i64, Gathered> =
            (0..n_days.max(1) as i64).map(|n| (first + n * DAY_MS, Gathered::default())).collect();
        self.read(|on| {
            let mut select = on.prepare_cached(
                "SELECT done_at, verdict = 'anomalous', error IS NOT NULL, mark = 'false_alarm', score FROM item
                 WHERE done_at >= ?1 AND (?2 IS NULL OR line = ?2) AND (?3 IS NULL OR detector = ?3)",
            )?;
            let mut rows = select.query(params![first, line, detector])?;
            while let Some(row) = rows.next()? {
                let at: i64 = row.get(0)?;
                let gathered = days.entry(at - at.rem_euclid(DAY_MS)).or_default();
                gather(gathered, row)?;
            }
            Ok(())
        })?;
        Ok(days.into_iter().map(|(at, gathered)| told(at, gathered)).collect())
    }
}

fn gather(into: &mut Gathered, row: &Row<'_>) -> Result<(), rusqlite::Error> {
    let is = |index: usize| -> Result<i64, rusqlite::Error> {
        Ok(row.get::<_, Option<bool>>(index)?.unwrap_or(false).into())
    };
    into.n += 1;
    into.n_anomalous += is(1)?;
    into.n_failed += is(2)?;
    into.n_false_alarm += is(3)?;
    into.scores.extend(row.get::<_, Option<f64>>(4)?);
    Ok(())
}

fn told(at: i64, mut gathered: Gathered) -> TrendDay {
    gathered.scores.sort_unstable_by(f64::total_cmp);
    let at_share =
        |percent: usize| gathered.scores.len().checked_sub(1).map(|last| gathered.scores[last * percent / 100]);
    TrendDay {
        day: day(at),
        n: gathered.n,
        n_anomalous: gathered.n_anomalous,
        n_failed: gathered.n_failed,
        n_false_alarm: gathered.n_false_alarm,
        median_score: at_share(50),
        p95_score: at_share(95),
    }
}
