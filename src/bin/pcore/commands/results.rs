//! The folder of results of one run: whole after every row, complete at the end.

use super::page::write_text;
use crate::console::{say, warning};
use crate::message::{as_typed, error_text};
use crate::output;
use crate::run_info::RunInfo;
use crate::signals;
use anyhow::{Context, Result};
use pcore::files::{PARTIAL_SUFFIX, PartialFile, remove_leftovers};
use pcore::report::{CsvResults, JsonlResults, ResultRow};
use std::path::{Path, PathBuf};

/// `results.csv` and `results.jsonl`, which grow beside their places until the run ends, and `run.json`, which says whether it
/// has.
pub(super) struct Output {
    folder: PathBuf,
    csv: CsvResults<PartialFile>,
    jsonl: JsonlResults<PartialFile>,
    pub(super) run: RunInfo,
    n_rows: usize,
}

/// Folders of pictures below a folder of results.
const PICTURE_FOLDERS: [&str; 3] = ["overlays", "maps", "explain"];

impl Output {
    /// Makes the folder and begins the files. What an earlier run completed stays until this one is complete; `run.json` alone
    /// tells of this one from now on.
    pub(super) fn begin(folder: &Path, run: RunInfo) -> Result<Self> {
        output::prepare_folder(folder)?;
        let partial = |name: &str| {
            let path = folder.join(name);
            PartialFile::create(&path).with_context(|| format!("writing {}{PARTIAL_SUFFIX}", path.display()))
        };
        let (csv, jsonl) = (partial("results.csv")?, partial("results.jsonl")?);
        if csv.is_leftover_replaced() {
            say!("note: the rows of an interrupted run in {} are replaced", folder.display());
        }
        // Not before the files are ours: another process may still be writing here, and its temporary files are in use.
        remove_leftovers(folder, false);
        PICTURE_FOLDERS.iter().for_each(|name| remove_leftovers(&folder.join(name), true));
        let (csv, jsonl) = (CsvResults::new(csv)?, JsonlResults::new(jsonl));
        let output = Self { folder: folder.to_owned(), csv, jsonl, run, n_rows: 0 };
        output.write_run()?;
        Ok(output)
    }

    /// Adds a row to both files, or to none.
    pub(super) fn add(&mut self, row: &ResultRow) -> Result<()> {
        let writing = || format!("writing the results in {}", self.folder.display());
        let before = self.csv.get_ref().n_bytes();
        self.csv.write(row).with_context(writing)?;
        if let Err(error) = self.jsonl.write(row) {
            self.csv.get_mut().cut_to(before).with_context(writing)?;
            return Err(error).with_context(writing);
        }
        self.n_rows += 1;
        Ok(())
    }

    /// Leaves what there is, says where, and notes in `run.json` why there is no more.
    pub(super) fn keep(mut self, n_listed: usize, why: &anyhow::Error) {
        let kept = self.csv.get_ref().keep().and_then(|()| self.jsonl.get_ref().keep());
        self.run.n_images = self.n_rows;
        self.run.stopped_by = Some(reason(why));
        let noted = self.write_run();
        let place = self.csv.get_ref().partial_path().display();
        say!("stopped after {} of {n_listed} images: their rows are in {place} and beside it", self.n_rows);
        if let Some(error) = kept.err().map(anyhow::Error::from).or(noted.err()) {
            warning!("{}", error_text(&error));
        }
    }

    /// Puts the results in their places and has `pages` write what is made of them; `run.json` then says that all is there.
    pub(super) fn finish(
        self,
        (n_images, n_failed): (usize, usize),
        seconds: f64,
        pages: impl FnOnce(&Path, &RunInfo) -> Result<()>,
    ) -> Result<()> {
        let Self { folder, csv, jsonl, mut run, .. } = self;
        run.finish(n_images, n_failed, seconds);
        let put = |file: PartialFile| file.put_in_place().with_context(|| format!("writing {}", folder.display()));
        let in_place = || -> Result<()> {
            put(csv.finish()?)?;
            put(jsonl.finish()?)?;
            pages(&folder, &run)?;
            write_run(&folder, &run)
        };
        let ended = in_place();
        if let Err(error) = &ended {
            (run.complete, run.stopped_by) = (false, Some(reason(error)));
            // On a full disk the one that says "not complete" stays.
            drop(write_run(&folder, &run));
            say!(
                "the rows of all {n_images} images are in results.csv and results.jsonl in {}, with {PARTIAL_SUFFIX} behind the name where they are not in place; the rest of the run's files is not complete",
                folder.display()
            );
        }
        ended
    }

    fn write_run(&self) -> Result<()> {
        write_run(&self.folder, &self.run)
    }
}

/// What `run.json` says of a run that was stopped.
fn reason(why: &anyhow::Error) -> String {
    signals::caught()
        .map_or_else(|| as_typed(format!("{why:#}")).into_owned(), |signal| signals::name(signal).to_owned())
}

/// `run.json`.
fn write_run(folder: &Path, run: &RunInfo) -> Result<()> {
    write_text(&folder.join("run.json"), &(serde_json::to_string_pretty(run)? + "\n"))
}
