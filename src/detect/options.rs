//! What can be chosen of a method. Each takes what it knows; all have defaults.

use super::{Augment, DetectError, TrainingOptions};
use crate::bank::{CoresetSize, CoresetSpace, IndexKind};
use crate::kernel;
use crate::score::ImageScore;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Share of the patches kept. The paper finds 1 % as good as 25 % (Roth et al., 2022, table 1), and far faster.
pub const DEFAULT_CORESET: CoresetSize = CoresetSize::Ratio(0.01);
/// Nearest rows that a patch's value in the map is the mean distance to: one row that happens to be near hides less.
pub const DEFAULT_MAP_NEIGHBOURS: usize = 3;
/// Standard deviation of the map's Gaussian, from the paper.
const DEFAULT_SIGMA_PX: f32 = 4.0;

/// The distance between descriptors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
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

impl Scoring {
    /// As settings in a bundle of a detector that keeps no bank have it.
    ///
    /// # Errors
    /// [`DetectError::UnknownEntry`] for an image score that is none, or that looks at rows of a bank.
    pub(crate) fn without_bank(image_score: &str, map_sigma_px: f32) -> Result<Self, DetectError> {
        let scoring =
            Self { image_score: DetectError::parse("image score", image_score)?, map_sigma_px, ..Self::default() };
        if scoring.needs_bank() {
            return Err(DetectError::UnknownEntry { entry: "image score", found: image_score.to_owned() });
        }
        Ok(scoring)
    }

    /// Refuses an image score that looks at rows of a bank, for a detector that keeps none.
    ///
    /// # Errors
    /// [`DetectError::Setting`].
    pub(crate) fn check_without_bank(self) -> Result<(), DetectError> {
        if self.needs_bank() {
            let expected = "max or top, since this detector keeps no memory bank".to_owned();
            let found = self.image_score.to_string();
            return Err(DetectError::Setting { setting: "image score", expected, found });
        }
        Ok(())
    }

    fn needs_bank(self) -> bool {
        self.image_score.of_patches(&[]).is_none()
    }
}

impl Default for Scoring {
    fn default() -> Self {
        Self { image_score: ImageScore::Max, map_neighbours: DEFAULT_MAP_NEIGHBOURS, map_sigma_px: DEFAULT_SIGMA_PX }
    }
}

/// The largest floor of [`Options::whitening`]; beyond it rows are all but left as they are.
pub const MAX_WHITENING: f64 = 1000.0;

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
    /// Share of the patches that are left out before the coreset is chosen, 0 to below 1: those least like the patches at the same
    /// place of the other images ([`patch_outliers`](crate::bank::patch_outliers)). 0 for none.
    pub filter_patches: f64,
    /// Rows are compared whitened ([`Whitening`](crate::bank::Whitening)), with this many mean variances added to each, from 0 to
    /// [`MAX_WHITENING`]; `None` to compare them as they are. For [`Metric::L2`] alone.
    pub whitening: Option<f64>,
    /// How the bank is searched.
    pub index: IndexKind,
    /// What a distribution of patches is made of.
    pub shape: Shape,
    /// Share of a covariance that is replaced by a multiple of the identity, 0..1; `None` for that of Ledoit and Wolf.
    pub shrinkage: Option<f64>,
    /// How images vary while an autoencoder learns from them, in this order.
    pub augment: Vec<Augment>,
    /// What is pasted into normal images to learn from, by a method that learns what faults look like.
    pub faults: Faults,
    /// How such a method trains.
    pub training: TrainingOptions,
    /// Versions of each normal image with faults that it learns from, 1 to [`MAX_VERSIONS`].
    pub versions: usize,
}

/// Most versions with faults of each image.
pub const MAX_VERSIONS: usize = 100;

/// A direction in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Along a row.
    Horizontal,
    /// Along a column.
    Vertical,
}

/// The faults that are pasted into normal images to learn from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Faults {
    /// None: normal descriptors with noise in them are learned from alone.
    None,
    /// Pieces of the image at other places, scars and stains, for products of any kind.
    #[default]
    Generic,
    /// Thin broken lines along an axis, for maps of the state of turning parts.
    Lines(Axis),
}

impl FromStr for Faults {
    type Err = DetectError;

    fn from_str(text: &str) -> Result<Self, DetectError> {
        let all = [Self::None, Self::Generic, Self::Lines(Axis::Horizontal), Self::Lines(Axis::Vertical)];
        all.into_iter().find(|faults| faults.to_string() == text).ok_or_else(|| DetectError::Setting {
            setting: "faults",
            expected: all.map(|faults| faults.to_string()).join(", "),
            found: text.to_owned(),
        })
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Generic => "generic",
            Self::Lines(Axis::Horizontal) => "lines:h",
            Self::Lines(Axis::Vertical) => "lines:v",
        })
    }
}

/// What a distribution of normal patches is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Shape {
    /// One mean and covariance for all patches.
    #[default]
    Whole,
    /// One for each place of the patch grid, on so many random channels (`PaDiM`, Defard et al., 2021): for parts that always lie
    /// the same way.
    Places(usize),
    /// The principal directions that hold this share of the variance, 0..1: what they do not explain is anomalous.
    Residual(f64),
}

/// Channels for each place where none are named, as in `PaDiM` with a ResNet-18.
const DEFAULT_CHANNELS: usize = 100;
/// Share of the variance where none is named.
const DEFAULT_SHARE: f64 = 0.95;

impl FromStr for Shape {
    type Err = DetectError;

    fn from_str(text: &str) -> Result<Self, DetectError> {
        let bad = || DetectError::Setting {
            setting: "shape",
            expected: "whole, places, places:CHANNELS, residual or residual:SHARE".to_owned(),
            found: text.to_owned(),
        };
        match text.split_once(':') {
            None if text == "whole" => Ok(Self::Whole),
            None if text == "places" => Ok(Self::Places(DEFAULT_CHANNELS)),
            None if text == "residual" => Ok(Self::Residual(DEFAULT_SHARE)),
            Some(("places", n)) => match n.parse() {
                Ok(n) if (1..=MAX_CHANNELS).contains(&n) => Ok(Self::Places(n)),
                Ok(_) | Err(_) => Err(bad()),
            },
            Some(("residual", share)) => match share.parse::<f64>() {
                Ok(share) if share > 0.0 && share < 1.0 => Ok(Self::Residual(share)),
                Ok(_) | Err(_) => Err(bad()),
            },
            Some(_) | None => Err(bad()),
        }
    }
}

/// Most channels for each place.
pub const MAX_CHANNELS: usize = 512;

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("whole"),
            Self::Places(n) => write!(f, "places:{n}"),
            Self::Residual(share) => write!(f, "residual:{share}"),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            metric: Metric::default(),
            scoring: Scoring::default(),
            coreset: DEFAULT_CORESET,
            coreset_space: CoresetSpace::default(),
            coreset_sample: None,
            filter_patches: 0.0,
            whitening: None,
            index: IndexKind::default(),
            shape: Shape::default(),
            shrinkage: None,
            augment: vec![],
            faults: Faults::default(),
            training: TrainingOptions::default(),
            versions: 6,
        }
    }
}
