//! What can go wrong while a bundle is changed.

use crate::bundle::Defect;
use crate::condition::ConditionError;
use crate::dataset::Shown;
use crate::detect::DetectError;
use crate::image::ImageError;
use crate::score::ScoreError;
use crate::train::TrainError;

/// Why a bundle can't be changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// The images can't be scored.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// The images can't be learned from.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The conditions can't be told.
    #[error(transparent)]
    Condition(#[from] ConditionError),
    /// The calibration is refused.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// The changed parts do not make a bundle.
    #[error("the changed parts do not make a valid bundle: {0}")]
    Bundle(#[from] Defect),
    /// Not one image could be read.
    #[error("none of the {n_images} images could be used; the first: {first}")]
    NothingReadable {
        /// Images listed.
        n_images: usize,
        /// Why the first failed.
        first: String,
    },
    /// No image's condition is known.
    #[error(
        "the bundle's gate tells the condition of none of the {n_images} images: name it (`Told::Named`), or say what tells it (`Told::By`)"
    )]
    Untold {
        /// Images that were scored.
        n_images: usize,
    },
    /// A name or pattern that fits no training image.
    #[error(
        "no training image is called {}, or fits it: `Contents::manifest` has their names in sources",
        Shown::name(name)
    )]
    NothingForgotten {
        /// What was asked for.
        name: String,
    },
    /// Labelled images without a defective or without a normal one.
    #[error(
        "a threshold is chosen between defective and normal images: found {n_defects} defective and {n_normals} normal ones"
    )]
    OneSided {
        /// Defective images.
        n_defects: usize,
        /// Normal images, held-out scores of the bundle among them.
        n_normals: usize,
    },
    /// A cost that is none.
    #[error("{setting} {found}: expected {expected}")]
    Cost {
        /// Which one, as messages name settings.
        setting: &'static str,
        /// What it can be.
        expected: &'static str,
        /// What was given.
        found: f64,
    },
}

impl From<ImageError> for LiveError {
    fn from(error: ImageError) -> Self {
        Self::Detect(error.into())
    }
}
