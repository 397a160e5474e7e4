//! The history of a line: a folder of Parquet files, one for each run.

use super::JobError;
use super::place::{prepare_folder, write_bytes};
use super::times::{FellBack, Source};
use crate::progress::Progress;
use crate::report::{HistoryRow, ResultRow, history_table, read_history};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Rows of a run that go into a history at its end.
pub(super) struct History<'a> {
    folder: &'a Path,
    bundle: String,
    /// When the first row came.
    begun: Option<SystemTime>,
    rows: Vec<HistoryRow>,
    fell_back: FellBack,
}

/// How an image is lit, and what it looks like to the network.
pub(super) type Seen = (Option<[f32; 6]>, Option<[f32; 2]>);

impl<'a> History<'a> {
    pub(super) fn begin(folder: &'a Path, bundle: &str) -> Result<Self, JobError> {
        prepare_folder(folder)?;
        Ok(Self { folder, bundle: bundle.to_owned(), begun: None, rows: vec![], fell_back: FellBack::default() })
    }

    pub(super) fn add(&mut self, row: &ResultRow, (time, source): (Option<SystemTime>, Source), (light, alike): Seen) {
        let row = ResultRow { regions: None, ..row.clone() };
        let now = SystemTime::now();
        self.begun.get_or_insert(now);
        self.fell_back.count(source);
        let time = time.unwrap_or(now);
        self.rows.push(HistoryRow { time, bundle: self.bundle.clone(), row, light, alike });
    }

    /// Writes them as a file of their own, whole or not at all; none without rows.
    pub(super) fn finish(self, progress: &dyn Progress) -> Result<(), JobError> {
        let Some(begun) = self.begun else { return Ok(()) };
        self.fell_back.tell(progress);
        let time = humantime::format_rfc3339_micros(begun).to_string().replace([':', '-'], "");
        let path = self.folder.join(format!("part-{time}-{}.parquet", std::process::id()));
        let bytes = history_table(&self.rows).map_err(JobError::report(&path))?;
        write_bytes(&path, &bytes)
    }
}

/// The files of a history; none where the folder is none.
#[must_use]
pub fn history_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_part = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("part-") && name.ends_with(".parquet")
    };
    let mut files: Vec<PathBuf> = entries.filter(is_part).collect();
    files.sort();
    files
}

/// All rows of histories, in the order of their times.
pub(super) fn read_all(folders: &[PathBuf]) -> Result<Vec<HistoryRow>, JobError> {
    let mut rows = vec![];
    for path in folders.iter().flat_map(|folder| history_files(folder)) {
        let file = File::open(&path).map_err(JobError::file("opening", &path))?;
        rows.extend(read_history(file).map_err(JobError::unread(&path))?);
    }
    rows.sort_by_key(|row| row.time);
    Ok(rows)
}
