//! `pcore eval`: a labelled dataset to figures.

use super::open::open;
use super::{left_out, listed};
use crate::Outcome;
use crate::args::{EvalArgs, RunArgs};
use crate::console::{Console, context, print, print_json, say};
use crate::terminal;
use anyhow::Result;
use pcore::dataset;
use pcore::job::{self, EvaluateJob, Evaluated, Truth};
use pcore::report::{EvaluationJson, evaluation_table};

pub(crate) fn run(args: &EvalArgs) -> Result<Outcome> {
    args.out.iter().chain(&args.tensorboard).try_for_each(|folder| job::check_folder(folder))?;
    let mut listing = dataset::labelled_as(&args.root, args.bundle.domain.as_deref(), &args.layout.hints())?;
    listed::say(&listing);
    let mut opened = open(&args.bundle, &args.run, &mut listing)?;
    opened.inspector.set_min_region_area(args.regions.min_area);
    let told = (args.bundle.conditions.as_deref(), args.bundle.gate);
    let work = EvaluateJob {
        opened: &opened,
        listing: &listing,
        truth: &Truth::of(told, &listing, &opened.inspector, &Console::new())?,
        calibration: args.bundle.calibrate.into(),
        out: args.out.as_deref(),
        tensorboard: args.tensorboard.as_deref(),
        title: None,
    };
    evaluate(&work, &args.run)
}

/// Does the work and shows the figures.
pub(super) fn evaluate(work: &EvaluateJob<'_>, run: &RunArgs) -> Result<Outcome> {
    let Evaluated { evaluation, n_failed, n_undrawn, .. } = job::evaluate(work, &context(&Console::new(), run))?;
    left_out::tell(work.listing, "used");
    work.out.iter().chain(&work.tensorboard).for_each(|folder| say!("written to {}", terminal::shown(folder)));
    if run.json {
        print_json(&EvaluationJson::from(&evaluation))?;
    } else {
        print(&evaluation_table(&evaluation))?;
    }
    Ok(if n_failed + n_undrawn == 0 { Outcome::Done } else { Outcome::SomeFailed })
}
