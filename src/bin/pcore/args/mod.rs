//! What can be typed.

#![allow(clippy::doc_markdown, reason = "these comments are help texts, shown as they are")]

mod data;
mod fit;
mod inspect;
mod layout;
mod station;
mod values;

pub(crate) use data::{DemoArgs, HdmapArgs, SynthArgs, SynthKind, WeightsAction, WeightsArgs};
pub(crate) use fit::{FitArgs, MethodArgs, RunArgs};
pub(crate) use inspect::{BenchArgs, BundleArgs, EvalArgs, InferArgs, InspectArgs, MapFormat, StudyArgs};
pub(crate) use station::{ExportArgs, ExportFormat, ImportArgs};

use clap::{Parser, Subcommand};

/// Industrial visual anomaly detection: fit on normal images, inspect every new one.
#[derive(Parser)]
#[command(name = "pcore", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  pcore demo                                    see everything work on simulated data
  pcore fit --domain C --normal train/          learn from normal images
  pcore infer test/                             inspect new images
  pcore eval dataset/ --json                    measure on a labelled dataset
  pcore study dataset/ --out study/             find out which settings help, and how sure that is

Exit codes: 0 done, 1 anomalies found (only with --fail-on-anomaly), 2 error, 3 some inputs could not be read";

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Fit a memory bank to a folder of normal images
    Fit(FitArgs),
    /// Inspect images: score, verdict and heat map of each
    Infer(InferArgs),
    /// Measure a fitted bank on a labelled dataset
    Eval(EvalArgs),
    /// Test hypotheses: many configurations on one labelled dataset, with intervals and verdicts
    Study(StudyArgs),
    /// Measure where the time of an inspection goes on this machine
    Bench(BenchArgs),
    /// Show what a bundle holds, and verify it
    Inspect(InspectArgs),
    /// Take over a bank from a .NET line station: gallery_f32.bin, threshold.json, meta.json
    Import(ImportArgs),
    /// Write a bundle as the files of a .NET line station
    Export(ExportArgs),
    /// Simulate a gearbox, fit, evaluate and write report.html
    Demo(DemoArgs),
    /// Make simulated data
    Synth(SynthArgs),
    /// Keep the weights of known networks
    Weights(WeightsArgs),
    /// List the devices this binary can run on, and the backbones it holds
    Devices,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }
}
