//! Settings of the verbs that change a bundle.

use super::fit::RunArgs;
use super::headings::{CALIBRATION, INPUT, OUTPUT};
use super::layout::LayoutArgs;
use super::sign::TrustArgs;
use super::values::{parse, parse_positive, parse_rate};
use clap::{Args as ClapArgs, ValueEnum};
use pcore::condition::ConditionRule;
use pcore::live::Told;
use pcore::score::CutRule;
use pcore::train::GroupRule;
use std::path::PathBuf;

/// The bundle, and where the changed one goes.
#[derive(ClapArgs)]
#[command(next_help_heading = INPUT)]
pub(crate) struct ChangeArgs {
    /// The bundle file
    #[arg(value_name = "BUNDLE", help_heading = INPUT)]
    pub(crate) bundle: PathBuf,
    /// Write the changed bundle there, and leave this one as it is [default: replace it; pcore undo brings it back]
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

/// What tells the condition of further images, and which belong together.
#[derive(ClapArgs)]
#[command(next_help_heading = CALIBRATION)]
pub(crate) struct ToldArgs {
    /// All images are in this condition [default: the bundle's gate tells]
    #[arg(long, value_name = "NAME", conflicts_with = "conditions", help_heading = INPUT)]
    pub(crate) condition: Option<String>,
    /// What tells the condition of an image: index:N, folder, or a CSV with path,condition
    #[arg(long, value_name = "RULE", value_parser = parse::<ConditionRule>, help_heading = INPUT)]
    pub(crate) conditions: Option<ConditionRule>,
    /// Which images belong together, as in `pcore fit`: auto, none, folder, name:PATTERN or a CSV with path,group
    #[arg(long, value_name = "RULE", default_value = "auto", value_parser = parse::<GroupRule>, help_heading = CALIBRATION)]
    pub(crate) group: GroupRule,
}

/// Figures that a threshold can be best at.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BestArg {
    /// Largest F1
    F1,
    /// Largest recall less false-alarm rate (Youden's index)
    Youden,
}

impl ToldArgs {
    pub(crate) fn told(&self) -> Told {
        match (&self.condition, &self.conditions) {
            (Some(name), _) => Told::Named(name.clone()),
            (None, Some(rule)) => Told::By(rule.clone()),
            (None, None) => Told::ByGate,
        }
    }
}

