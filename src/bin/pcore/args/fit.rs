//! Settings of a fit, and of every run.

use super::headings::{CALIBRATION, INPUT, MACHINE, METHOD, OUTPUT};
use super::layout::LayoutArgs;
use super::training::TrainingArgs;
use super::values::{
    AugmentSteps, DetectorParts, Shrinkage, Whiten, parse, parse_augment, parse_bytes, parse_detector,
    parse_foreground, parse_neighbours, parse_odd, parse_positive, parse_share, parse_shrinkage, parse_sigma,
    parse_size, parse_threshold, parse_whiten,
};
use clap::{Args as ClapArgs, ValueEnum};
use pcore::bank::{Context, CoresetSize, CoresetSpace, IndexKind};
use pcore::condition::{ConditionRule, GateKind};
use pcore::detect::{Faults, Metric, Options, Quality, Registry, Shape};
use pcore::flow::Pace;
use pcore::image::{Reading, Resize, RoiShape, ValueRange};
use pcore::model::{DeviceChoice, Precision};
use pcore::score::ImageScore;
use pcore::train::{GroupRule, Holdout, TileRule};
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Settings of a fit.
#[derive(ClapArgs)]
#[command(next_help_heading = INPUT)]
pub(crate) struct FitArgs {
    /// Folder of normal images, or a data set
    ///
    /// MVTec AD (2, 3D, LOCO), VisA, BTAD, anomalib Folder, Kolektor, Real-IAD, DAGM and HDMAP are recognised; the one that
    /// was is said. A folder of several products goes into one bundle with --conditions folder.
    #[arg(long, value_name = "DIR", help_heading = INPUT)]
    pub(crate) normal: PathBuf,
    /// Name of the product or domain; names the bundle, and chooses domain_X in an HDMAP tree
    #[arg(long, value_name = "NAME", help_heading = INPUT)]
    pub(crate) domain: Option<String>,
    /// Bundle file to write [default: .pcore/DOMAIN.pcore, or in $PCORE_HOME]
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub(crate) bundle: Option<PathBuf>,
    /// Write an event file of TensorBoard there: thresholds, held-out scores, size of the detector, suspects
    #[arg(long, value_name = "DIR", help_heading = OUTPUT, hide_short_help = true)]
    pub(crate) tensorboard: Option<PathBuf>,
    /// Add the conditions of these images to a bundle, which is replaced unless --bundle names another file
    ///
    /// For --detector gaussian: a condition is fitted from its own images alone, with the bundle's settings, and all others
    /// stay what they are. --conditions tells the new conditions, or --domain names the one.
    #[arg(long, value_name = "BUNDLE", help_heading = INPUT, hide_short_help = true)]
    pub(crate) add_to: Option<PathBuf>,
    /// Look only at this part of every image: a rectangle X,Y,W,H, a polygon or a mask
    ///
    /// A rectangle is LEFT,TOP,WIDTH,HEIGHT, a polygon "X,Y X,Y X,Y": in pixels of the first image (others are scaled) or
    /// percent (10%,0%,80%,100%). A mask is the file of an image; what is white in it is looked at. Can be
    /// repeated. The bundle keeps it: nothing elsewhere is learned, scored or drawn.
    #[arg(long, value_name = "SHAPE", value_parser = parse::<RoiShape>, allow_hyphen_values = true, conflicts_with = "add_to", help_heading = INPUT, hide_short_help = true)]
    pub(crate) roi: Vec<RoiShape>,
    /// Do not look at this part of any image; as --roi
    #[arg(long, value_name = "SHAPE", value_parser = parse::<RoiShape>, allow_hyphen_values = true, conflicts_with = "add_to", help_heading = INPUT, hide_short_help = true)]
    pub(crate) ignore: Vec<RoiShape>,
    /// Look only at what is white in the mask of each image, which lies in this folder as the image does in its own
    ///
    /// With the image's name, or that and _mask or _roi. Within --roi, where both are given. Images that are judged need
    /// theirs too.
    #[arg(long, value_name = "DIR", help_heading = INPUT, hide_short_help = true)]
    pub(crate) roi_masks: Option<PathBuf>,
    /// Folder of defective images that are learned from besides: a labelled data set, or folders of defects alone
    ///
    /// For --detector discriminative. A labelled data set is one as `pcore eval` takes it; of folders without `good` beside them each
    /// is a defect, with masks in ground_truth or beside the images (NAME_mask). Where an image has a mask, what is marked in it is
    /// learned as defective and what lies away from it as normal; without one, the 1 % of its patches least like the normal ones are. Test with other images.
    #[arg(long, value_name = "DIR", conflicts_with = "add_to", help_heading = INPUT, hide_short_help = true)]
    pub(crate) defects: Option<PathBuf>,
    /// CSV path,left,top,width,height of rectangles around the defects of --defects that have no mask
    ///
    /// Pixels of the image, one line for each rectangle; paths are relative to the table.
    #[arg(long, value_name = "FILE", requires = "defects", help_heading = INPUT, hide_short_help = true)]
    pub(crate) defect_boxes: Option<PathBuf>,
    /// Write suspects.html there, a page with pictures of the training images that score far above the others
    ///
    /// Each with its score, its anomaly map as the detector would have drawn it had it never seen the image, and the training image it
    /// comes nearest to; overlays/ has the maps in full size. Without suspects the page says so.
    #[arg(long, value_name = "DIR", help_heading = OUTPUT, hide_short_help = true)]
    pub(crate) suspects: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) keeping: TrainingArgs,
    /// Use only the images that this text file names for the bank
    ///
    /// One path per line, relative to the file's folder.
    #[arg(long, value_name = "FILE", conflicts_with = "shots", help_heading = INPUT, hide_short_help = true)]
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
#[command(next_help_heading = METHOD)]
pub(crate) struct MethodArgs {
    // What detectors there are, the registry says.
    #[arg(long, value_name = "KIND", default_value = Registry::built_in().kinds()[0].name, value_parser = parse_detector, help = detectors(false), long_help = detectors(true), help_heading = METHOD)]
    pub(crate) detector: DetectorParts,
    /// How much time an inspection may take: fast, balanced or best
    ///
    /// It sets the scales and the coreset, where they are not given; docs/quality.md has the figures of each.
    #[arg(long, value_name = "QUALITY", value_parser = parse::<Quality>, default_value_t = Quality::default(), help_heading = METHOD)]
    pub(crate) quality: Quality,
    /// A recipe of a paper: sets what it says, where nothing else is
    ///
    /// anomalydino, for one to sixteen images: the last layer of DINOv2 (its weights first: `pcore weights`), cosine distance to every
    /// patch of eight turned copies, the mean of the largest 1 % of what shows the object.
    #[arg(long, value_enum, conflicts_with = "quality", help_heading = METHOD, hide_short_help = true)]
    pub(crate) profile: Option<ProfileArg>,
    /// Learn from so many copies of each image, evenly turned
    ///
    /// For few images of parts that lie any way. What comes from beyond the border is reflected; images that are judged are not
    /// turned.
    #[arg(long, value_name = "N", default_value_t = 1, default_value_if("profile", ProfileArg::ANOMALYDINO, "8"), conflicts_with_all = ["add_to", "roi", "ignore"], help_heading = METHOD, hide_short_help = true)]
    pub(crate) rotate: usize,
    /// Sizes of the network's input, comma-separated, each with a bank of its own [default: as --quality has it]
    ///
    /// A defect has a size, and one input size sees one of them. The anomaly maps of all scales become one map, whose largest
    /// value is the score. Sizes are HxW, or a side of a square.
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = parse_size, conflicts_with = "image_size", help_heading = METHOD)]
    pub(crate) scales: Vec<(usize, usize)>,
    /// One size of the network's input: the same as --scales with one
    #[arg(long, value_name = "HxW", value_parser = parse_size, default_value_if("profile", ProfileArg::ANOMALYDINO, "448x448"), help_heading = METHOD, hide_short_help = true)]
    pub(crate) image_size: Option<(usize, usize)>,
    /// Cut large images into tiles: auto, none, or SIZE[:OVERLAP] in pixels of the image
    ///
    /// Each tile fills the network's input, so that small defects are not shrunk away; what it sees of the image has no seams. auto
    /// cuts images of more than four times the input, along either side, and says so. The overlap is a quarter unless it is given.
    #[arg(long, value_name = "RULE", value_parser = parse::<TileRule>, default_value_t = TileRule::Auto, conflicts_with = "add_to", help_heading = METHOD, hide_short_help = true)]
    pub(crate) tiles: TileRule,
    #[command(flatten)]
    pub(crate) pipeline: PipelineArgs,
    /// What tells a training image's condition: none, p90, index:N, folder or a CSV
    ///
    /// p90 tells two levels of brightness apart without labels (p90:LIMIT at a known limit); index:N calls the first N images of a
    /// folder cold, the others warm; folder takes the name of an image's folder (its product, where there are several); a CSV has the columns path,condition.
    #[arg(long, value_name = "RULE", value_parser = parse::<ConditionRule>, default_value = "none", help_heading = INPUT)]
    pub(crate) conditions: ConditionRule,
    /// What tells the condition of a new image: auto, p90, knn or embedding
    ///
    /// knn votes by intensity statistics, embedding by pooled features; auto takes the level where one made the
    /// conditions, else the better of the two in cross-validation.
    #[arg(long, value_name = "KIND", value_parser = parse::<GateKind>, default_value = "auto", help_heading = METHOD, hide_short_help = true)]
    pub(crate) gate: GateKind,
    /// Rows of the bank: a share (0.01) or a count (5000) [default: as --quality has it]
    ///
    /// A share is one of all patches of the training images.
    #[arg(long, value_name = "SHARE|COUNT", value_parser = parse::<CoresetSize>, default_value_if("profile", ProfileArg::ANOMALYDINO, "1.0"), help_heading = METHOD)]
    pub(crate) coreset: Option<CoresetSize>,
    /// Values in which the coreset is chosen: pca, a number of random directions, or none
    ///
    /// pca takes the principal directions of the patches, a number such as 128 so many random ones, none all values.
    #[arg(long, value_name = "pca|N|none", value_parser = parse::<CoresetSpace>, default_value_t = CoresetSpace::default(), help_heading = METHOD, hide_short_help = true)]
    pub(crate) projection: CoresetSpace,
    /// Choose the coreset among about N evenly spread patches
    ///
    /// For millions of patches. How well the coreset covers all of them is measured.
    #[arg(long, value_name = "N", help_heading = METHOD, hide_short_help = true)]
    pub(crate) coreset_sample: Option<usize>,
    /// Leave this share of the patches out of the choice of the coreset (0: none)
    ///
    /// Those least like the patches at the same place of the other images, so that a few defects among the training images do
    /// not become normal (SoftPatch). For detectors that keep a bank.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = parse_share, help_heading = METHOD, hide_short_help = true)]
    pub(crate) filter_patches: f64,
    /// Compare patches whitened, with so many mean variances added to each, or not: none [default: by --quality]
    ///
    /// A defect in directions in which normal patches vary little then counts for more. One for all scales, or one for each, in
    /// their order, such as 1,none. For --metric l2. balanced and best have 3 with the built-in network, none with others.
    #[arg(long, value_name = "FLOOR|none", value_delimiter = ',', value_parser = parse_whiten, help_heading = METHOD, hide_short_help = true)]
    pub(crate) whiten: Vec<Whiten>,
    /// How the bank is searched: exact or ivf
    ///
    /// ivf is an inverted file: faster for very large banks; it finds the nearest row of at least 99 % of left-out normal
    /// patches, and says of how many.
    #[arg(long, value_name = "exact|ivf", value_parser = parse::<IndexKind>, default_value_t = IndexKind::default(), help_heading = METHOD, hide_short_help = true)]
    pub(crate) index: IndexKind,
    /// What gaussian keeps: whole, places[:CHANNELS] or residual[:SHARE]
    ///
    /// whole is one mean and covariance for each condition; places has one for each place of the image, on a few random
    /// channels, for parts that always lie the same way (PaDiM); residual keeps the principal directions that hold this share
    /// of the variance, and measures what they leave.
    #[arg(long, value_name = "SHAPE", default_value_t = Shape::default(), help_heading = METHOD, hide_short_help = true)]
    pub(crate) shape: Shape,
    /// How far gaussian pulls covariances towards a round one: auto (Ledoit and Wolf) or a share from 0 to 1
    #[arg(long, value_name = "auto|SHARE", default_value = "auto", value_parser = parse_shrinkage, help_heading = METHOD, hide_short_help = true)]
    pub(crate) shrinkage: Shrinkage,
    /// How images vary while an autoencoder learns from them: steps such as flip:h,turn:5,shift:0.02,colour:0.1
    ///
    /// flip:h, flip:v, turn:DEGREES, scale:SHARE, shift:SHARE, colour:SHARE (greys are left alone), blur:PIXELS and noise:SHARE, drawn
    /// anew each time, in this order. What they do must be normal: a turned part is none where it never lies so.
    #[arg(long, value_name = "STEPS", value_parser = parse_augment, default_value = "none", help_heading = METHOD, hide_short_help = true)]
    pub(crate) augment: AugmentSteps,
    /// The faults that discriminative pastes into normal images to learn from: generic, lines:h, lines:v or none
    ///
    /// generic are pieces of the image at other places, scars and stains, for any product; lines:h and lines:v thin broken
    /// lines along rows or columns, for maps of the state of turning parts (gearboxes: lines:h). none learns from noise on
    /// normal descriptors alone.
    #[arg(long, value_name = "FAULTS", value_parser = parse::<Faults>, default_value_t = Faults::default(), help_heading = METHOD, hide_short_help = true)]
    pub(crate) faults: Faults,
    /// Versions of each image with faults that discriminative learns from, 1 to 100
    #[arg(long, value_name = "N", default_value_t = Options::default().versions, help_heading = METHOD, hide_short_help = true)]
    pub(crate) versions: usize,
    /// Steps that discriminative trains each of its heads for [default: 1000, or as --training has it]
    #[arg(long, value_name = "N", value_parser = parse_positive, help_heading = METHOD, hide_short_help = true)]
    pub(crate) steps: Option<usize>,
    /// How patches are compared
    #[arg(long, value_enum, default_value_t = MetricArg::L2, default_value_if("profile", ProfileArg::ANOMALYDINO, "cosine"), help_heading = METHOD, hide_short_help = true)]
    pub(crate) metric: MetricArg,
    /// Image score: max, reweighted[:NEIGHBOURS] (Eq. 7 of the paper) or top[:SHARE] [default: max; top:0.01 of pixels]
    #[arg(long, value_name = "KIND", value_parser = parse::<ImageScore>, default_value_if("profile", ProfileArg::ANOMALYDINO, "top:0.01"), help_heading = METHOD, hide_short_help = true)]
    pub(crate) image_score: Option<ImageScore>,
    /// A patch's value in the anomaly map: mean distance to so many nearest rows
    #[arg(long, value_name = "N", default_value_t = pcore::detect::DEFAULT_MAP_NEIGHBOURS, default_value_if("profile", ProfileArg::ANOMALYDINO, "1"), value_parser = parse_neighbours, help_heading = METHOD, hide_short_help = true)]
    pub(crate) map_neighbours: usize,
    /// Smoothing of the anomaly map, standard deviation in network pixels (0: none)
    #[arg(long, value_name = "PX", default_value_t = 4.0, value_parser = parse_sigma, help_heading = METHOD, hide_short_help = true)]
    pub(crate) sigma: f32,
    /// Use only so many images of each condition for the bank
    #[arg(long, value_name = "N", help_heading = INPUT, hide_short_help = true)]
    pub(crate) shots: Option<usize>,
    /// Images that belong together: auto, none, folder, a CSV or name:PATTERN
    ///
    /// Shots of one part and copies are left out together and count as one. auto finds near-copies; a CSV has the columns
    /// path,group; in name:PATTERN {} stands for the group, # for digits and * for anything, as in name:{}_#.
    #[arg(long, value_name = "RULE", value_parser = parse::<GroupRule>, default_value = "auto", help_heading = CALIBRATION, hide_short_help = true)]
    pub(crate) group: GroupRule,
    /// Fit again without odd training images
    ///
    /// Those that score far above the others, in at most three rounds. They are named either way, here and by `pcore inspect`; the
    /// threshold then promises nothing about images like those.
    #[arg(long, help_heading = CALIBRATION)]
    pub(crate) drop_suspects: bool,
    /// Normal images that set the threshold: a share (0.2), leave-one-out, cross[:N] or auto
    ///
    /// A share is kept out of the bank. leave-one-out takes all images, each scored by the rows of the others; cross likewise, each
    /// by one of five (N) fits without its part of the images: exact, and as many fits. auto is 0.2
    /// from 500 images per condition on, else leave-one-out.
    #[arg(long, value_name = "SHARE", value_parser = parse::<Holdout>, default_value = "auto", help_heading = CALIBRATION)]
    pub(crate) holdout: Holdout,
    /// False alarms wanted among normal images
    #[arg(long, value_name = "RATE", default_value_t = pcore::train::DEFAULT_ALPHA, help_heading = CALIBRATION)]
    pub(crate) alpha: f64,
    /// Use this raw score as the threshold instead of one from held-out images
    #[arg(long, value_name = "SCORE", value_parser = parse_threshold, help_heading = CALIBRATION)]
    pub(crate) threshold: Option<f32>,
    /// Seed of every random choice
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = METHOD, hide_short_help = true)]
    pub(crate) seed: u64,
    /// Folder for the scratch file, which is always removed [default: the bundle's]
    #[arg(long, value_name = "DIR", help_heading = MACHINE, hide_short_help = true)]
    pub(crate) scratch: Option<PathBuf>,
}

