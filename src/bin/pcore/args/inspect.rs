//! Settings of everything that opens a bundle, and of studies.

use super::layout::LayoutArgs;
use super::values::{
    OfCondition, parse, parse_area, parse_cut, parse_few, parse_positive, parse_rate_of, parse_threshold_of,
};
use super::{RunArgs, TrustArgs, ValueArgs};
use clap::{Args as ClapArgs, ValueEnum};
use pcore::condition::{ConditionRule, GateUse, Policy};
use pcore::infer::{Calibration, Cut};
use pcore::job::HistoryTime;
use pcore::train::TileRule;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Which bundle, and how to decide.
#[derive(ClapArgs)]
pub(crate) struct BundleArgs {
    /// The bundle of this domain, and domain_X in an HDMAP tree
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<String>,
    /// The bundle file [default: that of --domain, else of the domain named in the path, else the last one fitted]
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Which page of TIFF files that hold several, from 1; previews and masks do not count [default: as in the bundle]
    #[arg(long, value_name = "N")]
    pub(crate) pages: Option<NonZeroUsize>,
    /// Look only at what is white in the mask of each image, which lies in this folder as the image does in its own
    #[arg(long, value_name = "DIR")]
    pub(crate) roi_masks: Option<PathBuf>,
    /// Cut images into these tiles, SIZE[:OVERLAP] in pixels of the image, or none [default: as the bundle was fitted]
    #[arg(long, value_name = "RULE", value_parser = parse_cut)]
    pub(crate) tiles: Option<TileRule>,
    /// Known conditions: a CSV with the columns path,condition, its paths relative to its folder
    #[arg(long, value_name = "FILE")]
    pub(crate) conditions: Option<PathBuf>,
    /// Which rows of the bank count: mixed (all), gated (of the image's condition) or soft (others penalised)
    /// [default: as in the bundle]
    #[arg(long, value_name = "POLICY", value_parser = parse::<Policy>)]
    pub(crate) policy: Option<Policy>,
    /// Who tells an image's condition: auto (a table, else the bundle's gate), own (the bundle's gate, whatever a table
    /// says), oracle (only the table), random or inverse (for studies). In `eval` of a tree of products without a table,
    /// auto is the bundle's gate, and oracle takes the product whose folder an image lies in
    #[arg(long, value_name = "WHO", value_parser = parse::<GateUse>, default_value = "auto")]
    pub(crate) gate: GateUse,
    /// Compare with held-out images of the same condition, with all of them, or with all of them by distances normalised
    /// by local density
    #[arg(long, value_enum, default_value_t = CalibrateArg::Condition)]
    pub(crate) calibrate: CalibrateArg,
    #[command(flatten)]
    pub(crate) cut: CutArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

/// Where the line between normal and anomalous is drawn.
#[derive(ClapArgs)]
pub(crate) struct CutArgs {
    /// False alarms wanted among normal images, in place of what the bundle was fitted for; CONDITION=RATE of one condition.
    /// The bundle's held-out scores set the threshold
    #[arg(long, value_name = "RATE", value_parser = parse_rate_of)]
    pub(crate) alpha: Vec<OfCondition<f64>>,
    /// Raw score above which an image is anomalous, in place of the bundle's; CONDITION=SCORE of one condition
    #[arg(long, value_name = "SCORE", allow_hyphen_values = true, value_parser = parse_threshold_of)]
    pub(crate) threshold: Vec<OfCondition<f32>>,
}

impl CutArgs {
    pub(crate) fn cut(&self) -> Cut {
        let alpha = self.alpha.iter().map(|of| (of.condition.clone(), of.value)).collect();
        let thresholds = self.threshold.iter().map(|of| (of.condition.clone(), of.value)).collect();
        Cut { alpha, thresholds }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum CalibrateArg {
    /// With those of the image's condition
    Condition,
    /// With all of them
    Global,
    /// With all of them, distances divided by how far the bank's rows are from each other there
    Density,
}

impl From<CalibrateArg> for Calibration {
    fn from(arg: CalibrateArg) -> Self {
        match arg {
            CalibrateArg::Condition => Self::Condition,
            CalibrateArg::Global => Self::Global,
            CalibrateArg::Density => Self::Density,
        }
    }
}

/// Settings of an inspection.
#[derive(ClapArgs)]
pub(crate) struct InferArgs {
    /// Images, folders or patterns such as 'line1/*.png'
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) bundle: BundleArgs,
    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
    /// Write results.csv, results.jsonl, overlays/, run.json, and report.html with its pictures there
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Add the rows, with the time of each and how the image is lit, to the history in this folder: a Parquet file for each run
    #[arg(long, value_name = "DIR")]
    pub(crate) history: Option<PathBuf>,
    /// Which time of each image the history has
    #[arg(long, value_enum, value_name = "WHICH", default_value = "run", requires = "history")]
    pub(crate) history_time: HistoryTimeArg,
    /// Also write anomaly maps at source resolution: png (8 bits) or tiff (32-bit float)
    #[arg(long, value_enum, value_delimiter = ',', requires = "out")]
    pub(crate) maps: Vec<MapFormat>,
    /// End with exit code 1 when an image is anomalous
    #[arg(long)]
    pub(crate) fail_on_anomaly: bool,
    #[command(flatten)]
    pub(crate) regions: RegionArgs,
    #[command(flatten)]
    pub(crate) explain: ExplainArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Which regions are listed.
#[derive(ClapArgs)]
pub(crate) struct RegionArgs {
    /// List only regions (where the map exceeds the pixel threshold) that cover so many pixels of the image; scores and
    /// verdicts stay what they are
    #[arg(long, value_name = "PX", default_value_t = 0.0, allow_hyphen_values = true, value_parser = parse_area)]
    pub(crate) min_area: f64,
}

/// What is explained of an inspection.
#[derive(ClapArgs)]
pub(crate) struct ExplainArgs {
    /// Show the worst patches of each image and the normal patches they were compared with: explain.json and
    /// explain/NAME.png, in the folder of --out, else in pcore-explain
    #[arg(long)]
    pub(crate) explain: bool,
    /// Patches to explain, with --explain
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = parse_few)]
    pub(crate) patches: usize,
    /// Normal patches to show of each, with --explain
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = parse_few)]
    pub(crate) matches: usize,
    /// Folder of the training images, as it was given to fit; with --explain [default: where they were fitted from on this
    /// machine]
    #[arg(long, value_name = "DIR", requires = "explain")]
    pub(crate) normal: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum HistoryTimeArg {
    /// When it was inspected
    Run,
    /// When its file was last written
    File,
    /// When it was taken, as EXIF tells it; of one that does not tell it, when its file was last written
    Exif,
}