/// `pcore calibrate`.
#[derive(ClapArgs)]
#[command(next_help_heading = CALIBRATION)]
pub(crate) struct CalibrateArgs {
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    /// Folder of normal images that the bundle was not fitted on: they set the thresholds of their conditions
    #[arg(long, value_name = "DIR", required_unless_present_any = ["validation", "feedback", "cut", "alpha"], help_heading = INPUT)]
    pub(crate) normal: Option<PathBuf>,
    /// False alarms wanted among normal images [default: the bundle's rate]
    ///
    /// Without --normal the thresholds are set among the held-out scores of the bundle, which needs no images.
    #[arg(long, value_name = "RATE", value_parser = parse_rate, help_heading = CALIBRATION)]
    pub(crate) alpha: Option<f64>,
    /// Set the thresholds among the held-out scores by a rule of lines: sigma:K (K deviations above the mean) or percentile:P
    ///
    /// It promises nothing of false alarms, and the bundle says so. Needs no images; after --normal, with it.
    #[arg(long, value_name = "RULE", value_parser = parse::<CutRule>, conflicts_with_all = ["validation", "feedback", "alpha"], help_heading = CALIBRATION)]
    pub(crate) cut: Option<CutRule>,
    /// Labelled data set, as `pcore eval` takes it: the threshold that is best on it is set, by --miss-cost or --best
    ///
    /// It promises nothing of false alarms; the bundle says what it was chosen on. Measure it on other images.
    #[arg(long, value_name = "DIR", help_heading = CALIBRATION)]
    pub(crate) validation: Option<PathBuf>,
    /// Folder of results with marks of `pcore feedback`: they count as labelled images, as those of --validation; can be repeated
    #[arg(long, value_name = "RESULTS", help_heading = CALIBRATION)]
    pub(crate) feedback: Vec<PathBuf>,
    /// What a missed defect costs, in false alarms, with --validation or --feedback: the threshold of least cost is set
    #[arg(long, value_name = "N", conflicts_with = "best", help_heading = CALIBRATION)]
    pub(crate) miss_cost: Option<f64>,
    /// In place of --miss-cost: the threshold of the largest F1, or of the largest share of defects found less that of false alarms
    #[arg(long, value_enum, value_name = "FIGURE", help_heading = CALIBRATION)]
    pub(crate) best: Option<BestArg>,
    /// Share of defective parts on the line, with --miss-cost [default: that among the labelled images]
    #[arg(long, value_name = "SHARE", requires = "miss_cost", help_heading = CALIBRATION)]
    pub(crate) defect_rate: Option<f64>,
    #[command(flatten)]
    pub(crate) told: ToldArgs,
    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// `pcore update`.
#[derive(ClapArgs)]
#[command(next_help_heading = INPUT)]
pub(crate) struct UpdateArgs {
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    /// Folder of further normal images: they are learned from, and calibrate, beside those of before, which need not be there
    #[arg(long, value_name = "DIR", required_unless_present_any = ["forget", "feedback"], help_heading = INPUT)]
    pub(crate) normal: Option<PathBuf>,
    /// Forget the training images of this name, or that fit this pattern, such as 'update-3/*'; can be repeated. Before --normal
    /// is learned from
    #[arg(long, value_name = "NAME|PATTERN", help_heading = INPUT)]
    pub(crate) forget: Vec<String>,
    /// Folder of results with marks of `pcore feedback`: false alarms are learned as well, unless images marked as missed (or
    /// those of --validation) would be missed for it; can be repeated
    #[arg(long, value_name = "RESULTS", help_heading = INPUT)]
    pub(crate) feedback: Vec<PathBuf>,
    /// Labelled data set whose defects false alarms are weighed against, with --feedback
    #[arg(long, value_name = "DIR", requires = "feedback", help_heading = INPUT)]
    pub(crate) validation: Option<PathBuf>,
    /// Learn false alarms even where known defects are missed for it
    #[arg(long, requires = "feedback", help_heading = INPUT)]
    pub(crate) keep_costly: bool,
    /// Rows of the memory bank at most: beyond, a coreset of the old and new ones is kept
    #[arg(long, value_name = "ROWS", value_parser = parse_positive, help_heading = OUTPUT)]
    pub(crate) cap: Option<usize>,
    #[command(flatten)]
    pub(crate) told: ToldArgs,
    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// `pcore feedback`.
#[derive(ClapArgs)]
#[command(next_help_heading = INPUT)]
pub(crate) struct FeedbackArgs {
    /// Folder of results, as `pcore infer --out` wrote it
    #[arg(value_name = "RESULTS", help_heading = INPUT)]
    pub(crate) results: PathBuf,
    /// Images that were called anomalous and are normal: a path of the results, the end of one, or a pattern
    #[arg(long, value_name = "NAME", num_args = 1.., help_heading = INPUT)]
    pub(crate) false_alarm: Vec<String>,
    /// Images that were called normal and are defective
    #[arg(long, value_name = "NAME", num_args = 1.., help_heading = INPUT)]
    pub(crate) missed: Vec<String>,
    /// Images whose mark is taken back
    #[arg(long, value_name = "NAME", num_args = 1.., help_heading = INPUT)]
    pub(crate) clear: Vec<String>,
    /// Print all marks as JSON
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,
}

/// `pcore merge`.
#[derive(ClapArgs)]
#[command(next_help_heading = INPUT)]
pub(crate) struct MergeArgs {
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    /// The bundle that is taken in, fitted with the same settings
    #[arg(value_name = "OTHER", help_heading = INPUT)]
    pub(crate) other: PathBuf,
    /// Rows of the memory bank at most: beyond, a coreset of those of both is kept
    #[arg(long, value_name = "ROWS", value_parser = parse_positive, help_heading = OUTPUT)]
    pub(crate) cap: Option<usize>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// `pcore undo`.
#[derive(ClapArgs)]
pub(crate) struct UndoArgs {
    /// The bundle file
    #[arg(value_name = "BUNDLE")]
    pub(crate) bundle: PathBuf,
    /// Print the manifest of the bundle that is in place now as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
