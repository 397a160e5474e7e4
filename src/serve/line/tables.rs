//! The results of a line as Parquet tables, for whatever engine reads them.
//!
//! `line=ID/day=DAY/SEQ.parquet`, where `SEQ` is the sequence number of the first result: what is written again after a kill
//! replaces what was there.

use super::live::{Running, lock};
use super::remote::Backoff;
use super::settings::{SinkSettings, StoreSettings};
use crate::files::replace_unsynced;
use crate::report::{HistoryRow, history_table};
use crate::serve::record::FoundRecord;
use crate::serve::store::{Store, StoreError};
use crate::serve::work::history_row;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Rows of a table at most.
const ROWS: usize = 10_000;
/// How often it is looked whether results are old enough.
const LOOK: Duration = Duration::from_secs(1);
/// The first pause after a failure, and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Where tables go.
pub(super) enum Shelf {
    /// A folder.
    Folder(PathBuf),
    /// A bucket.
    #[cfg(feature = "s3")]
    Bucket(Box<super::bucket::Bucket>),
}

impl Shelf {
    /// The place that settings name, and how old results get before they go there; `None` where they go one by one.
    pub(super) fn of(settings: &SinkSettings) -> Option<Result<(Self, Duration), String>> {
        let age = |minutes: u32| Duration::from_secs(60 * u64::from(minutes));
        match settings {
            SinkSettings::Parquet { folder, minutes } => Some(Ok((Self::Folder(folder.clone()), age(*minutes)))),
            SinkSettings::S3(store) => Some(Self::bucket(store).map(|bucket| (bucket, age(store.minutes)))),
            _ => None,
        }
    }

    #[cfg(feature = "s3")]
    fn bucket(settings: &StoreSettings) -> Result<Self, String> {
        super::bucket::Bucket::open(settings).map(|bucket| Self::Bucket(Box::new(bucket)))
    }

    #[cfg(not(feature = "s3"))]
    fn bucket(_settings: &StoreSettings) -> Result<Self, String> {
        Err(super::check::not_built("s3"))
    }

    /// Keeps a table; one of the same name is replaced.
    fn put(&self, name: &str, table: &[u8]) -> Result<(), String> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                let write = || {
                    // The folder of a share that is gone is not made anew.
                    fs::metadata(folder)?;
                    path.parent().map_or(Ok(()), fs::create_dir_all)?;
                    replace_unsynced(&path, table)
                };
                write().map_err(|error| format!("{}: {error}", path.display()))
            }
            #[cfg(feature = "s3")]
            Self::Bucket(bucket) => bucket.put(name, table),
        }
    }
}

/// Keeps tables of the results of a line until it stops. What is younger waits for the next start.
pub(super) fn keep_all(line: &Running, name: &str, (shelf, age): (&Shelf, Duration)) {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    while !line.is_stopped() {
        match keep_some(&line.station.store, line.id, name, (shelf, age)) {
            Ok(true) => {
                backoff.reset();
                drop(lock(&line.sink_errors).remove(name));
            }
            Ok(false) => line.sleep(LOOK),
            Err(why) => {
                tracing::warn!(line = line.settings.name, error = why, "a table can't be kept; it is tried again");
                lock(&line.sink_errors).insert(name.to_owned(), why);
                line.sleep(backoff.pause());
            }
        }
    }
}

/// Keeps one table, where the oldest result is old enough.
fn keep_some(store: &Store, line: i64, name: &str, (shelf, age): (&Shelf, Duration)) -> Result<bool, String> {
    let told = |error: StoreError| error.to_string();
    let upto = store.delivered(line, name).map_err(told)?;
    let first = store.made_after(line, upto, 1).map_err(told)?;
    if !first.first().is_some_and(|(_, found)| is_older(found, age)) {
        return Ok(false);
    }
    let made = store.made_after(line, upto, ROWS).map_err(told)?;
    let day = |found: &FoundRecord| found.at.get(..10).unwrap_or("none").to_owned();
    let Some((begin, oldest)) = made.first() else { return Ok(false) };
    let today = day(oldest);
    let of_today: Vec<_> = made.iter().take_while(|(_, found)| day(found) == today).collect();
    let last = of_today.last().map_or(*begin, |(seq, _)| *seq);
    let rows: Vec<HistoryRow> = of_today.iter().map(|(_, found)| history_row(found)).collect();
    let table = history_table(&rows).map_err(|error| error.to_string())?;
    shelf.put(&format!("line={line}/day={today}/{begin:012}.parquet"), &table)?;
    store.deliver_upto(line, name, last).map_err(told)?;
    Ok(true)
}

fn is_older(found: &FoundRecord, age: Duration) -> bool {
    SystemTime::now().duration_since(found.time()).is_ok_and(|passed| passed >= age)
}

#[cfg(test)]
mod tests;
