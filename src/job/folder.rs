//! The folder of results of one run: whole after every row, complete at the end.

use super::place::{prepare_folder, write_made};
use super::shown::SHOWN_FOLDER;
use super::{Context, JobError};
use crate::files::{PARTIAL_SUFFIX, PartialFile, remove_leftovers};
use crate::report::{CsvResults, JsonlResults, ResultRow, RunInfo, json_text};
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// `results.csv` and `results.jsonl`, which grow beside their places until the run ends, and `run.json`, which says whether it
/// has.
pub(super) struct ResultsFolder<'a> {
    folder: PathBuf,
    csv: CsvResults<PartialFile>,
    jsonl: JsonlResults<PartialFile>,
    run: RunInfo,
    n_rows: usize,
    context: &'a Context<'a>,
}

/// Folders of pictures below a folder of results.
const WITH_PICTURES: [&str; 4] = ["overlays", "maps", "explain", SHOWN_FOLDER];

impl<'a> ResultsFolder<'a> {
    /// Makes the folder and begins the files. What an earlier run completed stays until this one is complete; `run.json` alone
    /// tells of this one from now on.
    pub(super) fn begin(folder: &Path, run: RunInfo, context: &'a Context<'a>) -> Result<Self, JobError> {
        prepare_folder(folder)?;
        let partial = |name: &str| {
            let path = folder.join(name);
            let mut partial = path.clone().into_os_string();
            partial.push(PARTIAL_SUFFIX);
            PartialFile::create(&path).map_err(JobError::file("writing", partial.as_ref()))
        };
        let (csv, jsonl) = (partial("results.csv")?, partial("results.jsonl")?);
        if csv.is_leftover_replaced() {
            context.progress.note(&format!("the rows of an interrupted run in {} are replaced", folder.display()));
        }
        // Not before the files are ours: another process may still be writing here, and its temporary files are in use.
        remove_leftovers(folder, false);
        WITH_PICTURES.iter().for_each(|name| remove_leftovers(&folder.join(name), true));
        let csv = CsvResults::new(csv).map_err(JobError::report(folder))?;
        let (jsonl, folder) = (JsonlResults::new(jsonl), folder.to_owned());
        let results = Self { folder, csv, jsonl, run, n_rows: 0, context };
        results.write_run()?;
        Ok(results)
    }

    /// Adds a row to both files, or to none.
    pub(super) fn add(&mut self, row: &ResultRow) -> Result<(), JobError> {
        let folder = &self.folder;
        let before = self.csv.get_ref().n_bytes();
        self.csv.write(row).map_err(JobError::report(folder))?;
        if let Err(error) = self.jsonl.write(row) {
            self.csv.get_mut().cut_to(before).map_err(JobError::file("writing", folder))?;
            return Err(JobError::report(folder)(error));
        }
        self.n_rows += 1;
        Ok(())
    }

    /// Leaves what there is, says where, and notes in `run.json` why there is no more.
    pub(super) fn keep(mut self, n_listed: usize, why: &dyn Display) {
        let kept = self.csv.get_ref().keep().and_then(|()| self.jsonl.get_ref().keep());
        let kept = kept.map_err(JobError::file("writing", &self.folder));
        self.run.n_images = self.n_rows;
        self.run.stopped_by = Some(reason(why, self.context));
        let noted = self.write_run();
        let place = self.csv.get_ref().partial_path().display();
        let progress = self.context.progress;
        progress.note(&format!(
            "stopped after {} of {n_listed} images: their rows are in {place} and beside it",
            self.n_rows
        ));
        if let Err(error) = kept.and(noted) {
            progress.warn(&error.to_string());
        }
    }

    /// Puts the results in their places and has `pages` write what is made of them; `run.json` then says that all is there.
    pub(super) fn finish(
        self,
        (n_images, n_failed): (usize, usize),
        seconds: f64,
        pages: impl FnOnce(&Path, &RunInfo) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        let Self { folder, csv, jsonl, mut run, context, .. } = self;
        run.finish(n_images, n_failed, seconds);
        let put = |file: PartialFile| file.put_in_place().map_err(JobError::file("writing", &folder));
        let in_place = || {
            put(csv.finish().map_err(JobError::report(&folder))?)?;
            put(jsonl.finish().map_err(JobError::report(&folder))?)?;
            pages(&folder, &run)?;
            write_run(&folder, &run)
        };
        let ended = in_place();
        if let Err(error) = &ended {
            (run.complete, run.stopped_by) = (false, Some(reason(error, context)));
            // On a full disk the one that says "not complete" stays.
            drop(write_run(&folder, &run));
            context.progress.note(&format!(
                "the rows of all {n_images} images are in results.csv and results.jsonl in {}, with {PARTIAL_SUFFIX} behind the name where they are not in place; the rest of the run's files is not complete",
                folder.display()
            ));
        }
        ended
    }

    fn write_run(&self) -> Result<(), JobError> {
        write_run(&self.folder, &self.run)
    }
}

/// What `run.json` says of a run that was stopped.
fn reason(why: &dyn Display, context: &Context<'_>) -> String {
    match context.progress.is_cancelled() {
        true => context.progress.cancelled_by(),
        false => (context.wording)(&why.to_string()),
    }
}

/// `run.json`.
fn write_run(folder: &Path, run: &RunInfo) -> Result<(), JobError> {
    write_made(&folder.join("run.json"), json_text(run))
}
