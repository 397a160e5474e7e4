//! What can be chosen of a fit.

use crate::bank::{ConditionRule, CoresetSize, DescriptorSpec, GateKind};
use crate::image::{Preprocessing, Resize};
use crate::infer::{DEFAULT_BATCH, PipelineSpec, Scoring};
use crate::model::DEFAULT_BACKBONE;
use crate::score::ImageScore;

/// Share of the patches kept. The paper finds 1 % as good as 25 % (Roth et al., 2022, table 1), and far faster.
pub const DEFAULT_CORESET: CoresetSize = CoresetSize::Ratio(0.01);
/// Dimensions of the random projection in which the coreset is chosen.
pub const DEFAULT_PROJECTION: usize = 128;
/// Share of the images held out for calibration.
pub const DEFAULT_HOLDOUT: f64 = 0.2;
/// False alarms wanted among normal images.
pub const DEFAULT_ALPHA: f64 = 0.01;
/// Side of the square network input.
pub const DEFAULT_SIZE_PX: usize = 256;
/// Memory that the rows may take during a fit.
pub const DEFAULT_MEMORY_BYTES: u64 = 8 << 30;
/// Standard deviation of the map's Gaussian, from the paper.
const DEFAULT_SIGMA_PX: f32 = 4.0;

/// Everything that decides what a fit makes of its images.
#[derive(Clone, Debug, PartialEq)]
pub struct FitPlan {
    /// Name stored with the bundle.
    pub domain: Option<String>,
    /// Network, layers, preprocessing, descriptor.
    pub pipeline: PipelineSpec,
    /// Distances to scores.
    pub scoring: Scoring,
    /// Rows to keep, of each condition's.
    pub coreset: CoresetSize,
    /// Dimensions of the random projection for the coreset, `None` for none.
    pub projection_dim: Option<usize>,
    /// What tells the condition of a training image.
    pub conditions: ConditionRule,
    /// What tells the condition of a new image.
    pub gate: GateKind,
    /// Use only so many images of each condition for the bank.
    pub shots: Option<usize>,
    /// Share of each condition's images held out for calibration, 0..1.
    pub holdout: f64,
    /// False alarms wanted among normal images, 0..1.
    pub alpha: f64,
    /// A fixed raw-score threshold in place of the calibrated one.
    pub threshold: Option<f32>,
    /// Seed of every random choice.
    pub seed: u64,
    /// Images per pass through the network.
    pub batch: usize,
    /// Memory that the rows may take, in bytes.
    pub memory_bytes: u64,
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
            scoring: Scoring { image_score: ImageScore::Max, map_sigma_px: DEFAULT_SIGMA_PX },
            coreset: DEFAULT_CORESET,
            projection_dim: Some(DEFAULT_PROJECTION),
            conditions: ConditionRule::None,
            gate: GateKind::Auto,
            shots: None,
            holdout: DEFAULT_HOLDOUT,
            alpha: DEFAULT_ALPHA,
            threshold: None,
            seed: 0,
            batch: DEFAULT_BATCH,
            memory_bytes: DEFAULT_MEMORY_BYTES,
        }
    }
}
