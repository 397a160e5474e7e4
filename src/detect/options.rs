//! What can be chosen of a method. Each takes what it knows; all have defaults.

use crate::bank::{CoresetSize, CoresetSpace, IndexKind};
use crate::kernel;
use crate::score::ImageScore;
use serde::{Deserialize, Serialize};

/// Share of the patches kept. The paper finds 1 % as good as 25 % (Roth et al., 2022, table 1), and far faster.
pub const DEFAULT_CORESET: CoresetSize = CoresetSize::Ratio(0.01);
/// Nearest rows that a patch's value in the map is the mean distance to: one row that happens to be near hides less.
pub const DEFAULT_MAP_NEIGHBOURS: usize = 3;
/// Standard deviation of the map's Gaussian, from the paper.
const DEFAULT_SIGMA_PX: f32 = 4.0;

/// The distance between descriptors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// Euclidean distance.
    #[default]
    L2,
    /// One minus the cosine of the angle.
    Cosine,
}

impl From<Metric> for kernel::Metric {
    fn from(metric: Metric) -> Self {
        match metric {
            Metric::L2 => Self::Euclidean,
            Metric::Cosine => Self::Cosine,
        }
    }
}

/// How distances become scores and maps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scoring {
    /// Patch distances to image score.
    pub image_score: ImageScore,
    /// Nearest rows whose mean distance is a patch's value in the map, at least 1.
    pub map_neighbours: usize,
    /// Standard deviation of the map's Gaussian, in network input pixels; 0 for none.
    pub map_sigma_px: f32,
}

impl Default for Scoring {
    fn default() -> Self {
        Self { image_score: ImageScore::Max, map_neighbours: DEFAULT_MAP_NEIGHBOURS, map_sigma_px: DEFAULT_SIGMA_PX }
    }
}

/// Settings of all methods; a method heeds those that it knows.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Options {
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
}

impl Default for Options {
    fn default() -> Self {
        Self {
            metric: Metric::default(),
            scoring: Scoring::default(),
            coreset: DEFAULT_CORESET,
            coreset_space: CoresetSpace::default(),
            coreset_sample: None,
            index: IndexKind::default(),
        }
    }
}
