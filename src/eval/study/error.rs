//! What can go wrong with a study.

use std::path::PathBuf;

use thiserror::Error;

use crate::dataset::DatasetError;
use crate::detect::DetectError;
use crate::train::TrainError;

/// Why a study can't be planned or run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StudyError {
    /// No such axis.
    #[error("unknown axis '{found}': a cell has {known}")]
    Axis {
        /// What was asked for.
        found: String,
        /// The axes there are.
        known: String,
    },
    /// A value that its axis does not have.
    #[error("{axis} = \"{value}\": {reason}")]
    Value {
        /// The axis.
        axis: &'static str,
        /// What was asked for.
        value: String,
        /// What was expected.
        reason: String,
    },
    /// The plan contradicts itself or asks for too much.
    #[error("the plan's {place}: {reason}")]
    Plan {
        /// Which part.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing to measure on.
    #[error("none of the {n_images} test images could be read; the first: {first}")]
    NothingReadable {
        /// Images listed.
        n_images: usize,
        /// Why the first failed.
        first: String,
    },
    /// The feature cache can't be written.
    #[error("the feature cache {}: {reason}; choose another place with `Setup::cache`", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The images can't be listed or labelled.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A bank can't be fitted.
    #[error("{cell}: {source}")]
    Train {
        /// The cell.
        cell: String,
        /// Why.
        source: Box<TrainError>,
    },
    /// The images can't be described or scored.
    #[error(transparent)]
    Infer(#[from] DetectError),
}
