//! Hypotheses to verdicts.

mod build;
mod facts;
mod runs;
mod truths;

use super::context::tell_left_out;
use super::place::{check_folder, refuse_link, write_made, write_text};
use super::{Context, JobError};
use crate::condition::ConditionRule;
use crate::dataset::{Layout, Listing, mark_output};
use crate::eval::study::{Plan, Setup, Study, StudyData, Tables};
use crate::image::Reading;
use crate::model::OpenDevice;
use crate::report::study::{cells_csv, cells_jsonl, study_markdown, study_page};
use crate::report::{ReportError, json_text};
use std::path::Path;
use std::time::Instant;

/// What to study, and where to.
#[derive(Clone, Copy)]
pub struct StudyJob<'a> {
    /// The cells.
    pub plan: &'a Plan,
    /// The normal images.
    pub train: &'a Listing,
    /// The labelled images.
    pub test: &'a Listing,
    /// What tells the known condition of a test image; where it is not given, the plan's table, or one beside the images.
    pub test_conditions: Option<&'a ConditionRule>,
    /// How image files are read.
    pub reading: Reading,
    /// Folder for `cells.csv`, `cells.jsonl`, `study.html`, `study.md`, `timings.csv` and `run.json`; `runs.jsonl` and
    /// `cache/` let a study go on from what is finished.
    pub out: &'a Path,
}

/// A finished study.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StudyDone {
    /// The figures of every cell, and what they say of the hypotheses.
    pub tables: Tables,
    /// Images that could not be used.
    pub n_failed: usize,
    /// Time of all of it.
    pub seconds: f64,
}

/// Files that grow in the folder, and the folder of the cache.
const GROWING: [&str; 3] = ["runs.jsonl", "timings.csv", "cache"];

/// Runs what of the plan is not in the folder yet, and writes the tables.
///
/// # Errors
/// [`JobError::Study`], or what can't be written; finished runs stay, and a later call goes on from them.
pub fn study(job: &StudyJob<'_>, device: &OpenDevice, context: &Context<'_>) -> Result<StudyDone, JobError> {
    let StudyJob { plan, train, test, out, .. } = *job;
    let (begun, progress) = (Instant::now(), context.progress);
    check_folder(out)?;
    GROWING.iter().try_for_each(|name| refuse_link(&out.join(name)))?;
    job.test_conditions.into_iter().chain([&plan.conditions]).try_for_each(ConditionRule::check)?;
    check_products(train, &plan.conditions)?;
    mark_output(out, &[]).map_err(JobError::file("writing into", out))?;
    let known = truths::rule((job.test_conditions, &plan.conditions), test, progress)?;
    let samples = (train.samples.clone(), test.samples.clone());
    let data = StudyData::read(samples, job.reading, &known, &plan.conditions, progress)?;
    tell_left_out(&data.failures, progress);
    progress.note(&facts::work(plan, &data, device));
    let setup = Setup {
        device,
        cache: out.join("cache"),
        build: build::digest()?,
        batch: context.pace.batch,
        memory_bytes: context.pace.memory_bytes,
    };
    let study = Study::open(plan, &data, &setup)?;
    let (runs, n_computed) = runs::finish(&study, out, data.test.len(), progress)?;
    let tables = Tables::of(plan, &data, &|cell, seed| runs.get(&study.key(cell, seed)));
    let facts = facts::of(plan, &data, device, &known);
    write_tables(out, plan, &tables, &facts)?;
    let seconds = begun.elapsed().as_secs_f64();
    write_made(&out.join("run.json"), json_text(&facts::run(&facts, plan, n_computed, seconds)))?;
    let n_failed = data.failures.len() + train.n_failures() + test.n_failures();
    Ok(StudyDone { tables, n_failed, seconds })
}

fn write_tables(out: &Path, plan: &Plan, tables: &Tables, facts: &[(String, String)]) -> Result<(), JobError> {
    type Made = fn(&Plan, &Tables) -> Result<String, ReportError>;
    for (name, made) in [("cells.csv", cells_csv as Made), ("cells.jsonl", cells_jsonl)] {
        write_made(&out.join(name), made(plan, tables))?;
    }
    write_text(&out.join("study.html"), &study_page(plan, tables, facts))?;
    write_text(&out.join("study.md"), &study_markdown(plan, tables))
}

/// Refuses several products that no condition keeps apart.
fn check_products(train: &Listing, rule: &ConditionRule) -> Result<(), JobError> {
    if train.layout == Layout::Products && !matches!(rule, ConditionRule::Folder | ConditionRule::Table(_)) {
        return Err(JobError::Products { root: train.root.clone(), rule: rule.clone() });
    }
    Ok(())
}
