//! The steps of trainings, written as they come.

use crate::files::replace_unsynced;
use crate::model::training::{Entry, Journal};
use crate::report::export::{EventFile, events_name};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// The tables of a record; an event file lies beside them.
pub const RECORD_FILES: [&str; 2] = ["training.csv", "training.jsonl"];
const HEADER: &str = "trained,step,loss,rate,gradient_norm,watch,steps_per_second";

/// A record of trainings: `training.csv`, `training.jsonl`, and an event file of TensorBoard. Each row is in its file as soon as it
/// was told.
#[derive(Debug)]
pub struct TrainingRecord(Mutex<Files>);

#[derive(Debug)]
struct Files {
    csv: Table,
    json: Table,
    events: EventFile,
    event_file: File,
}

/// A table that grows row by row.
#[derive(Debug)]
struct Table {
    path: PathBuf,
    file: File,
    /// What is trained, and the step, of a row; `None` of one that is none.
    key: fn(&str) -> Option<(String, usize)>,
}

/// A row of `training.jsonl`.
#[derive(Serialize)]
struct Row<'a> {
    trained: &'a str,
    step: usize,
    loss: f32,
    rate: f64,
    gradient_norm: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    watch: Option<f64>,
    steps_per_second: f64,
}

/// What is read of one.
#[derive(Deserialize)]
struct Key {
    trained: String,
    step: usize,
}

impl TrainingRecord {
    /// In a folder that is there. `goes_on` keeps the rows of an interrupted run, but for those of steps that are done again.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(folder: &Path, goes_on: bool) -> io::Result<Self> {
        let key_of_csv = |row: &str| {
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(row.as_bytes());
            let fields = reader.records().next()?.ok()?;
            (fields.len() == HEADER.split(',').count())
                .then(|| Some((fields.get(0)?.to_owned(), fields.get(1)?.parse().ok()?)))?
        };
        let key_of_json = |row: &str| serde_json::from_str(row).ok().map(|Key { trained, step }| (trained, step));
        let csv = Table::open(folder.join(RECORD_FILES[0]), &format!("{HEADER}\n"), goes_on, key_of_csv)?;
        let json = Table::open(folder.join(RECORD_FILES[1]), "", goes_on, key_of_json)?;
        let now = now();
        let path = folder.join(format!("{}.training", events_name(now)));
        let mut event_file = OpenOptions::new().create(true).append(true).open(path)?;
        let mut events = EventFile::new(now);
        event_file.write_all(&events.take())?;
        Ok(Self(Mutex::new(Files { csv, json, events, event_file })))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Files) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Journal for TrainingRecord {
    fn begin(&self, name: &str, from: usize) -> io::Result<()> {
        self.with(|files| {
            files.csv.forget(name, from)?;
            files.json.forget(name, from)
        })
    }

    fn tell(&self, entry: &Entry<'_>) -> io::Result<()> {
        let Entry { name, step, loss, rate, gradient_norm, watch, steps_per_second, .. } = *entry;
        let row = Row { trained: name, step, loss, rate, gradient_norm, watch, steps_per_second };
        let json = serde_json::to_string(&row).map_err(io::Error::other)?;
        let shown = watch.map_or_else(String::new, |watch| watch.to_string());
        // Names are those of files, and need no quotes.
        let csv = format!("{name},{step},{loss},{rate},{gradient_norm},{shown},{steps_per_second:.2}");
        self.with(|files| {
            files.csv.add(&csv)?;
            files.json.add(&json)?;
            files.events.set_time(now());
            let figures = [
                ("loss", Some(f64::from(loss))),
                ("rate", Some(rate)),
                ("gradient_norm", Some(gradient_norm)),
                ("watch", watch),
                ("steps_per_second", Some(steps_per_second)),
            ];
            for (what, figure) in figures {
                if let Some(figure) = figure {
                    files.events.scalar(step as i64, &format!("{name}/{what}"), figure);
                }
            }
            files.event_file.write_all(&files.events.take())
        })
    }
}

