//! `pcore demo`: everything, on data made for it.

use super::eval::evaluate;
use super::fit::fit_to;
use super::open::open_contents;
use super::summary::summary;
use super::synth::simulate;
use crate::Outcome;
use crate::args::DemoArgs;
use crate::console::{print_line, say};
use anyhow::Result;
use pcore::bundle::Contents;
use pcore::condition::ConditionRule;
use pcore::dataset::{self, Shown};
use pcore::infer::Calibration;
use pcore::job::{self, EvaluateJob, FitJob, Truth};
use pcore::synth::hdmap::{Domain, HdmapPlan};
use pcore::train::FitPlan;

/// False alarms wanted in the demo: within reach of its few held-out maps.
const ALPHA: f64 = 0.05;

pub(crate) fn run(args: &DemoArgs) -> Result<Outcome> {
    let start = std::time::Instant::now();
    job::check_folder(&args.dir)?;
    let simulation = HdmapPlan {
        n_train: args.train,
        n_test_good: args.test - args.test / 2,
        n_test_fault: args.test / 2,
        ..HdmapPlan::new(Domain::C, args.seed)
    };
    say!("1/3  simulating a gearbox: health data maps of domain C, cold and warm, thin faults");
    let data = simulate(&simulation, &args.dir)?;

    say!("2/3  fitting on the normal maps; cold and warm are told apart without labels");
    let listing = dataset::normals(&data.folder, None)?;
    let plan = FitPlan {
        domain: Some("C".to_owned()),
        conditions: ConditionRule::P90 { limit: None },
        alpha: ALPHA,
        seed: args.seed,
        ..FitPlan::default()
    };
    let bundle = args.dir.join("C.pcore");
    let job = FitJob { listing: &listing, plan: &plan, base: None, bundle: &bundle, suspects: None };
    let done = fit_to(&job, &args.run)?;
    if !args.run.json {
        print_line(&summary(&done.fitted.contents.manifest))?;
    }

    say!("3/3  inspecting maps the fit has never seen");
    let begun = std::time::Instant::now();
    let opened = open_contents(Contents::read(&bundle)?, &bundle, ("just fitted", begun), &args.run)?;
    let listing = dataset::labelled(&data.folder, None)?;
    let work = EvaluateJob {
        opened: &opened,
        listing: &listing,
        // The truth about cold and warm is only in the simulation: the gate must find it, so no table is handed over.
        truth: &Truth::default(),
        calibration: Calibration::Condition,
        out: Some(&args.dir),
        tensorboard: None,
        title: Some("Simulated gearbox, domain C"),
    };
    let outcome = evaluate(&work, &args.run)?;
    say!(
        "open {} in a browser; all done in {:.0} s",
        Shown::path(&args.dir.join("report.html")),
        start.elapsed().as_secs_f64()
    );
    Ok(outcome)
}
