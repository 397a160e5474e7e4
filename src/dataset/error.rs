//! What can go wrong while looking for images.

use std::io;
use std::path::{Path, PathBuf};

use super::{Layout, OUTPUT_MARK, Shown, Skipped, skipped_groups};
use crate::image::EXTENSIONS;

/// What to say where a layout is not recognised.
const WAYS_OUT: &str = "name the folder of normal images with `LayoutHints::good` NAME, a table with `LayoutHints::split` FILE.csv, a known layout with `LayoutHints::layout` NAME (docs/layouts.md), or with `Layout::Flat` say that all images are normal";

/// Why a listing or a condition table could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// Nothing has this name.
    #[error("{} does not exist; check the spelling, or the working directory", Shown::path(path))]
    NotFound {
        /// What was given.
        path: PathBuf,
    },
    /// A file where a folder is needed.
    #[error("{} is not a folder; give the folder that holds the images", Shown::path(path))]
    NotAFolder {
        /// What was given.
        path: PathBuf,
    },
    /// Images of which no mask says what is looked at.
    #[error(
        "{} holds no mask for {n_missing} of {n_images} images, the first of them {first}; each has one at its own place there, with its name or that and _mask or _roi",
        Shown::path(folder)
    )]
    NoRoiMask {
        /// Where masks were looked for.
        folder: PathBuf,
        /// Images without.
        n_missing: usize,
        /// All images.
        n_images: usize,
        /// The first of those without.
        first: String,
    },
    /// No path was given at all.
    #[error("no input given; name at least one image, folder or pattern")]
    NoInputs,
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", Shown::path(path))]
    Io {
        /// What was attempted, e.g. `list the folder`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The refusal.
        source: std::io::Error,
    },
    /// Files, perhaps, but no image.
    #[error("expected image files ({}) under {}, found {}", extensions(), Shown::path(path), others(skipped))]
    NoImages {
        /// Where they were looked for.
        path: PathBuf,
        /// Files and folders that were left out.
        skipped: Vec<Skipped>,
    },
    /// Results of an earlier run instead of images.
    #[error("{}", own_output(path, owner))]
    OwnOutput {
        /// What was given.
        path: PathBuf,
        /// The marked folder: itself, or one above it.
        owner: PathBuf,
    },
    /// A walk that does not seem to end.
    #[error("more than {limit} files under {}; name a narrower folder", Shown::path(path))]
    TooManyFiles {
        /// Where the walk began.
        path: PathBuf,
        /// The most a listing holds.
        limit: usize,
    },
    /// Several domains and no choice.
    #[error("{} holds several domains ({}); choose one of them", Shown::path(path), found.join(", "))]
    SeveralDomains {
        /// The folder that holds them.
        path: PathBuf,
        /// Their names, sorted.
        found: Vec<String>,
    },
    /// The chosen domain is not there.
    #[error("no domain {wanted} under {}; there is {}", Shown::path(path), found.join(", "))]
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
        Shown::path(path)
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
        "{} does not look like a folder of normal images: it holds {}; give the folder with the normal images themselves, or a data set with train/good, or {WAYS_OUT}",
        Shown::path(path),
        Shown::path(inner)
    )]
    NotOnlyNormals {
        /// What was given.
        path: PathBuf,
        /// The folder or file inside that shows it.
        inner: PathBuf,
    },
    /// Nothing says which images are normal.
    #[error(
        "no folder `good` in {}, so nothing tells normal from anomalous images; expected good/ beside one folder per defect (found: {}); where they are called otherwise, name the folder of normal images with `LayoutHints::good` NAME, a table with `LayoutHints::split` FILE.csv, or a known layout with `LayoutHints::layout` NAME (docs/layouts.md)",
        Shown::path(path),
        or_none(found)
    )]
    NoGood {
        /// Where it was looked for.
        path: PathBuf,
        /// The folders there, sorted.
        found: Vec<String>,
    },
    /// Another layout than the one that was said.
    #[error("{} is not laid out as {layout}, which has {expected}", Shown::path(path))]
    NotThatLayout {
        /// What was given.
        path: PathBuf,
        /// The layout that was said.
        layout: Layout,
        /// What shows it.
        expected: &'static str,
    },
    /// No layout has this name.
    #[error("{found} is no layout; known are {}", Layout::names().collect::<Vec<_>>().join(", "))]
    UnknownLayout {
        /// What was given.
        found: String,
    },
    /// The folders that were named are not there.
    #[error("no image under {} lies in a folder {names}; the folders there: {}", Shown::path(path), or_none(found))]
    NoSuchFolder {
        /// Where they were looked for.
        path: PathBuf,
        /// Their names.
        names: String,
        /// The folders directly there, sorted.
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
    #[error("{} has {found} bytes, a condition table at most {limit}", Shown::path(path))]
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
        "{} has no column `{missing}`; its first line must name `path` and `{value}`, found {}",
        Shown::path(path),
        found.join(", ")
    )]
    TableColumns {
        /// The CSV file.
        path: PathBuf,
        /// The column that is missing.
        missing: &'static str,
        /// The columns beside `path`: `condition`, `group`, or those of a split table.
        value: &'static str,
        /// The columns there are.
        found: Vec<String>,
    },
    /// A table that has nothing to do with the images.
    #[error(
        "{} names none of the {n_images} images: it names {}, the images are such as {}; paths in it are relative to its own folder",
        Shown::path(path),
        named.as_ref().map_or_else(|| "no image at all".to_owned(), |named| Shown::path(named).to_string()),
        Shown::path(image)
    )]
    TableMatchesNothing {
        /// The CSV file.
        path: PathBuf,
        /// Images there are.
        n_images: usize,
        /// The first that the table names, if any.
        named: Option<PathBuf>,
        /// The first that there is.
        image: PathBuf,
    },
    /// A line of a condition table that cannot be used.
    #[error("{}, line {line}: {reason}", Shown::path(path))]
    TableLine {
        /// The CSV file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
}

fn or_none(found: &[String]) -> String {
    if found.is_empty() { "no folder".to_owned() } else { found.join(", ") }
}

fn extensions() -> String {
    let dotted: Vec<String> = EXTENSIONS.iter().map(|extension| format!(".{extension}")).collect();
    dotted.join(", ")
}

/// How many files were found instead, by reason.
fn others(skipped: &[Skipped]) -> String {
    let groups = skipped_groups(skipped);
    let reasons: Vec<String> = groups.iter().map(|group| format!("{} {}", group.paths.len(), group.reason)).collect();
    let n = skipped.len();
    if n == 0 { "0 other files".to_owned() } else { format!("{n} other files: {}", reasons.join("; ")) }
}

fn own_output(path: &Path, owner: &Path) -> String {
    let mark = owner.join(OUTPUT_MARK);
    let path = Shown::path(path);
    if mark.is_file() {
        let mark = Shown::path(&mark);
        format!(
            "{path} holds results of pcore, not images to read; name another folder, or delete {mark} if it holds none"
        )
    } else {
        format!("{path} is where pcore keeps its bundles; name the folder that holds the images")
    }
}

/// Adapts an I/O error.
pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DatasetError + use<> {
    let path = path.to_path_buf();
    move |source| DatasetError::Io { action, path, source }
}