impl Table {
    fn open(path: PathBuf, header: &str, goes_on: bool, key: fn(&str) -> Option<(String, usize)>) -> io::Result<Self> {
        let is_there = goes_on && fs::metadata(&path).is_ok_and(|found| found.len() >= header.len() as u64);
        if !is_there {
            replace_unsynced(&path, header.as_bytes())?;
        }
        let file = OpenOptions::new().append(true).open(&path)?;
        Ok(Self { path, file, key })
    }

    /// Takes away the rows of a training from a step on, and what a killed process left half written.
    fn forget(&mut self, name: &str, from: usize) -> io::Result<()> {
        let text = fs::read_to_string(&self.path)?;
        let is_kept = |at: usize, line: &str| match (self.key)(line.trim_end()) {
            Some((trained, step)) => trained != name || step < from,
            None => at == 0 && line.trim_end() == HEADER,
        };
        let rows = text.split_inclusive('\n').enumerate();
        let kept: String =
            rows.filter(|(at, row)| row.ends_with('\n') && is_kept(*at, row)).map(|(_, row)| row).collect();
        if kept.len() < text.len() {
            replace_unsynced(&self.path, kept.as_bytes())?;
            self.file = OpenOptions::new().append(true).open(&self.path)?;
        }
        Ok(())
    }

    fn add(&mut self, row: &str) -> io::Result<()> {
        self.file.write_all(format!("{row}\n").as_bytes())
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn rows_are_there_as_soon_as_they_are_told_and_those_of_repeated_steps_once() {
        let folder = TempDir::new().unwrap();
        let text = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        let tell = |record: &TrainingRecord, name: &str, step: usize| {
            let mut entry = Entry::of(name, step);
            (entry.loss, entry.rate, entry.gradient_norm, entry.steps_per_second) = (0.5, 1e-3, 2.0, 10.0);
            entry.watch = (step == 3).then_some(0.25);
            record.tell(&entry).unwrap();
        };
        let record = TrainingRecord::open(folder.path(), false).unwrap();
        record.begin("head-0", 1).unwrap();
        (1..=3).for_each(|step| tell(&record, "head-0", step));
        record.begin("head-1", 1).unwrap();
        (1..=3).for_each(|step| tell(&record, "head-1", step));
        let csv = text("training.csv");
        assert!(csv.starts_with(&format!("{HEADER}\nhead-0,1,0.5,0.001,2,,10.00\n")), "{csv}");
        assert!(csv.contains("head-1,3,0.5,0.001,2,0.25,10.00\n"), "{csv}");
        assert_eq!(text("training.jsonl").lines().count(), 6);
        drop(record);
        // A killed process left a row half written.
        for name in RECORD_FILES {
            OpenOptions::new().append(true).open(folder.path().join(name)).unwrap().write_all(b"head-1,4").unwrap();
        }
        let record = TrainingRecord::open(folder.path(), true).unwrap();
        record.begin("head-1", 2).unwrap();
        tell(&record, "head-1", 2);
        let steps = |name: &str| -> Vec<String> {
            text(name).lines().filter(|line| line.contains("head-1")).map(str::to_owned).collect()
        };
        assert_eq!((steps("training.csv").len(), steps("training.jsonl").len()), (2, 2));
        assert_eq!(text("training.csv").lines().count(), 6);
        assert_eq!(text("training.csv").lines().next(), Some(HEADER));
        let row: serde_json::Value = serde_json::from_str(&steps("training.jsonl")[1]).unwrap();
        assert_eq!((&row["trained"], &row["step"], &row["loss"]), (&"head-1".into(), &2.into(), &0.5.into()));
        // One that does not go on begins anew.
        drop(TrainingRecord::open(folder.path(), false).unwrap());
        assert_eq!((text("training.csv"), text("training.jsonl")), (format!("{HEADER}\n"), String::new()));
    }
}
