//! The folder of results of one run: whole after every row, complete at the end.

use super::page::write_text;
use crate::console::{say, warning};
use crate::message::error_text;
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

impl Output {
    /// Makes the folder and begins the files. What an earlier run completed stays until this one is complete; `run.json` alone
    /// tells of this one from now on.
    pub(super) fn begin(folder: &Path, run: RunInfo) -> Result<Self> {
        output::prepare_folder(folder)?;
        remove_leftovers(folder, true);
        let partial = |name: &str| {
            let path = folder.join(name);
            PartialFile::create(&path).with_context(|| format!("writing {}{PARTIAL_SUFFIX}", path.display()))
        };
        let (csv, jsonl) = (partial("results.csv")?, partial("results.jsonl")?);
        if csv.is_leftover_replaced() {
            say!("note: the rows of an interrupted run in {} are replaced", folder.display());
        }
        let (csv, jsonl) = (CsvResults::new(csv)?, JsonlResults::new(jsonl));
        let output = Self { folder: folder.to_owned(), csv, jsonl, run, n_rows: 0 };
        output.write_run()?;
        Ok(output)
    }

    /// Adds a row to both files.
    pub(super) fn add(&mut self, row: &ResultRow) -> Result<()> {
        let writing = || format!("writing the results in {}", self.folder.display());
        self.csv.write(row).with_context(writing)?;
        self.jsonl.write(row).with_context(writing)?;
        self.n_rows += 1;
        Ok(())
    }

    /// Leaves what there is, says where, and notes in `run.json` why there is no more.
    pub(super) fn keep(mut self, n_listed: usize, why: &anyhow::Error) {
        let kept = self.csv.get_ref().keep().and_then(|()| self.jsonl.get_ref().keep());
        self.run.n_images = self.n_rows;
        self.run.stopped_by =
            Some(signals::caught().map_or_else(|| format!("{why:#}"), |s| signals::name(s).to_owned()));
        let noted = self.write_run();
        let place = self.csv.get_ref().partial_path().display();
        say!("stopped after {} of {n_listed} images: their rows are in {place} and beside it", self.n_rows);
        if let Some(error) = kept.err().map(anyhow::Error::from).or(noted.err()) {
            warning!("{}", error_text(&error));
        }
    }

    /// Puts the results in their places.
    pub(super) fn put_in_place(self) -> Result<(PathBuf, RunInfo)> {
        let Self { folder, csv, jsonl, run, .. } = self;
        let writing = || format!("writing the results in {}", folder.display());
        csv.finish()?.put_in_place().with_context(writing)?;
        jsonl.finish()?.put_in_place().with_context(writing)?;
        Ok((folder, run))
    }

    fn write_run(&self) -> Result<()> {
        write_run(&self.folder, &self.run)
    }
}

/// `run.json`.
pub(super) fn write_run(folder: &Path, run: &RunInfo) -> Result<()> {
    write_text(&folder.join("run.json"), &(serde_json::to_string_pretty(run)? + "\n"))
}
