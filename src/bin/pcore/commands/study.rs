//! `pcore study`: hypotheses to verdicts.

use super::{left_out, listed, open, page::write_text};
use crate::Outcome;
use crate::args::StudyArgs;
use crate::console::{Console, print, print_line, problem, say};
use crate::output;
use anyhow::{Context, Result, bail};
use data_encoding::HEXLOWER;
use pcore::condition::ConditionRule;
use pcore::dataset::{self, Layout, Listing, mark_output};
use pcore::eval::study::{Plan, Run, Setup, Study, StudyData, StudyError, Tables};
use pcore::model::OpenDevice;
use pcore::report::study::{
    HDMAP_PLAN, MAX_PLAN_BYTES, RunLine, StudyJson, cells_csv, cells_jsonl, plan_from_toml, run_lines, study_markdown,
    study_page, verdicts,
};
use pcore::report::{ReportError, csv_text};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Most bytes of `runs.jsonl` that are read back: 4 GiB.
const MAX_RUNS_BYTES: u64 = 4 << 30;
/// Tables of conditions that are used without being named, when they lie beside the images.
const KNOWN_TABLES: [&str; 2] = ["conditions.csv", "manifest.csv"];

pub(crate) fn run(args: &StudyArgs) -> Result<Outcome> {
    if args.print_plan {
        print(HDMAP_PLAN)?;
        return Ok(Outcome::Done);
    }
    let Some(root) = &args.root else { bail!("no dataset: name its folder") };
    let begun = Instant::now();
    output::check_folder(&args.out)?;
    for name in ["runs.jsonl", "timings.csv", "cache"] {
        output::refuse_link(&args.out.join(name))?;
    }
    let plan = plan(args)?;
    for rule in args.test_conditions.iter().chain([&plan.conditions]) {
        open::check_rule(rule)?;
    }
    let train = dataset::normals(root, args.domain.as_deref())?;
    let test = dataset::labelled(root, args.domain.as_deref())?;
    check_products(&train, &plan.conditions)?;
    listed::say(&train);
    listed::say(&test);
    let n_left_out = left_out::n_failures(&train) + left_out::n_failures(&test);
    left_out::tell(&train, "used for training");
    left_out::tell(&test, "used for testing");
    mark_output(&args.out, &[]).with_context(|| format!("writing into {}", args.out.display()))?;
    let known = known_conditions(args, &plan, &test)?;
    let console = Console::new();
    let data =
        StudyData::read((train.samples, test.samples), args.values.reading(), &known, &plan.conditions, &console)?;
    let device = open::device(&args.run)?;
    tell(&plan, &data, &device);
    let setup = Setup {
        device: &device,
        cache: args.out.join("cache"),
        build: build()?,
        batch: args.run.batch,
        memory_bytes: args.run.memory,
    };
    let study = Study::open(&plan, &data, &setup)?;
    let (runs, n_computed) = finish(&study, &args.out, data.test.len(), &console)?;
    let tables = Tables::of(&plan, &data, &|cell, seed| runs.get(&study.key(cell, seed)));
    let facts = facts(&plan, &data, &device, &known);
    write_tables(&args.out, &plan, &tables, &facts)?;
    let seconds = begun.elapsed().as_secs_f64();
    let info = run_json(&facts, &plan, n_computed, seconds);
    write_text(&args.out.join("run.json"), &(serde_json::to_string_pretty(&info)? + "\n"))?;
    if args.run.json {
        print_line(&serde_json::to_string_pretty(&StudyJson::new(&plan, &tables))?)?;
    } else {
        print(&verdicts(&tables.findings))?;
        print_line(&format!("tables and plots in {}  ({seconds:.1} s)", args.out.join("study.html").display()))?;
    }
    Ok(if data.failures.is_empty() && n_left_out == 0 { Outcome::Done } else { Outcome::SomeFailed })
}

/// Says what is to be done.
fn tell(plan: &Plan, data: &StudyData, device: &OpenDevice) {
    for failure in &data.failures {
        problem!("left out: {}: {}", failure.name, failure.reason);
    }
    let n_truths = data.test.iter().filter(|t| t.condition.is_some()).count();
    say!(
        "{} cells, {} runs on {} training and {} test images ({n_truths} of known condition), device {}",
        plan.cells.len(),
        plan.n_runs(),
        data.train.len(),
        data.test.len(),
        device.description()
    );
}

fn write_tables(out: &Path, plan: &Plan, tables: &Tables, facts: &[(String, String)]) -> Result<()> {
    write_text(&out.join("cells.csv"), &cells_csv(plan, tables)?)?;
    write_text(&out.join("cells.jsonl"), &cells_jsonl(plan, tables)?)?;
    write_text(&out.join("study.html"), &study_page(plan, tables, facts))?;
    write_text(&out.join("study.md"), &study_markdown(plan, tables))
}

/// Refuses several products that no condition keeps apart.
fn check_products(train: &Listing, rule: &ConditionRule) -> Result<()> {
    if train.layout == Layout::Products && !matches!(rule, ConditionRule::Folder | ConditionRule::Table(_)) {
        bail!(
            "{} holds several products, and the plan's conditions ({rule}) do not tell them apart: give the folder of one product, or --conditions folder",
            train.root.display()
        );
    }
    Ok(())
}

fn plan(args: &StudyArgs) -> Result<Plan> {
    let Some(path) = &args.plan else { return Ok(plan_from_toml(HDMAP_PLAN, args.conditions.clone())?) };
    let bytes = read_at_most(path, MAX_PLAN_BYTES)?;
    let text = String::from_utf8(bytes).with_context(|| format!("{}: expected UTF-8 text", path.display()))?;
    plan_from_toml(&text, args.conditions.clone()).with_context(|| format!("plan {}", path.display()))
}

