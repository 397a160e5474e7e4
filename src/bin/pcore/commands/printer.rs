//! What `infer` prints of each image.

use crate::args::InferArgs;
use crate::console::print_row;
use crate::is_broken_pipe;
use crate::terminal::{self, Tone};
use anyhow::Result;
use pcore::dataset::Shown;
use pcore::report::{JsonlResults, ResultRow};
use pcore::score::Verdict;

/// One line per image on stdout: a table row for people, a JSON object for machines.
pub(super) struct Printer {
    jsonl: Option<JsonlResults<terminal::Stdout>>,
    /// Whether there is more to do than to print: a reader that went away then ends the printing, not the run.
    goes_on: bool,
    is_closed: bool,
}

impl Printer {
    pub(super) fn new(args: &InferArgs) -> Self {
        let jsonl = args.run.json.then(|| JsonlResults::new(terminal::Stdout));
        Self { jsonl, goes_on: args.out.is_some() || args.fail_on_anomaly, is_closed: false }
    }

    pub(super) fn print(&mut self, row: &ResultRow) -> Result<()> {
        if self.is_closed {
            return Ok(());
        }
        match self.try_print(row) {
            Err(error) if self.goes_on && is_broken_pipe(&error) => {
                self.is_closed = true;
                Ok(())
            }
            printed => printed,
        }
    }

    fn try_print(&mut self, row: &ResultRow) -> Result<()> {
        if let Some(jsonl) = &mut self.jsonl {
            return Ok(jsonl.write(row)?);
        }
        print_row(&row_line(row))?;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<()> {
        match self.jsonl {
            Some(jsonl) if !self.is_closed => match jsonl.finish().map_err(anyhow::Error::from) {
                Err(error) if !(self.goes_on && is_broken_pipe(&error)) => Err(error),
                Ok(_) | Err(_) => Ok(()),
            },
            Some(_) | None => Ok(()),
        }
    }
}

/// A result as people read it.
fn row_line(row: &ResultRow) -> String {
    let (Some(verdict), Some(score), Some(threshold), None) = (row.verdict, row.score, row.threshold, &row.error)
    else {
        let failed = terminal::on_stdout(Tone::Doubtful, "failed   ");
        return format!("{failed}  {}", Shown::name(row.error.as_ref().unwrap_or(&row.path).as_str()));
    };
    let tone = match verdict {
        Verdict::Anomalous => Tone::Bad,
        Verdict::Normal => Tone::Good,
    };
    let condition = match (row.condition.as_deref(), row.unknown_condition) {
        (Some(condition), _) => Shown::name(condition).to_string(),
        (None, Some(true)) => "unknown".to_owned(),
        (None, Some(false) | None) => "-".to_owned(),
    };
    let figures = format!("  score {score:8.4}  threshold {threshold:7.4}  {condition:8}  ");
    let word = format!("{:9}", verdict.as_str());
    let path = terminal::fitting(&Shown::name(row.path.as_str()).to_string(), word.len() + figures.chars().count());
    format!("{}{figures}{path}", terminal::on_stdout(tone, &word))
}
