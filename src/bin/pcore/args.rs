//! What can be typed.

#![allow(clippy::doc_markdown, reason = "these comments are help texts, shown as they are")]

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use pcore::bank::{ConditionRule, Context, CoresetSize, CoresetSpace, GateKind, IndexKind, Policy};
use pcore::bundle::Metric;
use pcore::image::Resize;
use pcore::infer::{Calibration, GateUse};
use pcore::model::{DeviceChoice, Precision};
use pcore::score::ImageScore;
use pcore::synth::hdmap::Domain;
use pcore::train::Holdout;
use std::path::PathBuf;

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

/// Settings of a fit.
#[derive(ClapArgs)]
pub(crate) struct FitArgs {
    /// Folder of normal images; train/good, good/ or domain_X/train/good are found in it
    #[arg(long, value_name = "DIR")]
    pub(crate) normal: PathBuf,
    /// Name of the product or domain; names the bundle, and chooses domain_X in an HDMAP tree
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<String>,
    /// Bundle file to write [default: .pcore/DOMAIN.pcore, or in $PCORE_HOME]
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Use only the images that this text file names for the bank, one path per line, relative to its folder
    #[arg(long, value_name = "FILE", conflicts_with = "shots")]
    pub(crate) shots_list: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) method: MethodArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// What a fit makes of its images; shared by `fit` and `demo`.
#[derive(ClapArgs)]
pub(crate) struct MethodArgs {
    /// Network that describes the patches (see `pcore devices`)
    #[arg(long, value_name = "NAME", default_value = pcore::model::DEFAULT_BACKBONE)]
    pub(crate) backbone: String,
    /// Layers of the network, comma-separated [default: all it offers]
    #[arg(long, value_name = "LAYERS", value_delimiter = ',')]
    pub(crate) layers: Vec<String>,
    /// Size of the network's input
    #[arg(long, value_name = "HxW", default_value = "256x256", value_parser = parse_size)]
    pub(crate) image_size: (usize, usize),
    /// How images get that size: stretch-bilinear, stretch-nearest, fit-pad, shortest-crop or shortest-crop:PX
    #[arg(long, value_name = "MODE", default_value = "stretch-bilinear")]
    pub(crate) resize: Resize,
    /// What tells a training image's condition: none, p90, p90:LIMIT, index:N, folder, or a CSV with path,condition
    #[arg(long, value_name = "RULE", default_value = "none")]
    pub(crate) conditions: ConditionRule,
    /// What tells the condition of a new image: auto, p90, knn (intensity statistics) or embedding (pooled features)
    #[arg(long, value_name = "KIND", default_value = "auto")]
    pub(crate) gate: GateKind,
    /// Rows of the bank: a share of all patches (0.01) or a count (5000)
    #[arg(long, value_name = "SHARE|COUNT", default_value = "0.01")]
    pub(crate) coreset: CoresetSize,
    /// Choose the coreset in the principal directions (pca), in so many random ones (128), or in all values (none)
    #[arg(long, value_name = "pca|N|none", default_value_t = CoresetSpace::default())]
    pub(crate) projection: CoresetSpace,
    /// Choose the coreset among about N evenly spread patches, for millions of them; how well it covers all is measured
    #[arg(long, value_name = "N")]
    pub(crate) coreset_sample: Option<usize>,
    /// How the bank is searched: exact, or ivf (an inverted file: faster for large banks, finds the nearest row of at least
    /// 99 % of left-out normal patches)
    #[arg(long, value_name = "exact|ivf", default_value_t = IndexKind::default())]
    pub(crate) index: IndexKind,
    /// Side of the square neighbourhood that each patch averages (1: none)
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = parse_odd)]
    pub(crate) neighbourhood: usize,
    /// Append the mean of wider surroundings to each patch: h:2,3 (2 and 3 patches to both sides), v:2 (up and down) or
    /// hv:2 (square); can be repeated
    #[arg(long, value_name = "AXIS:RADII")]
    pub(crate) context: Vec<Context>,
    /// How patches are compared
    #[arg(long, value_enum, default_value_t = MetricArg::L2)]
    pub(crate) metric: MetricArg,
    /// Image score: max, reweighted[:NEIGHBOURS] (Eq. 7 of the paper) or top[:SHARE]
    #[arg(long, value_name = "KIND", default_value = "max")]
    pub(crate) image_score: ImageScore,
    /// A patch's value in the anomaly map: mean distance to so many nearest rows
    #[arg(long, value_name = "N", default_value_t = pcore::train::DEFAULT_MAP_NEIGHBOURS, value_parser = parse_neighbours)]
    pub(crate) map_neighbours: usize,
    /// Smoothing of the anomaly map, standard deviation in network pixels (0: none)
    #[arg(long, value_name = "PX", default_value_t = 4.0, value_parser = parse_sigma)]
    pub(crate) sigma: f32,
    /// Use only so many images of each condition for the bank
    #[arg(long, value_name = "N")]
    pub(crate) shots: Option<usize>,
    /// Normal images that set the threshold: a share that is kept out of the bank, leave-one-out (all of them, each scored
    /// by the rows of the others), or auto (0.2 from 500 images per condition on, else leave-one-out)
    #[arg(long, value_name = "SHARE", default_value = "auto")]
    pub(crate) holdout: Holdout,
    /// False alarms wanted among normal images
    #[arg(long, value_name = "RATE", default_value_t = pcore::train::DEFAULT_ALPHA)]
    pub(crate) alpha: f64,
    /// Use this raw score as the threshold instead of one from held-out images
    #[arg(long, value_name = "SCORE", value_parser = parse_threshold)]
    pub(crate) threshold: Option<f32>,
    /// Seed of every random choice
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Memory that the program may take, such as 8GiB or 500MiB; patches that do not fit go to a scratch file
    /// [default: half of what is free]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub(crate) memory: Option<u64>,
    /// Folder for the scratch file, which is always removed [default: the bundle's]
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum MetricArg {
    /// Euclidean distance
    L2,
    /// One minus the cosine of the angle; the bank's rows are normalised
    Cosine,
}