/// How images are described; shared by `fit` and `screen`.
#[derive(ClapArgs)]
#[command(next_help_heading = METHOD)]
pub(crate) struct PipelineArgs {
    /// Network that describes the patches (see `pcore devices`) [default: pcore_tiny; pixels for a detector of pixels]
    #[arg(long, value_name = "NAME", default_value_if("profile", ProfileArg::ANOMALYDINO, "dinov2_vits14"), help_heading = METHOD)]
    pub(crate) backbone: Option<String>,
    /// Layers of the network, comma-separated [default: all it offers]
    #[arg(long, value_name = "LAYERS", value_delimiter = ',', default_value_if("profile", ProfileArg::ANOMALYDINO, "norm:blocks.11"), help_heading = METHOD, hide_short_help = true)]
    pub(crate) layers: Vec<String>,
    /// How images get that size: stretch-bilinear, stretch-nearest, fit-pad, shortest-crop or shortest-crop:PX
    ///
    /// Without it stretch-bilinear, and fit-pad for a detector of pixels.
    #[arg(long, value_name = "MODE", help_heading = METHOD, hide_short_help = true)]
    pub(crate) resize: Option<Resize>,
    #[command(flatten)]
    pub(crate) values: ValueArgs,
    /// Side of the square neighbourhood that each patch averages (1: none) [default: 3; 1 of pixels]
    #[arg(long, value_name = "N", default_value_if("profile", ProfileArg::ANOMALYDINO, "1"), value_parser = parse_odd, help_heading = METHOD, hide_short_help = true)]
    pub(crate) neighbourhood: Option<usize>,
    /// Append the mean of wider surroundings to each patch, for thin faults
    ///
    /// h:2,3 takes 2 and 3 patches to both sides, v:2 up and down, hv:2 a square. Can be repeated.
    #[arg(long, value_name = "AXIS:RADII", value_parser = parse::<Context>, help_heading = METHOD, hide_short_help = true)]
    pub(crate) context: Vec<Context>,
    /// Judge what shows the object alone: patches whose first principal component is above this
    ///
    /// The other patches count as like the normal ones. 10 suits normalised tokens of DINOv2 (AnomalyDINO) and images with an object
    /// before a plain background; no other network has been measured.
    #[arg(long, value_name = "THRESHOLD", value_parser = parse_foreground, default_value_if("profile", ProfileArg::ANOMALYDINO, "10"), help_heading = METHOD, hide_short_help = true)]
    pub(crate) foreground: Option<f32>,
}

