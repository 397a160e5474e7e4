use std::path::PathBuf;

use super::hdmap::Split;

/// What can go wrong while simulating or writing simulated data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SynthError {
    /// The text names no simulated domain.
    #[error("unknown domain {found:?}: expected A, B, C or D, or domain_A to domain_D")]
    UnknownDomain {
        /// The text given.
        found: String,
    },
    /// A plan asks for more maps in one folder than six-digit file names can count.
    #[error("{split} asks for {found} maps, the limit is {limit}: plan fewer maps per folder")]
    TooManyMaps {
        /// The folder concerned.
        split: Split,
        /// Maps asked for.
        found: usize,
        /// Most maps one folder holds, [`super::hdmap::MAX_MAPS_PER_SPLIT`].
        limit: usize,
    },
    /// The share of cold training maps is no share.
    #[error("the cold share is {found}: expected a number from 0 to 1")]
    ColdShare {
        /// The value given.
        found: f64,
    },
    /// Pictures that can't be simulated.
    #[error("{of}: {what} {found}; expected {expected}")]
    Pictures {
        /// What they show.
        of: &'static str,
        /// What of them.
        what: &'static str,
        /// What it can be.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A map was asked for that the plan does not contain.
    #[error("{split} has maps 0 to {count} (exclusive), map {index} was asked for")]
    NoSuchMap {
        /// The folder concerned.
        split: Split,
        /// The index asked for.
        index: usize,
        /// Maps the plan puts into the folder.
        count: usize,
    },
    /// The domain folder holds files that no simulation wrote.
    #[error("{} holds other files: choose another output folder or empty this one", folder.display())]
    ForeignFolder {
        /// The domain folder.
        folder: PathBuf,
    },
    /// The domain folder was written by another plan.
    #[error("{} was written by another plan ({found}, now {expected}): choose another output folder or delete this one", folder.display())]
    OtherPlan {
        /// The domain folder.
        folder: PathBuf,
        /// The plan now asked for, in one line.
        expected: String,
        /// The plan found in the folder, in one line.
        found: String,
    },
    /// A file or folder could not be read or written.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// An image could not be written.
    #[error(transparent)]
    Image(#[from] crate::image::ImageError),
}
