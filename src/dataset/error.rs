//! What can go wrong while looking for images.

use std::path::PathBuf;

use crate::image::EXTENSIONS;

/// Why a listing or a condition table could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// Nothing has this name.
    #[error("{} does not exist; check the spelling, or the working directory", path.display())]
    NotFound {
        /// What was given.
        path: PathBuf,
    },
    /// A file where a folder is needed.
    #[error("{} is not a folder; give the folder that holds the images", path.display())]
    NotAFolder {
        /// What was given.
        path: PathBuf,
    },
    /// No path was given at all.
    #[error("no input given; name at least one image, folder or pattern")]
    NoInputs,
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was attempted, e.g. `list the folder`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The refusal.
        source: std::io::Error,
    },
    /// Files, perhaps, but no image.
    #[error("expected image files ({}) under {}, found {n_others} other files", extensions(), path.display())]
    NoImages {
        /// Where they were looked for.
        path: PathBuf,
        /// Files (and hidden folders) that were left out.
        n_others: usize,
    },
    /// A walk that does not seem to end.
    #[error("more than {limit} files under {}; name a narrower folder", path.display())]
    TooManyFiles {
        /// Where the walk began.
        path: PathBuf,
        /// The most a listing holds.
        limit: usize,
    },
    /// Several domains and no choice.
    #[error("{} holds several domains ({}); choose one of them", path.display(), found.join(", "))]
    SeveralDomains {
        /// The folder that holds them.
        path: PathBuf,
        /// Their names, sorted.
        found: Vec<String>,
    },
    /// The chosen domain is not there.
    #[error("no domain {wanted} under {}; there is {}", path.display(), found.join(", "))]
    NoSuchDomain {
        /// The folder that was searched.
        path: PathBuf,
        /// The choice.
        wanted: String,
        /// What there is instead, sorted.
        found: Vec<String>,
    },
    /// The path belongs to one domain, the choice names another.
    #[error(
        "{} belongs to domain {in_path}, but domain {wanted} was chosen; give the folder of domain {wanted}, or choose {in_path}",
        path.display()
    )]
    OtherDomain {
        /// What was given.
        path: PathBuf,
        /// The domain its name shows.
        in_path: String,
        /// The choice.
        wanted: String,
    },
    /// Test images or whole data sets inside what should be a folder of normal images.
    #[error(
        "{} does not look like a folder of normal images: it holds {}; give the folder with the normal images themselves, or a data set with train/good",
        path.display(),
        inner.display()
    )]
    NotOnlyNormals {
        /// What was given.
        path: PathBuf,
        /// The folder inside that shows it.
        inner: PathBuf,
    },
    /// Nothing says which images are normal.
    #[error(
        "no folder `good` in {}, so nothing tells normal from anomalous images; expected good/ beside one folder per defect (found: {})",
        path.display(),
        if found.is_empty() { "no folder".to_owned() } else { found.join(", ") }
    )]
    NoGood {
        /// Where it was looked for.
        path: PathBuf,
        /// The folders there, sorted.
        found: Vec<String>,
    },
    /// A pattern that cannot be understood.
    #[error("the pattern {pattern} cannot be read: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong, with its position.
        reason: String,
    },
    /// A pattern without a match.
    #[error("nothing matches {pattern}; check the spelling, or quote the pattern")]
    NoMatch {
        /// The pattern.
        pattern: String,
    },
    /// A condition table that is too large to be one.
    #[error("{} has {found} bytes, a condition table at most {limit}", path.display())]
    TableSize {
        /// The CSV file.
        path: PathBuf,
        /// Its length in bytes.
        found: u64,
        /// The most that is read.
        limit: u64,
    },
    /// A condition table without its columns.
    #[error(
        "{} has no column `{missing}`; its first line must name `path` and `condition`, found {}",
        path.display(),
        found.join(", ")
    )]
    TableColumns {
        /// The CSV file.
        path: PathBuf,
        /// The column that is missing.
        missing: &'static str,
        /// The columns there are.
        found: Vec<String>,
    },
    /// A line of a condition table that cannot be used.
    #[error("{}, line {line}: {reason}", path.display())]
    TableLine {
        /// The CSV file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
}

fn extensions() -> String {
    let dotted: Vec<String> = EXTENSIONS.iter().map(|extension| format!(".{extension}")).collect();
    dotted.join(", ")
}