/// Recipes of papers.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileArg {
    /// Damm et al., WACV 2025: few images, DINOv2
    #[value(name = Self::ANOMALYDINO)]
    AnomalyDino,
}

impl ProfileArg {
    /// Its name, here and in bundles.
    pub(crate) const ANOMALYDINO: &str = "anomalydino";
}

/// The help of `--detector`.
fn detectors(is_long: bool) -> String {
    let methods: Vec<_> = Registry::built_in().kinds().iter().filter(|kind| kind.method.is_some()).collect();
    let names: Vec<&str> = methods.iter().map(|kind| kind.name).collect();
    let short = format!("How images are judged: {}, or several with + between them", names.join(", "));
    if !is_long {
        return short;
    }
    let summaries: Vec<String> = methods.iter().map(|kind| format!("{}: {}", kind.name, kind.summary)).collect();
    let first = names.first().copied().unwrap_or_default();
    format!(
        "{short}\n\n{}. Of several the calibrated maps are added; @ gives one an input size of its own: {first}@128+{first}@384 sees coarse and fine defects.",
        summaries.join("; ")
    )
}

/// What image files do not say of their values.
#[derive(ClapArgs)]
#[command(next_help_heading = INPUT)]
pub(crate) struct ValueArgs {
    /// Stored values that become 0 and 1, such as 0:4095 for 12 bits in 16-bit files
    ///
    /// For images that use a part of their type's range, or temperatures (280:340). Nothing is clipped
    /// [default: the whole range; floats as they are]
    #[arg(long, value_name = "MIN:MAX", allow_hyphen_values = true, help_heading = INPUT, hide_short_help = true)]
    pub(crate) range: Option<ValueRange>,
    /// Which page of TIFF files that hold several, from 1; previews and masks do not count
    #[arg(long, value_name = "N", help_heading = INPUT, hide_short_help = true)]
    pub(crate) pages: Option<NonZeroUsize>,
}

