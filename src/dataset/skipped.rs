//! What a listing leaves out, and why.
//!
//! | reason | example | counts as a failure |
//! |---|---|---|
//! | hidden | `.cache/` | no |
//! | files of an operating system | `Thumbs.db`, `.DS_Store`, `@eaDir/`, `__MACOSX/` | no |
//! | a mask | `ground_truth/` | no |
//! | pcore's own output | `results/`, `.pcore/`, `C.pcore` | no |
//! | another domain than the chosen one | `domain_D/` with domain C | no |
//! | not what is asked for by its place in the data set | `test/loose.png`, where labels are needed | no |
//! | the same file or folder under another name | a link | no |
//! | no image by name and content | `notes.txt`, `labels.csv` | no |
//! | an image format that is not read | `part.jp2`, `part.heic`, `part.nef` | yes |
//! | unreadable | a folder without permission | yes |
//! | no regular file, but named like an image | a pipe `part.png` | yes |

use std::fmt;
use std::path::PathBuf;

/// A file or folder that was left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub why: Why,
}

/// Why a file or folder was left out. Its [`Display`](fmt::Display) is a few words in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Why {
    /// Its name begins with a dot.
    Hidden,
    /// Kept by an operating system or a storage device: thumbnails, recycle bins, indices.
    System,
    /// A mask, or a folder of masks.
    Mask,
    /// Results or a bundle of pcore.
    OwnOutput,
    /// An image of another domain than the chosen one.
    OtherDomain {
        /// The image's domain.
        domain: String,
    },
    /// Its place in the data set says that it is not asked for here.
    NotAsked {
        /// What its place says.
        reason: &'static str,
    },
    /// A file that is listed already.
    SameFile {
        /// The name under which it is listed.
        name: String,
    },
    /// A folder that is listed already.
    SameFolder,
    /// No image, by name and by content.
    NoImage,
    /// An image, or something like it, in a format that is not read.
    OtherFormat {
        /// Name of the format.
        format: &'static str,
    },
    /// The operating system refused to open it.
    Unreadable {
        /// Its words.
        reason: String,
    },
    /// A pipe, socket or device with the name of an image.
    NoRegularFile,
}

impl Why {
    /// Whether something that may be an image was not inspected: then the run has not done all it was asked for.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        match self {
            Self::OtherFormat { .. } | Self::Unreadable { .. } | Self::NoRegularFile => true,
            Self::Hidden
            | Self::System
            | Self::Mask
            | Self::OwnOutput
            | Self::OtherDomain { .. }
            | Self::NotAsked { .. }
            | Self::SameFile { .. }
            | Self::SameFolder
            | Self::NoImage => false,
        }
    }

    /// Short and stable, for machines.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::System => "system",
            Self::Mask => "mask",
            Self::OwnOutput => "own_output",
            Self::OtherDomain { .. } => "other_domain",
            Self::NotAsked { .. } => "not_asked",
            Self::SameFile { .. } => "same_file",
            Self::SameFolder => "same_folder",
            Self::NoImage => "no_image",
            Self::OtherFormat { .. } => "other_format",
            Self::Unreadable { .. } => "unreadable",
            Self::NoRegularFile => "no_regular_file",
        }
    }
}

impl From<&'static str> for Why {
    fn from(reason: &'static str) -> Self {
        Self::NotAsked { reason }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hidden => f.write_str("hidden"),
            Self::System => f.write_str("kept by the operating system"),
            Self::Mask => f.write_str("ground truth, not an input"),
            Self::OwnOutput => f.write_str("pcore's own output"),
            Self::OtherDomain { domain } => write!(f, "belongs to domain {domain}"),
            Self::NotAsked { reason } => f.write_str(reason),
            Self::SameFile { name } => write!(f, "same file as {name}"),
            Self::SameFolder => f.write_str("folder already listed under another name"),
            Self::NoImage => f.write_str("no image"),
            Self::OtherFormat { format } => {
                write!(f, "{format}, which is not read; convert it to PNG or TIFF")
            }
            Self::Unreadable { reason } => write!(f, "cannot be read: {reason}"),
            Self::NoRegularFile => f.write_str("not a regular file"),
        }
    }
}

/// What was left out for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedGroup<'a> {
    /// The reason, in words.
    pub reason: String,
    /// Whether it counts as a failure.
    pub is_failure: bool,
    /// The files and folders, at least one, in the order given.
    pub paths: Vec<&'a PathBuf>,
}

/// Groups by reason: failures first, then in alphabetical order. Links to listed files are one group, whatever the file.
#[must_use]
pub fn skipped_groups(skipped: &[Skipped]) -> Vec<SkippedGroup<'_>> {
    let mut groups: Vec<SkippedGroup<'_>> = Vec::new();
    for Skipped { path, why } in skipped {
        let reason = match why {
            Why::SameFile { .. } => "same file as another".to_owned(),
            other => other.to_string(),
        };
        match groups.iter_mut().find(|group| group.reason == reason) {
            Some(group) => group.paths.push(path),
            None => groups.push(SkippedGroup { reason, is_failure: why.is_failure(), paths: vec![path] }),
        }
    }
    groups.sort_by(|a, b| b.is_failure.cmp(&a.is_failure).then_with(|| a.reason.cmp(&b.reason)));
    groups
}