impl From<HistoryTimeArg> for HistoryTime {
    fn from(arg: HistoryTimeArg) -> Self {
        match arg {
            HistoryTimeArg::Run => Self::Run,
            HistoryTimeArg::File => Self::File,
            HistoryTimeArg::Exif => Self::Exif,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MapFormat {
    /// Grey, 8 bits: 0 to twice the pixel threshold
    Png,
    /// 32-bit float distances
    Tiff,
}

impl From<MapFormat> for pcore::job::MapFormat {
    fn from(arg: MapFormat) -> Self {
        match arg {
            MapFormat::Png => Self::Png,
            MapFormat::Tiff => Self::Tiff,
        }
    }
}

/// `pcore bench`.
#[derive(ClapArgs)]
pub(crate) struct BenchArgs {
    /// Images, folders or patterns; the first 32 images are used
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) bundle: BundleArgs,
    /// Rounds over the images
    #[arg(long, value_name = "N", default_value_t = 11, value_parser = parse_positive)]
    pub(crate) repeat: usize,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Settings of an evaluation.
#[derive(ClapArgs)]
pub(crate) struct EvalArgs {
    /// Labelled dataset in any layout that fit takes: test/good, test/DEFECT, optionally ground_truth/DEFECT
    #[arg(value_name = "ROOT")]
    pub(crate) root: PathBuf,
    #[command(flatten)]
    pub(crate) bundle: BundleArgs,
    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
    /// Write evaluation.json, results.csv, results.jsonl, run.json, and report.html with its pictures there
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Write an event file of TensorBoard there: figures, scores by label, pictures of the images worth a look
    #[arg(long, value_name = "DIR")]
    pub(crate) tensorboard: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) regions: RegionArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Settings of a study.
#[derive(ClapArgs)]
pub(crate) struct StudyArgs {
    /// Labelled dataset with normal training images: train/good, test/good, test/DEFECT
    #[arg(value_name = "ROOT", required_unless_present = "print_plan")]
    pub(crate) root: Option<PathBuf>,
    /// The plan, a TOML file [default: the one for gearbox health data maps, see --print-plan]
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
    /// Print the built-in plan, to start one of your own from it
    #[arg(long)]
    pub(crate) print_plan: bool,
    /// The domain, domain_X, in an HDMAP tree
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<String>,
    /// Write cells.csv, cells.jsonl, study.html, study.md, timings.csv and run.json there; runs.jsonl and cache/ let an
    /// interrupted or repeated study go on from what is finished
    #[arg(long, value_name = "DIR", default_value = "pcore-study")]
    pub(crate) out: PathBuf,
    /// What tells a training image's condition, in place of the plan's rule: none, p90, p90:LIMIT, index:N, folder, or a
    /// CSV with path,condition, which then holds the known conditions of the test images too
    #[arg(long, value_name = "RULE", value_parser = parse::<ConditionRule>)]
    pub(crate) conditions: Option<ConditionRule>,
    /// What tells the known condition of a test image: none, index:N, folder, or a CSV with path,condition
    /// [default: the CSV of --conditions, else conditions.csv or manifest.csv of the dataset]
    #[arg(long, value_name = "RULE", value_parser = parse::<ConditionRule>)]
    pub(crate) test_conditions: Option<ConditionRule>,
    #[command(flatten)]
    pub(crate) values: ValueArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(ClapArgs)]
pub(crate) struct InspectArgs {
    /// The bundle file
    #[arg(value_name = "BUNDLE")]
    pub(crate) bundle: PathBuf,
    /// Print the whole manifest as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}
