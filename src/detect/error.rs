//! What can go wrong between a bundle and an inspection.

use crate::bank::BankError;
use crate::bundle::{BundleError, Defect};
use crate::condition::ConditionError;
use crate::flow::NoMemory;
use crate::image::ImageError;
use crate::kernel::KernelError;
use crate::model::ModelError;
use crate::model::training::TrainingError;
use crate::score::ScoreError;
use std::path::PathBuf;
use std::str::FromStr;

impl From<KernelError> for DetectError {
    fn from(error: KernelError) -> Self {
        Self::Bank(BankError::Kernel(error))
    }
}

/// Why an image can't be inspected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// The bundle can't be read.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The image can't be read or resized.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The network can't be opened or run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Something could not be trained to its end.
    #[error(transparent)]
    Training(Box<TrainingError>),
    /// The gate can't be made.
    #[error(transparent)]
    Condition(#[from] ConditionError),
    /// The bank can't be searched.
    #[error(transparent)]
    Bank(#[from] BankError),
    /// The distances can't be scored.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// A training image that was another when it was read again.
    #[error("{} was changed while it was being fitted; fit again when nothing writes there any more", path.display())]
    Changed {
        /// The image.
        path: PathBuf,
    },
    /// The bundle was fitted with other weights than this binary holds.
    #[error(
        "the bundle was fitted with {name} weights {expected}, this binary holds {found}: their features can't be compared; use the binary that fitted it, or fit again"
    )]
    OtherWeights {
        /// The backbone.
        name: String,
        /// SHA-256 in the bundle.
        expected: String,
        /// SHA-256 of the weights at hand.
        found: String,
    },
    /// The network describes images otherwise than the bundle says.
    #[error(
        "the bundle holds {} values for each of {} x {} patches, its network makes {} for each of {} x {}: fit again",
        expected.2, expected.0, expected.1, found.2, found.0, found.1
    )]
    OtherShape {
        /// Rows and columns of the grid and values of a descriptor, in the bundle.
        expected: (usize, usize, usize),
        /// Those of the network.
        found: (usize, usize, usize),
    },
    /// The bundle's entry is not understood.
    #[error("the bundle's {entry} is '{found}', which this version of pcore does not know: update pcore, or fit again")]
    UnknownEntry {
        /// Which entry.
        entry: &'static str,
        /// What it holds.
        found: String,
    },
    /// What a bundle holds of the detector is not sound.
    #[error(transparent)]
    Defect(Box<Defect>),
    /// There is no such detector.
    #[error("there is no detector '{found}', only {known}")]
    UnknownDetector {
        /// What was asked for.
        found: String,
        /// Those there are.
        known: String,
    },
    /// A setting that a method does not take.
    #[error("{setting} {found}: expected {expected}")]
    Setting {
        /// Which one.
        setting: &'static str,
        /// What it takes.
        expected: String,
        /// What was given.
        found: String,
    },
    /// The bundle was not calibrated for a policy.
    #[error("the bundle holds no held-out scores for `Inspector::set_policy` {found}, only for {known}: fit again")]
    NoPolicy {
        /// What was asked for.
        found: String,
        /// The policies there are.
        known: String,
    },
    /// The bundle was not calibrated by local density.
    #[error("the bundle holds no held-out scores for `Calibration::Density`: fit again")]
    NoDensity,
    /// A detector that cannot be read that way.
    #[error("the detector has no view '{view}': fit again")]
    NoView {
        /// Its name.
        view: String,
    },
    /// The region of interest holds nothing of an image.
    #[error(
        "none of the {n_patches} patches of an image of {width_px} x {height_px} pixels lies in the region of interest: a patch does when the centre of its cell does; choose a larger region (`FitPlan::roi`), ignore less (`FitPlan::ignore`), or see more of the image (`PipelineSpec::preprocessing`, `Preprocessing::resize`)"
    )]
    NothingInside {
        /// Rows of the image.
        height_px: usize,
        /// Its columns.
        width_px: usize,
        /// Patches of its grid.
        n_patches: usize,
    },
    /// A condition that the bundle does not have.
    #[error("the bundle has no condition '{name}', only {known}")]
    UnknownCondition {
        /// What was asked for.
        name: String,
        /// Those there are.
        known: String,
    },
    /// A false-alarm rate that too few held-out normals can vouch for.
    #[error(
        "`Cut::alpha` {alpha}: the {n} held-out normals of {of} can vouch for no rate below {smallest:.4}, which is 1 / ({n} + 1): ask for that or more, or add normals (`live::update`)"
    )]
    OutOfReach {
        /// What was asked for.
        alpha: f64,
        /// Held-out normals.
        n: usize,
        /// What can be asked for.
        smallest: f64,
        /// The condition, or all images.
        of: String,
    },
    /// The bundle has no threshold.
    #[error(
        "the bundle holds no threshold, since nothing was held out when it was fitted: fit again with more normal images, or with `FitPlan::threshold`"
    )]
    NoThreshold,
    /// Not even one image can go through the network.
    #[error(transparent)]
    Memory(#[from] NoMemory),
    /// [`Progress::is_cancelled`](crate::progress::Progress::is_cancelled) said so.
    #[error("stopped before the end")]
    Cancelled,
}

impl From<TrainingError> for DetectError {
    fn from(error: TrainingError) -> Self {
        match error {
            TrainingError::Cancelled => Self::Cancelled,
            TrainingError::Model(error) => Self::Model(error),
            other => Self::Training(Box::new(other)),
        }
    }
}

impl From<Defect> for DetectError {
    fn from(defect: Defect) -> Self {
        Self::defect(defect)
    }
}

impl DetectError {
    pub(crate) fn defect(defect: Defect) -> Self {
        Self::Defect(Box::new(defect))
    }

    /// The value of a bundle's entry.
    pub(crate) fn parse<T: FromStr>(entry: &'static str, text: &str) -> Result<T, Self> {
        text.parse().map_err(|_unknown| Self::UnknownEntry { entry, found: text.to_owned() })
    }

    /// Whether one image's values are the reason, so that others can be inspected all the same.
    pub(crate) fn is_of_one_image(&self) -> bool {
        match self {
            Self::Image(_)
            | Self::NothingInside { .. }
            | Self::Bank(BankError::Kernel(KernelError::NotFinite { .. })) => true,
            Self::Bank(_)
            | Self::Bundle(_)
            | Self::Model(_)
            | Self::Training(_)
            | Self::Score(_)
            | Self::OtherWeights { .. }
            | Self::UnknownEntry { .. }
            | Self::Defect(_)
            | Self::UnknownDetector { .. }
            | Self::Setting { .. }
            | Self::NoPolicy { .. }
            | Self::UnknownCondition { .. }
            | Self::OutOfReach { .. }
            | Self::NoDensity
            | Self::NoView { .. }
            | Self::Condition(_)
            | Self::NoThreshold
            | Self::OtherShape { .. }
            | Self::Memory(_)
            | Self::Changed { .. }
            | Self::Cancelled => false,
        }
    }
}