impl From<MetricArg> for Metric {
    fn from(arg: MetricArg) -> Self {
        match arg {
            MetricArg::L2 => Self::L2,
            MetricArg::Cosine => Self::Cosine,
        }
    }
}

/// How to run; shared by all verbs that use a network.
#[derive(ClapArgs)]
pub(crate) struct RunArgs {
    /// Where to compute: auto, cpu, flex (burn on the CPU), ndarray, wgpu[:N] or cuda[:N]
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub(crate) device: DeviceChoice,
    /// Numbers that the network computes with: f32, or f16 (half precision, only on GPUs; moves scores a little)
    #[arg(long, value_name = "f32|f16", default_value_t = Precision::F32)]
    pub(crate) precision: Precision,
    /// Images per pass through the network
    #[arg(long, value_name = "N", default_value_t = pcore::infer::DEFAULT_BATCH, value_parser = parse_positive)]
    pub(crate) batch: usize,
    /// Print results as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which bundle, and how to decide.
#[derive(ClapArgs)]
pub(crate) struct BundleArgs {
    /// The bundle of this domain, and domain_X in an HDMAP tree
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<String>,
    /// The bundle file [default: that of --domain, else of the domain named in the path, else the last one fitted]
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Known conditions: a CSV with the columns path,condition, its paths relative to its folder
    #[arg(long, value_name = "FILE")]
    pub(crate) conditions: Option<PathBuf>,
    /// Which rows of the bank count: mixed (all), gated (of the image's condition) or soft (others penalised)
    /// [default: as in the bundle]
    #[arg(long, value_name = "POLICY")]
    pub(crate) policy: Option<Policy>,
    /// Who tells an image's condition: auto (a table, else the bundle's gate), own (the bundle's gate, whatever a table
    /// says), oracle (only the table), random or inverse (for studies)
    #[arg(long, value_name = "WHO", default_value = "auto")]
    pub(crate) gate: GateUse,
    /// Compare with held-out images of the same condition, with all of them, or with all of them by distances normalised
    /// by local density
    #[arg(long, value_enum, default_value_t = CalibrateArg::Condition)]
    pub(crate) calibrate: CalibrateArg,
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
    /// Write results.csv, results.jsonl, overlays/, run.json and report.html there
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Also write anomaly maps at source resolution: png (8 bits) or tiff (32-bit float)
    #[arg(long, value_enum, value_delimiter = ',', requires = "out")]
    pub(crate) maps: Vec<MapFormat>,
    /// End with exit code 1 when an image is anomalous
    #[arg(long)]
    pub(crate) fail_on_anomaly: bool,
    #[command(flatten)]
    pub(crate) explain: ExplainArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
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

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MapFormat {
    /// Grey, 8 bits: 0 to twice the pixel threshold
    Png,
    /// 32-bit float distances
    Tiff,
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
    /// Labelled dataset: test/good, test/DEFECT, optionally ground_truth/DEFECT
    #[arg(value_name = "ROOT")]
    pub(crate) root: PathBuf,
    #[command(flatten)]
    pub(crate) bundle: BundleArgs,
    /// Write evaluation.json, results.csv, results.jsonl, run.json and report.html there
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
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
    #[arg(long, value_name = "RULE")]
    pub(crate) conditions: Option<ConditionRule>,
    /// What tells the known condition of a test image: none, index:N, folder, or a CSV with path,condition
    /// [default: the CSV of --conditions, else conditions.csv or manifest.csv of the dataset]
    #[arg(long, value_name = "RULE")]
    pub(crate) test_conditions: Option<ConditionRule>,
    /// Memory that the program may take during one fit, such as 8GiB or 500MiB [default: half of what is free]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub(crate) memory: Option<u64>,
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
}

/// Settings of an import.
#[derive(ClapArgs)]
pub(crate) struct ImportArgs {
    /// The station's folder
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Name of the product or domain; names the bundle
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<String>,
    /// Bundle file to write [default: .pcore/DOMAIN.pcore, or in $PCORE_HOME]
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Network that the gallery was made with, as named by `pcore devices` [default: the one in meta.json]
    #[arg(long, value_name = "NAME")]
    pub(crate) backbone: Option<String>,
    /// Layer that the gallery was made of [default: the one in meta.json]
    #[arg(long, value_name = "LAYER", value_delimiter = ',')]
    pub(crate) layers: Vec<String>,
    /// Folder of normal images, not those of the gallery, to set the threshold anew
    #[arg(long, value_name = "NORMALS")]
    pub(crate) recalibrate: Option<PathBuf>,
    /// False alarms wanted among normal images, with --recalibrate
    #[arg(long, value_name = "RATE", default_value_t = pcore::train::DEFAULT_ALPHA)]
    pub(crate) alpha: f64,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Settings of an export.
#[derive(ClapArgs)]
pub(crate) struct ExportArgs {
    /// The bundle file
    #[arg(value_name = "BUNDLE")]
    pub(crate) bundle: PathBuf,
    /// Format to write
    #[arg(long, value_enum)]
    pub(crate) format: ExportFormat,
    /// Folder to write into
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ExportFormat {
    /// gallery_f32.bin, threshold.json and meta.json of the .NET line station
    Onnxdemo,
}

#[derive(ClapArgs)]
pub(crate) struct DemoArgs {
    /// Folder for data, bundle and report
    #[arg(long, value_name = "DIR", default_value = "pcore-demo")]
    pub(crate) dir: PathBuf,
    /// Normal training maps
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = parse_positive)]
    pub(crate) train: usize,
    /// Test maps, half of them faulty
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = parse_positive)]
    pub(crate) test: usize,
    /// Seed of the simulation and of the fit
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(ClapArgs)]
pub(crate) struct WeightsArgs {
    #[command(subcommand)]
    pub(crate) action: WeightsAction,
}

