//! `pcore synth`: simulated data.

use crate::Outcome;
use crate::args::{HdmapArgs, PartArgs, PlateArgs, SynthArgs, SynthKind};
use crate::console::{Console, print_json, print_line};
use anyhow::Result;
use pcore::job;
use pcore::progress::Progress;
use pcore::synth::hdmap::{HdmapPlan, Summary, write_tree};
use pcore::synth::part::{PartsPlan, write_parts};
use pcore::synth::plate::{PlatePlan, write_plates};
use serde_json::json;
use std::path::Path;

pub(crate) fn run(args: &SynthArgs) -> Result<Outcome> {
    match &args.kind {
        SynthKind::Hdmap(args) => hdmap(args),
        SynthKind::Plate(args) => plates(args),
        SynthKind::Part(args) => parts(args),
    }
}

fn parts(args: &PartArgs) -> Result<Outcome> {
    let mut plan = PartsPlan::default();
    (plan.side_px, plan.seed) = (args.size, args.seed);
    (plan.n_train, plan.n_test_good, plan.n_test_each) = (args.train, args.good, args.each);
    job::check_folder(&args.out)?;
    let console = Console::new();
    console.begin("simulating", plan.total());
    write_parts(&plan, &args.out, |done| console.advance(done))?;
    console.end();
    if args.json {
        let written = json!({
            "folder": args.out, "height": plan.side_px, "width": plan.side_px, "seed": plan.seed,
            "train": {"good": plan.n_train},
            "test": {"good": plan.n_test_good, "scratch": plan.n_test_each, "stain": plan.n_test_each},
        });
        print_json(&written)?;
        return Ok(Outcome::Done);
    }
    print_line(&format!(
        "{}: {} normal parts to fit on; to test with {} normal ones, {n} with a scratch and {n} with a stain",
        args.out.display(),
        plan.n_train,
        plan.n_test_good,
        n = plan.n_test_each
    ))?;
    Ok(Outcome::Done)
}

fn plates(args: &PlateArgs) -> Result<Outcome> {
    let mut plan = PlatePlan::default();
    (plan.size, plan.spot_px, plan.seed) = (args.size, args.spot, args.seed);
    (plan.n_train, plan.n_test_good, plan.n_test_spot) = (args.train, args.good, args.spots);
    job::check_folder(&args.out)?;
    let console = Console::new();
    console.begin("simulating", plan.total());
    write_plates(&plan, &args.out, |done| console.advance(done))?;
    console.end();
    if args.json {
        let (height, width) = plan.size;
        let written = json!({
            "folder": args.out, "height": height, "width": width, "spot_px": plan.spot_px, "seed": plan.seed,
            "train": {"good": plan.n_train},
            "test": {"good": plan.n_test_good, "spot": plan.n_test_spot},
        });
        print_json(&written)?;
        return Ok(Outcome::Done);
    }
    print_line(&format!(
        "{}: {} normal plates to fit on, {} normal ones and {} with a spot to test with",
        args.out.display(),
        plan.n_train,
        plan.n_test_good,
        plan.n_test_spot
    ))?;
    Ok(Outcome::Done)
}

fn hdmap(args: &HdmapArgs) -> Result<Outcome> {
    let plan = HdmapPlan {
        domain: args.domain,
        seed: args.seed,
        n_train: args.train,
        n_test_good: args.good,
        n_test_fault: args.fault,
        cold_share: args.cold_share,
    };
    let summary = simulate(&plan, &args.out)?;
    if args.json {
        let written = json!({
            "folder": summary.folder, "manifest": summary.manifest,
            "train": {"cold": summary.n_train_cold, "warm": summary.n_train_warm},
            "test": {"good": summary.n_test_good, "fault": summary.n_test_fault},
        });
        print_json(&written)?;
        return Ok(Outcome::Done);
    }
    print_line(&format!(
        "{}: {} cold and {} warm normal maps to fit on, {} normal and {} faulty maps to test with; truth in {}",
        summary.folder.display(),
        summary.n_train_cold,
        summary.n_train_warm,
        summary.n_test_good,
        summary.n_test_fault,
        summary.manifest.display()
    ))?;
    Ok(Outcome::Done)
}

/// Writes the tree with a progress bar.
pub(super) fn simulate(plan: &HdmapPlan, out: &Path) -> Result<Summary> {
    job::check_folder(out)?;
    let console = Console::new();
    console.begin("simulating", plan.total());
    let mut before = 0;
    let summary = write_tree(plan, out, |done, _total| {
        console.advance(done - before);
        before = done;
    })?;
    console.end();
    Ok(summary)
}