impl ValueArgs {
    pub(crate) fn reading(&self) -> Reading {
        Reading { range: self.range, page: self.pages, ..Reading::default() }
    }
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

/// How to run, and how to say what came of it; shared by all verbs that use a network and end.
#[derive(ClapArgs)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
    /// Print results as JSON
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,
}

/// How to run; shared by all verbs that use a network.
#[derive(ClapArgs)]
#[command(next_help_heading = MACHINE)]
pub(crate) struct MachineArgs {
    /// Where to compute: auto, cpu, flex (burn on the CPU), ndarray, wgpu[:N] or cuda[:N]
    #[arg(long, value_name = "DEVICE", default_value = "auto", help_heading = MACHINE)]
    pub(crate) device: DeviceChoice,
    /// Numbers that the network computes with: f32 or f16
    ///
    /// f16 is half precision, only on GPUs; it moves scores a little.
    #[arg(long, value_name = "f32|f16", default_value_t = Precision::F32, help_heading = MACHINE, hide_short_help = true)]
    pub(crate) precision: Precision,
    /// Images per pass through the network
    #[arg(long, value_name = "N", default_value_t = pcore::flow::DEFAULT_BATCH, value_parser = parse_positive, help_heading = MACHINE, hide_short_help = true)]
    pub(crate) batch: usize,
    /// Memory at most, such as 8GiB or 500MiB [default: half of what is free]
    ///
    /// Images wait for each other, batches become smaller, patches of a fit go to a scratch file; results are the same. An
    /// image that takes more fails alone.
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes, help_heading = MACHINE)]
    pub(crate) memory: Option<u64>,
}

impl MachineArgs {
    /// How many images at a time, in how much memory.
    pub(crate) fn pace(&self) -> Pace {
        Pace { batch: self.batch, memory_bytes: self.memory, pixel_bytes: 0 }
    }
}
