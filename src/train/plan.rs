//! What can be chosen of a fit.

use super::{GroupRule, TileRule, TrainError};
use crate::condition::{ConditionRule, GateKind};
use crate::dataset::{BoxTable, Sample};
use crate::detect::{
    DEFAULT_SIDE_PX, DetectError, Method, Options, PipelineSpec, Preset, Quality, Registry, Scoring, Sees,
};
use crate::flow::{DEFAULT_BATCH, Pace};
#[cfg(doc)]
use crate::image::{Image, Preprocessing};
use crate::image::{Roi, RoiError, RoiShape};
use crate::model::training::TrainingRun;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// Share of the images held out for calibration where there are enough.
pub const DEFAULT_HOLDOUT: f64 = 0.2;
/// Below so many images of a condition, none are held out: each is calibrated by leaving it out of the bank.
pub const LEAVE_ONE_OUT_BELOW: usize = 500;
/// False alarms wanted among normal images.
pub const DEFAULT_ALPHA: f64 = 0.01;
/// A training image is suspect where its score by the others lies more than so many deviations above the median of its
/// condition's images. A deviation is 1.4826 times the median of how far the upper half of them lies above the median: the
/// standard deviation, were they normally distributed, and hardly moved by a tenth of odd ones.
pub const SUSPECT_DEVIATIONS: f32 = 5.0;
/// In a condition with fewer scored images nothing is said of suspects.
pub const SUSPECTS_FROM: usize = 20;
/// Times that suspects are left out, at most.
pub const MOST_ROUNDS: usize = 3;
/// Images of a bank that are scored by the others although none of them calibrate, at most: it takes as long as calibrating with all
/// of them. With [`FitPlan::drop_suspects`] all are.
pub const SCREENED_AT_MOST: usize = 2000;
/// Which normal images calibrate the threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Holdout {
    /// [`DEFAULT_HOLDOUT`] where every condition has [`LEAVE_ONE_OUT_BELOW`] images, else [`Holdout::LeaveOneOut`].
    Auto,
    /// This share of each condition's images, above 0 and below 1: they are not in the bank (split-conformal).
    Share(f64),
    /// All of them: each is scored by the bank without its own rows (jackknife), so that few images serve both purposes.
    LeaveOneOut,
    /// All of them, by so many fits, each without one part of the images that it then scores (cross-fitting): as exact as holding out, and
    /// as many fits. The bank is made of all images.
    Folds(usize),
}

/// Parts of [`Holdout::Folds`] where none are said.
const FOLDS: usize = 5;
/// Parts at most.
const MOST_FOLDS: usize = 100;

impl FromStr for Holdout {
    type Err = TrainError;

    fn from_str(text: &str) -> Result<Self, TrainError> {
        let bad = || TrainError::Holdout { text: text.to_owned() };
        match text {
            "auto" => Ok(Self::Auto),
            "leave-one-out" => Ok(Self::LeaveOneOut),
            "cross" => Ok(Self::Folds(FOLDS)),
            folds if folds.starts_with("cross:") => match folds[6..].parse() {
                Ok(n) if (2..=MOST_FOLDS).contains(&n) => Ok(Self::Folds(n)),
                Ok(_) | Err(_) => Err(bad()),
            },
            share => match share.parse::<f64>() {
                Ok(share) if share > 0.0 && share < 1.0 => Ok(Self::Share(share)),
                Ok(_) | Err(_) => Err(bad()),
            },
        }
    }
}

/// A method and what it is fitted on.
#[derive(Clone, Debug)]
pub struct PartPlan {
    /// Network, layers, preprocessing, descriptor.
    pub pipeline: PipelineSpec,
    /// What is made of the descriptors.
    pub method: Arc<dyn Method>,
}

impl PartPlan {
    /// The method of this name in pcore's own registry, with these settings, on the default network, or on pixels where it has one
    /// of its own.
    ///
    /// # Errors
    /// [`DetectError::UnknownDetector`], and what the method says of the settings.
    pub fn new(kind: &str, options: &Options) -> Result<Self, DetectError> {
        let registry = Registry::built_in();
        let sees = registry.preset(kind, Quality::default()).sees;
        Ok(Self { pipeline: sees.pipeline(DEFAULT_SIDE_PX), method: registry.method(kind, options)? })
    }
}

impl Default for PartPlan {
    /// The default detector with the default settings, on the default network, at one scale.
    fn default() -> Self {
        let method = Registry::built_in().default_method(&Options::default());
        Self { pipeline: Sees::Patches.pipeline(DEFAULT_SIDE_PX), method }
    }
}

/// Suspects of a fit of which maps are drawn, the most striking ones.
pub(super) const MOST_DRAWN: usize = 20;
/// Values that their maps hold at most, all together.
pub(super) const MOST_DRAWN_VALUES: usize = 1 << 25;

