//! Settings of a fit, and of every run.

use super::layout::LayoutArgs;
use super::values::{
    parse_bytes, parse_neighbours, parse_odd, parse_positive, parse_sigma, parse_size, parse_threshold,
};
use clap::{Args as ClapArgs, ValueEnum};
use pcore::bank::{ConditionRule, Context, CoresetSize, CoresetSpace, GateKind, IndexKind};
use pcore::bundle::Metric;
use pcore::image::{Resize, ValueRange};
use pcore::model::{DeviceChoice, Precision};
use pcore::score::ImageScore;
use pcore::train::{GroupRule, Holdout};
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Settings of a fit.
#[derive(ClapArgs)]
pub(crate) struct FitArgs {
    /// Folder of normal images, or a data set: MVTec AD (2, 3D, LOCO), VisA, BTAD, anomalib Folder, Kolektor, Real-IAD, DAGM
    /// and HDMAP are recognised
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
    pub(crate) layout: LayoutArgs,
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
    /// Stored values that become 0 and 1, for images that use a part of their type's range: 0:4095 for 12 bits in 16-bit
    /// files, 280:340 for temperatures; nothing is clipped [default: the whole range; floats as they are]
    #[arg(long, value_name = "MIN:MAX", allow_hyphen_values = true)]
    pub(crate) range: Option<ValueRange>,
    /// Which page of TIFF files that hold several, from 1; previews and masks do not count
    #[arg(long, value_name = "N")]
    pub(crate) pages: Option<NonZeroUsize>,
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
    /// Images that belong together (shots of one part, copies) are left out together and count as one: auto (near-copies are
    /// found), none, folder, a CSV with path,group, or name:PATTERN ({} the group, # digits, * anything), such as name:{}_#
    #[arg(long, value_name = "RULE", default_value = "auto")]
    pub(crate) group: GroupRule,
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