#[derive(Subcommand)]
pub(crate) enum WeightsAction {
    /// List the weights at hand, and the networks whose weights could be added
    List,
    /// Check a weight file (.safetensors, .pth, .pt, .onnx) and keep it under a network's name
    Add {
        /// The file
        file: PathBuf,
        /// Name for --backbone: the network, with a tag after a dot for a second set (wide_resnet50_2.line3)
        #[arg(long = "as", value_name = "NAME")]
        name: String,
    },
    /// Read all weights at hand and compare them with their checksums
    Verify,
    /// Download known weights, check them and keep them
    #[cfg(feature = "fetch")]
    Fetch {
        /// Name, as `pcore weights list` shows it
        name: String,
    },
}

#[derive(ClapArgs)]
pub(crate) struct SynthArgs {
    #[command(subcommand)]
    pub(crate) kind: SynthKind,
}

#[derive(Subcommand)]
pub(crate) enum SynthKind {
    /// Gearbox health data maps: 31 x 95 float TIFF, cold and warm, with fault masks
    Hdmap(HdmapArgs),
}

#[derive(ClapArgs)]
pub(crate) struct HdmapArgs {
    /// Folder to write domain_X/ into
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Domain to imitate: A, B, C or D
    #[arg(long, value_name = "X", default_value = "C")]
    pub(crate) domain: Domain,
    /// Normal training maps
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) train: usize,
    /// Normal test maps, the first half cold
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) good: usize,
    /// Faulty test maps, the first half cold
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) fault: usize,
    /// Share of cold maps among the training maps
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    pub(crate) cold_share: f64,
    /// Seed: the machine and all its maps
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
}