/// The rule for the true conditions of the test images: as asked for, else a table, named or found.
fn known_conditions(args: &StudyArgs, plan: &Plan, listing: &Listing) -> Result<ConditionRule> {
    if let Some(rule) = &args.test_conditions {
        return match rule {
            ConditionRule::P90 { .. } => {
                bail!(
                    "--test-conditions {rule}: a level tells no true condition; expected none, index:N, folder or a CSV"
                )
            }
            _ => Ok(rule.clone()),
        };
    }
    if let ConditionRule::Table(path) = &plan.conditions {
        return Ok(ConditionRule::Table(path.clone()));
    }
    // The dataset's folder is the one of the labelled images, or one of those above it up to the root named.
    let first = listing.samples.first().map(|sample| sample.path.clone()).unwrap_or_default();
    let root = listing.root.parent().unwrap_or(&listing.root);
    let folders = first.ancestors().skip(1).take_while(|folder| folder.starts_with(root));
    let tables = folders.flat_map(|folder| KNOWN_TABLES.map(|name| folder.join(name)));
    match tables.into_iter().find(|path| path.is_file()) {
        Some(path) => {
            say!("conditions of test images from {} (--test-conditions chooses otherwise)", path.display());
            Ok(ConditionRule::Table(path))
        }
        None => Ok(ConditionRule::None),
    }
}

/// Identifies this program: results of another build are not reused.
fn build() -> Result<String> {
    let path = std::env::current_exe().context("finding this program's file")?;
    let mut file = File::open(&path).with_context(|| format!("opening {}", path.display()))?;
    let mut hash = Sha256::new();
    io::copy(&mut file, &mut hash).with_context(|| format!("reading {}", path.display()))?;
    Ok(HEXLOWER.encode(&hash.finalize()))
}

/// Runs what is not in `runs.jsonl` yet, noting in `timings.csv` how long each took; all runs by key, and how many were
/// computed now.
fn finish(study: &Study<'_>, out: &Path, n_images: usize, console: &Console) -> Result<(BTreeMap<String, Run>, usize)> {
    fs::create_dir_all(out).with_context(|| format!("creating {}", out.display()))?;
    let path = out.join("runs.jsonl");
    let (mut runs, whole) =
        if path.exists() { run_lines(&read_at_most(&path, MAX_RUNS_BYTES)?, n_images) } else { (BTreeMap::new(), 0) };
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| format!("opening {} for writing", path.display()))?;
    // What a killed study left of its last line.
    file.set_len(whole as u64).with_context(|| format!("cutting {}", path.display()))?;
    if !runs.is_empty() {
        say!("{} finished runs found in {}", runs.len(), path.display());
    }
    let done: std::collections::BTreeSet<String> = runs.keys().cloned().collect();
    let append = |path: &Path| OpenOptions::new().create(true).append(true).open(path);
    let path = out.join("timings.csv");
    let is_new = !path.exists();
    let mut timings = append(&path).with_context(|| format!("opening {} for writing", path.display()))?;
    if is_new {
        timings.write_all(b"cell,seed,seconds\n").with_context(|| format!("writing {}", path.display()))?;
    }
    study.run(&|key| done.contains(key), console, |key, run, seconds| -> Result<(), Failed> {
        writeln!(timings, "\"{}\",{},{seconds:.3}", csv_text(&run.cell).replace('"', "\"\""), run.seed)?;
        let text = RunLine::new(key, run).text()?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_data())?;
        // What goes into the tables is what a later call would read.
        runs.append(&mut run_lines(text.as_bytes(), n_images).0);
        Ok(())
    })?;
    let n_computed = runs.len() - done.len();
    Ok((runs, n_computed))
}

/// Why the runs ended early.
#[derive(Debug)]
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

impl From<Failed> for anyhow::Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Study(error) => error.into(),
            Failed::Report(error) => error.into(),
            Failed::Io(error) => Self::new(error).context("writing runs.jsonl"),
        }
    }
}

fn read_at_most(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = vec![];
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    file.take(limit + 1).read_to_end(&mut bytes).with_context(|| format!("reading {}", path.display()))?;
    if bytes.len() as u64 > limit {
        bail!("{} is larger than {} MiB", path.display(), limit >> 20);
    }
    Ok(bytes)
}

/// What one needs to know to repeat the study; nothing that changes from run to run.
fn facts(plan: &Plan, data: &StudyData, device: &OpenDevice, known: &ConditionRule) -> Vec<(String, String)> {
    let name = |rule: &ConditionRule| match rule {
        ConditionRule::Table(path) => PathBuf::from(path.file_name().unwrap_or_default()).display().to_string(),
        other => other.to_string(),
    };
    let fact = |name: &str, value: String| (name.to_owned(), value);
    vec![
        fact("pcore", env!("CARGO_PKG_VERSION").to_owned()),
        fact("baseline", plan.cells[0].cell.to_string()),
        fact("training images", data.train.len().to_string()),
        fact("test images", data.test.len().to_string()),
        fact("data", format!("sha256 {}", data.fingerprint)),
        fact("conditions of training images", name(&plan.conditions)),
        fact("known conditions of test images", name(known)),
        fact("bootstrap resamples", plan.resamples.to_string()),
        fact("device", device.description().to_owned()),
    ]
}

fn run_json(facts: &[(String, String)], plan: &Plan, n_computed: usize, seconds: f64) -> serde_json::Value {
    let facts: BTreeMap<&str, &str> = facts.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    serde_json::json!({
        "command": "study", "facts": facts, "cells": plan.cells.len(), "runs": plan.n_runs(),
        "runs_computed": n_computed, "seconds": seconds,
    })
}