/// Everything that decides what a fit makes of its images.
#[derive(Clone, Debug)]
pub struct FitPlan {
    /// Name of these settings, stored with the bundle: a [`Quality`], or [`FitPlan::OWN`].
    pub profile: String,
    /// Name stored with the bundle.
    pub domain: Option<String>,
    /// The detectors there are; pcore's own unless others were added.
    pub registry: Registry,
    /// What is fitted, at least one part.
    pub parts: Vec<PartPlan>,
    /// Defective images to learn from besides, for methods that do; those with a mask tell where the defect is.
    pub defects: Vec<Sample>,
    /// Rectangles around the defects of those without a mask, if any; what lies in them is learned as masks are.
    pub defect_boxes: Option<BoxTable>,
    /// What is looked at of every image: patches elsewhere are neither learned nor scored. All of it without any. Pixels are
    /// those of the first image that can be read; other sizes are scaled.
    pub roi: Vec<RoiShape>,
    /// What is not looked at, though it may lie there.
    pub ignore: Vec<RoiShape>,
    /// Whether images are cut into tiles, the same for all parts; what their [`Preprocessing`] says of it counts for nothing.
    pub tiles: TileRule,
    /// So many copies of each image are learned from, evenly turned, itself among them ([`Image::turned`]): where parts lie any way
    /// and there are few images. 1 for itself alone.
    pub rotate: usize,
    /// What tells the condition of a training image.
    pub conditions: ConditionRule,
    /// What tells the condition of a new image.
    pub gate: GateKind,
    /// Use only so many images of each condition for the bank.
    pub shots: Option<usize>,
    /// Names of the images that make the bank, no others; `None` for all. As with `shots`, [`Holdout::Auto`] then leaves
    /// each out in turn; a share is held out of the images that are not named.
    pub references: Option<BTreeSet<String>>,
    /// What tells which images belong together: they are left out together, and count as one.
    pub group: GroupRule,
    /// Images that calibrate.
    pub holdout: Holdout,
    /// False alarms wanted among normal images, 0..1.
    pub alpha: f64,
    /// Whether training images that score unlike the others ([`SUSPECT_DEVIATIONS`]) are left out, and it is fitted again without
    /// them, at most [`MOST_ROUNDS`] times. The threshold then promises nothing about images like those.
    pub drop_suspects: bool,
    /// Whether their maps are drawn ([`FittedSuspect::map`](super::FittedSuspect::map)); where images are held out, the descriptors
    /// of all the others are then kept until the end, in memory or in `scratch`. The bundle is the same.
    pub draw_suspects: bool,
    /// A fixed raw-score threshold in place of the calibrated one.
    pub threshold: Option<f32>,
    /// Seed of every random choice.
    pub seed: u64,
    /// Images per pass through the network.
    pub batch: usize,
    /// Memory that the process may take, in bytes; `None` for half of what is free. It decides where the descriptors are
    /// kept and how many images are read ahead, and refuses images that do not fit: else the bundle is the same.
    pub memory_bytes: Option<u64>,
    /// Folder for descriptors that do not fit in memory; `None` for the system's temporary one.
    pub scratch: Option<PathBuf>,
    /// What is kept and told of trainings while they run: checkpoints, a record. The bundle is the same.
    pub training_run: TrainingRun,
}

impl FitPlan {
    /// The profile of settings that were chosen one by one.
    pub const OWN: &'static str = "pcore";

    /// The default detector on the default network, as this quality has it.
    #[must_use]
    pub fn of(quality: Quality) -> Self {
        let registry = Registry::built_in();
        let preset = registry.preset(registry.kinds()[0].name, quality);
        let Preset { scales_px, coreset, whitening, image_score, sees } = preset;
        let scoring = Scoring { image_score, ..Scoring::default() };
        let method = registry.default_method(&Options { coreset, whitening, scoring, ..Options::default() });
        let part = |side: &usize| PartPlan { pipeline: sees.pipeline(*side), method: Arc::clone(&method) };
        Self {
            profile: quality.to_string(),
            parts: scales_px.iter().map(part).collect(),
            ..Self::with(PartPlan::default())
        }
    }

    /// One part, all else at its default.
    #[must_use]
    pub fn with(part: PartPlan) -> Self {
        Self {
            profile: Self::OWN.to_owned(),
            domain: None,
            registry: Registry::built_in().clone(),
            parts: vec![part],
            defects: vec![],
            defect_boxes: None,
            roi: vec![],
            ignore: vec![],
            tiles: TileRule::Auto,
            rotate: 1,
            conditions: ConditionRule::None,
            gate: GateKind::Auto,
            shots: None,
            references: None,
            group: GroupRule::Auto,
            holdout: Holdout::Auto,
            alpha: DEFAULT_ALPHA,
            drop_suspects: false,
            draw_suspects: false,
            threshold: None,
            seed: 0,
            batch: DEFAULT_BATCH,
            memory_bytes: None,
            scratch: None,
            training_run: TrainingRun::default(),
        }
    }

    /// What is looked at of images of `size` (rows, columns), and of all others; `None` for all of them.
    ///
    /// # Errors
    /// [`TrainError::Roi`].
    pub fn region_of_interest(&self, size: (usize, usize)) -> Result<Option<Roi>, TrainError> {
        let areas = |shapes: &[RoiShape], setting: &'static str| {
            let named = |source: RoiError| TrainError::Roi { setting, source: Box::new(source) };
            shapes.iter().map(|shape| shape.area(size).map_err(named)).collect::<Result<Vec<_>, _>>()
        };
        let roi =
            Roi { inside: areas(&self.roi, "`FitPlan::roi`")?, ignored: areas(&self.ignore, "`FitPlan::ignore`")? };
        Ok((roi != Roi::default()).then_some(roi))
    }

    /// How many images at a time, in how much memory.
    pub(crate) fn pace(&self) -> Pace {
        Pace { batch: self.batch, memory_bytes: self.memory_bytes, pixel_bytes: 0 }
    }

    /// Whether another seed can give another bank or calibration, for so many training images: where images are drawn for
    /// the bank or held out, and where the coreset is chosen in random directions.
    #[must_use]
    pub fn depends_on_seed(&self, n_images: usize) -> bool {
        let draws = match self.holdout {
            Holdout::Auto => n_images >= LEAVE_ONE_OUT_BELOW,
            Holdout::Share(_) | Holdout::Folds(_) => true,
            Holdout::LeaveOneOut => false,
        };
        draws || self.shots.is_some() || self.parts.iter().any(|part| part.method.depends_on_seed())
    }
}

impl Default for FitPlan {
    /// [`Quality::default`].
    fn default() -> Self {
        Self::of(Quality::default())
    }
}
