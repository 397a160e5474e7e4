//! What can be typed.

#![allow(clippy::doc_markdown, reason = "these comments are help texts, shown as they are")]

mod compare;
mod data;
mod drift;
mod export;
mod fit;
mod headings;
mod inspect;
mod layout;
mod living;
mod screen;
#[cfg(feature = "serve")]
mod serve;
mod sign;
mod station;
mod tools;
mod training;
mod values;

pub(crate) use compare::CompareArgs;
pub(crate) use data::{DemoArgs, HdmapArgs, PartArgs, PlateArgs, SynthArgs, SynthKind, WeightsAction, WeightsArgs};
pub(crate) use drift::DriftArgs;
pub(crate) use export::{ExportArgs, ExportFormat};
pub(crate) use fit::{FitArgs, MachineArgs, MethodArgs, PipelineArgs, ProfileArg, RunArgs, ValueArgs};
pub(crate) use inspect::{BenchArgs, BundleArgs, EvalArgs, InferArgs, InspectArgs, MapFormat, StudyArgs};
pub(crate) use layout::LayoutArgs;
pub(crate) use living::{BestArg, CalibrateArgs, ChangeArgs, FeedbackArgs, MergeArgs, UndoArgs, UpdateArgs};
pub(crate) use screen::ScreenArgs;
#[cfg(feature = "serve")]
pub(crate) use serve::{LogForm, ServeArgs};
pub(crate) use sign::{SignArgs, TrustArgs};
pub(crate) use station::ImportArgs;
pub(crate) use tools::{Colour, CompletionsArgs, DevicesArgs, ListArgs, ManualArgs, TalkArgs};
pub(crate) use training::TrainingArgs;
pub(crate) use values::DetectorPart;

use clap::{Parser, Subcommand};

/// Industrial visual anomaly detection: fit on normal images, inspect every new one.
#[derive(Parser)]
#[command(name = "pcore", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    #[command(flatten)]
    pub(crate) talk: TalkArgs,
}

const EXAMPLES: &str = "\
Examples:
  pcore demo                                    see everything work on simulated data
  pcore fit --domain C --normal train/          learn from normal images
  pcore infer test/                             inspect new images
  pcore eval dataset/ --json                    measure on a labelled dataset
  pcore screen lot/ --out lot-order/            find the odd images of a folder that nobody sorted
  pcore study dataset/ --out study/             find out which settings help, and how sure that is
  pcore list                                    the bundles at hand

Exit codes: 0 done, 1 anomalies found (only with --fail-on-anomaly), 2 error, 3 some inputs could not be read";

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Fit a detector to a folder of normal images
    Fit(Box<FitArgs>),
    /// Inspect images: score, verdict and heat map of each
    Infer(InferArgs),
    /// Measure a fitted detector on a labelled dataset
    Eval(EvalArgs),
    /// Test hypotheses: many configurations on one labelled dataset, with intervals and verdicts
    Study(StudyArgs),
    /// Order an unlabelled folder: which images are unlike the others
    Screen(ScreenArgs),
    /// Say whether images still come from where those of the fit came from
    Drift(DriftArgs),
    /// Measure where the time of an inspection goes on this machine
    Bench(BenchArgs),
    /// Set a bundle's thresholds from other images, without fitting again
    Calibrate(Box<CalibrateArgs>),
    /// Teach a bundle further normal images, or have it forget some, without those of before
    Update(Box<UpdateArgs>),
    /// Say of results which were false alarms and which were missed: update and calibrate heed it
    Feedback(FeedbackArgs),
    /// Two bundles, or a bundle and results of another system, on the same images: may one replace the other?
    Compare(CompareArgs),
    /// Take another bundle of the same settings in
    Merge(MergeArgs),
    /// Take back the last change of a bundle
    Undo(UndoArgs),
    /// Serve a station: jobs, lines and watched folders over HTTP, with a page
    #[cfg(feature = "serve")]
    Serve(Box<ServeArgs>),
    /// Show what a bundle holds, and verify it
    Inspect(InspectArgs),
    /// Sign a bundle, so that a station can refuse those of others
    Sign(SignArgs),
    /// Take over a bank from a .NET line station: gallery_f32.bin, threshold.json, meta.json
    Import(ImportArgs),
    /// Write results for other programs (Label Studio, COCO, Parquet, CSV, TensorBoard), or a bundle for a .NET line station
    Export(ExportArgs),
    /// Simulate a gearbox, fit, evaluate and write report.html
    Demo(DemoArgs),
    /// Make simulated data
    Synth(SynthArgs),
    /// Keep the weights of known networks
    Weights(WeightsArgs),
    /// List the devices this binary can run on, and the backbones it holds
    Devices(DevicesArgs),
    /// List the bundles at hand: product, age, promise, and whether their weights are there
    List(ListArgs),
    /// Print a script that completes pcore's arguments in a shell
    Completions(CompletionsArgs),
    /// Print the manual page, or write one for each verb
    Manual(ManualArgs),
}

#[cfg(test)]
pub(crate) mod sources;

#[cfg(test)]
mod tests {
    use super::sources::{files, flags_in, known_flags};
    use super::*;
    use clap::CommandFactory;
    use std::fs;
    use std::path::Path;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_flag_that_a_message_names_exists() {
        let known = known_flags();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut texts = vec![root.join("README.md"), root.join("docs/conditions.md")];
        files(&root.join("src"), &mut texts);
        // The tests of this have made-up ones.
        texts.retain(|path| !path.ends_with("args/mod.rs"));
        let (mut n_seen, mut unknown) = (0, vec![]);
        for path in texts {
            let text = fs::read_to_string(&path).unwrap();
            for flag in flags_in(&text) {
                n_seen += 1;
                if !known.contains(flag) {
                    unknown.push(format!("{}: {flag}", path.display()));
                }
            }
        }
        assert!(n_seen > 150, "only {n_seen} flags seen");
        assert!(unknown.is_empty(), "{unknown:#?}");
    }

    #[test]
    fn a_flag_is_recognised_in_a_sentence() {
        let found: Vec<_> = flags_in("use --out DIR, or `--max-x2`; not a--b, ---- nor -- or {--N}").collect();
        assert_eq!(found, ["--out", "--max-x2"]);
    }

    #[test]
    fn a_bad_value_is_refused_in_the_words_of_the_program() {
        for flag in
            ["conditions", "gate", "coreset", "projection", "index", "context", "image-score", "group", "holdout"]
        {
            let line = ["pcore", "fit", "--normal", "x", &format!("--{flag}"), "?"];
            let said = Args::try_parse_from(line).err().unwrap().to_string();
            assert!(said.contains(&format!(": --{flag} ?: expected")) && !said.contains('`'), "{said}");
        }
        for flag in ["policy", "gate"] {
            let line = ["pcore", "infer", "x", &format!("--{flag}"), "?"];
            let said = Args::try_parse_from(line).err().unwrap().to_string();
            assert!(said.contains(&format!(": --{flag} ?: expected")) && !said.contains('`'), "{said}");
        }
    }
}