fn parse_size(text: &str) -> Result<(usize, usize), String> {
    let sides = match text.split_once(['x', 'X']) {
        Some((height, width)) => (height.parse(), width.parse()),
        None => (text.parse(), text.parse()),
    };
    match sides {
        (Ok(height), Ok(width)) if (1..=8192).contains(&height) && (1..=8192).contains(&width) => Ok((height, width)),
        _ => Err("expected HEIGHTxWIDTH in pixels, 1 to 8192 each, such as 256x256".to_owned()),
    }
}

fn parse_odd(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if n % 2 == 1 && n <= 31 => Ok(n),
        _ => Err("expected an odd number from 1 to 31, such as 3".to_owned()),
    }
}

fn parse_positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if n > 0 => Ok(n),
        _ => Err("expected a whole number of at least 1".to_owned()),
    }
}

fn parse_few(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if (1..=50).contains(&n) => Ok(n),
        _ => Err("expected a whole number from 1 to 50".to_owned()),
    }
}

fn parse_neighbours(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if (1..=pcore::bundle::MAX_MAP_NEIGHBOURS).contains(&n) => Ok(n),
        _ => Err(format!("expected a whole number from 1 to {}", pcore::bundle::MAX_MAP_NEIGHBOURS)),
    }
}

fn parse_sigma(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(sigma) if (0.0..=100.0).contains(&sigma) => Ok(sigma),
        _ => Err("expected a number of pixels from 0 to 100".to_owned()),
    }
}

fn parse_threshold(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(threshold) if threshold.is_finite() => Ok(threshold),
        _ => Err("expected a finite number".to_owned()),
    }
}

fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor: u64 = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" | "k" | "kb" => 1 << 10,
        "mib" | "m" | "mb" => 1 << 20,
        "gib" | "g" | "gb" => 1 << 30,
        "tib" | "t" | "tb" => 1 << 40,
        _ => 0,
    };
    match digits.trim().parse::<f64>() {
        Ok(number) if factor > 0 && number > 0.0 && number.is_finite() => Ok((number * factor as f64) as u64),
        _ => Err("expected a size such as 8GiB or 500MiB".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn sizes_and_bytes_parse_as_people_write_them() {
        assert_eq!(parse_size("31x95"), Ok((31, 95)));
        assert_eq!(parse_size("224"), Ok((224, 224)));
        assert!(parse_size("0x5").is_err() && parse_size("axb").is_err() && parse_size("").is_err());
        assert_eq!(parse_bytes("8GiB"), Ok(8 << 30));
        assert_eq!(parse_bytes("1.5k"), Ok(1536));
        assert!(parse_bytes("8XB").is_err() && parse_bytes("-1").is_err() && parse_bytes("").is_err());
    }
}
