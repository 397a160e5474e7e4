//! What can be chosen of a fit.

use super::{GroupRule, TrainError};
use crate::bank::{CoresetSize, CoresetSpace, DescriptorSpec, IndexKind};
use crate::bundle::Metric;
use crate::condition::{ConditionRule, GateKind};
use crate::detect::PipelineSpec;
use crate::detect::patchcore::Scoring;
use crate::flow::{DEFAULT_BATCH, Pace};
use crate::image::{Preprocessing, Resize};
use crate::model::DEFAULT_BACKBONE;
use crate::score::ImageScore;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::str::FromStr;

/// Share of the patches kept. The paper finds 1 % as good as 25 % (Roth et al., 2022, table 1), and far faster.
pub const DEFAULT_CORESET: CoresetSize = CoresetSize::Ratio(0.01);
/// Share of the images held out for calibration where there are enough.
pub const DEFAULT_HOLDOUT: f64 = 0.2;
/// Below so many images of a condition, none are held out: each is calibrated by leaving it out of the bank.
pub const LEAVE_ONE_OUT_BELOW: usize = 500;
/// False alarms wanted among normal images.
pub const DEFAULT_ALPHA: f64 = 0.01;
/// Side of the square network input.
pub const DEFAULT_SIZE_PX: usize = 256;
/// Nearest rows that a patch's value in the map is the mean distance to: one row that happens to be near hides less.
pub const DEFAULT_MAP_NEIGHBOURS: usize = 3;
/// Standard deviation of the map's Gaussian, from the paper.
const DEFAULT_SIGMA_PX: f32 = 4.0;

/// Which normal images calibrate the threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Holdout {
    /// [`DEFAULT_HOLDOUT`] where every condition has [`LEAVE_ONE_OUT_BELOW`] images, else [`Holdout::LeaveOneOut`].
    Auto,
    /// This share of each condition's images, above 0 and below 1: they are not in the bank (split-conformal).
    Share(f64),
    /// All of them: each is scored by the bank without its own rows (jackknife), so that few images serve both purposes.
    LeaveOneOut,
}

impl FromStr for Holdout {
    type Err = TrainError;

    fn from_str(text: &str) -> Result<Self, TrainError> {
        let bad = || TrainError::Holdout { text: text.to_owned() };
        match text {
            "auto" => Ok(Self::Auto),
            "leave-one-out" => Ok(Self::LeaveOneOut),
            share => match share.parse::<f64>() {
                Ok(share) if share > 0.0 && share < 1.0 => Ok(Self::Share(share)),
                Ok(_) | Err(_) => Err(bad()),
            },
        }
    }
}

/// Everything that decides what a fit makes of its images.
#[derive(Clone, Debug, PartialEq)]
pub struct FitPlan {
    /// Name stored with the bundle.
    pub domain: Option<String>,
    /// Network, layers, preprocessing, descriptor.
    pub pipeline: PipelineSpec,
    /// How descriptors are compared. For [`Metric::Cosine`] the rows of the bank are normalised to length 1 before the
    /// coreset is chosen, so that it covers angles.
    pub metric: Metric,
    /// Distances to scores.
    pub scoring: Scoring,
    /// Rows to keep.
    pub coreset: CoresetSize,
    /// The space in which they are chosen.
    pub coreset_space: CoresetSpace,
    /// Choose them among about so many evenly spread rows; `None` for all.
    pub coreset_sample: Option<usize>,
    /// How the bank is searched.
    pub index: IndexKind,
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
}

impl FitPlan {
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
            Holdout::Share(_) => true,
            Holdout::LeaveOneOut => false,
        };
        let projects = match self.coreset_space {
            CoresetSpace::Random(_) => true,
            CoresetSpace::Principal | CoresetSpace::Whole => false,
        };
        draws || projects || self.shots.is_some()
    }
}

impl Default for FitPlan {
    fn default() -> Self {
        Self {
            domain: None,
            pipeline: PipelineSpec {
                backbone: DEFAULT_BACKBONE.to_owned(),
                layers: vec![],
                preprocessing: Preprocessing::imagenet(DEFAULT_SIZE_PX, DEFAULT_SIZE_PX, Resize::StretchBilinear),
                descriptor: DescriptorSpec::default(),
            },
            metric: Metric::L2,
            scoring: Scoring {
                image_score: ImageScore::Max,
                map_neighbours: DEFAULT_MAP_NEIGHBOURS,
                map_sigma_px: DEFAULT_SIGMA_PX,
            },
            coreset: DEFAULT_CORESET,
            coreset_space: CoresetSpace::default(),
            coreset_sample: None,
            index: IndexKind::default(),
            conditions: ConditionRule::None,
            gate: GateKind::Auto,
            shots: None,
            references: None,
            group: GroupRule::Auto,
            holdout: Holdout::Auto,
            alpha: DEFAULT_ALPHA,
            threshold: None,
            seed: 0,
            batch: DEFAULT_BATCH,
            memory_bytes: None,
            scratch: None,
        }
    }
}
