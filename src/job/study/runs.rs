//! Runs that are kept as they finish.

use super::super::place::read_at_most;
use super::JobError;
use crate::eval::study::{Run, Study, StudyError};
use crate::progress::Progress;
use crate::report::study::{RunLine, run_lines};
use crate::report::{ReportError, csv_quoted};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Most bytes of `runs.jsonl` that are read back: 4 GiB.
const MAX_RUNS_BYTES: u64 = 4 << 30;

/// Runs what is not in `runs.jsonl` yet, noting in `timings.csv` how long each took; all runs by key, and how many were
/// computed now.
pub(super) fn finish(
    study: &Study<'_>,
    out: &Path,
    n_images: usize,
    progress: &dyn Progress,
) -> Result<(BTreeMap<String, Run>, usize), JobError> {
    fs::create_dir_all(out).map_err(JobError::file("creating", out))?;
    let path = out.join("runs.jsonl");
    let (mut runs, whole) =
        if path.exists() { run_lines(&read_at_most(&path, MAX_RUNS_BYTES)?, n_images) } else { (BTreeMap::new(), 0) };
    let mut file = append(&path)?;
    // What a killed study left of its last line.
    file.set_len(whole as u64).map_err(JobError::file("cutting", &path))?;
    if !runs.is_empty() {
        progress.note(&format!("{} finished runs found in {}", runs.len(), path.display()));
    }
    let done: BTreeSet<String> = runs.keys().cloned().collect();
    let timings_path = out.join("timings.csv");
    let is_new = !timings_path.exists();
    let mut timings = append(&timings_path)?;
    if is_new {
        timings.write_all(b"cell,seed,seconds\n").map_err(JobError::file("writing", &timings_path))?;
    }
    study
        .run(&|key| done.contains(key), progress, |key, run, seconds| -> Result<(), Failed> {
            writeln!(timings, "{},{},{seconds:.3}", csv_quoted(&run.cell), run.seed)?;
            let text = RunLine::new(key, run).text()?;
            file.write_all(text.as_bytes()).and_then(|()| file.sync_data())?;
            // What goes into the tables is what a later call would read.
            runs.append(&mut run_lines(text.as_bytes(), n_images).0);
            Ok(())
        })
        .map_err(|failed| match failed {
            Failed::Study(error) => JobError::Study(error),
            Failed::Report(error) => JobError::report(&path)(error),
            Failed::Io(error) => JobError::file("writing", &path)(error),
        })?;
    let n_computed = runs.len() - done.len();
    Ok((runs, n_computed))
}

fn append(path: &Path) -> Result<File, JobError> {
    OpenOptions::new().create(true).append(true).open(path).map_err(JobError::file("opening for writing", path))
}

/// Why the runs ended early.
enum Failed {
    Study(StudyError),
    Report(ReportError),
    Io(io::Error),
}

impl From<StudyError> for Failed {
    fn from(error: StudyError) -> Self {
        Self::Study(error)
    }
}

impl From<ReportError> for Failed {
    fn from(error: ReportError) -> Self {
        Self::Report(error)
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
