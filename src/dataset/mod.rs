//! Folders to samples: which images there are, and what their place says about them.
//!
//! | layout | normal training images | labelled images | masks |
//! |---|---|---|---|
//! | flat | `*.png` | | |
//! | `good` | `good/*.png` | `good/`, `DEFECT/` | |
//! | MVTec | `train/good/` | `test/good/`, `test/DEFECT/` | `ground_truth/DEFECT/NNN_mask.png` or `NNN.png` |
//! | HDMAP | `domain_C/train/good/` | `domain_C/test/good/`, `domain_C/test/fault/` | `domain_C/ground_truth/` |
//!
//! HDMAP trees may also be turned round (`train/domain_C/`). [`normals()`] lists what to fit on,
//! [`labelled()`] what to evaluate on, [`inputs()`] whatever is to be inspected. A [`ConditionTable`]
//! adds the named condition of each image from a CSV file.
//!
//! Every listing is sorted bytewise by [`Sample::name`], so that it is the same on every machine.
//! Links are followed, each folder and each file is taken once however often it is reached. A file
//! is an image by its extension or, where that says nothing, by its first bytes. Whatever is left out
//! is kept in [`Listing::skipped`] with the reason ([`Why`]). Images are listed, not decoded: a
//! damaged one is found, and named, when it is read.

mod conditions;
mod content;
mod domains;
mod error;
mod inputs;
mod labelled;
mod listing;
mod names;
mod normals;
mod output;
mod place;
mod references;
mod shown;
mod skipped;
mod unicode;
mod walk;

use std::path::PathBuf;

pub use conditions::{ConditionTable, MAX_TABLE_BYTES};
pub use error::DatasetError;
pub use inputs::inputs;
pub use labelled::labelled;
pub use names::{path_from_text, path_text};
pub use normals::normals;
pub use output::{OUTPUT_MARK, mark_output};
pub use references::references;
pub use shown::Shown;
pub use skipped::{Skipped, SkippedGroup, Why, skipped_groups};
pub use unicode::composed;
pub use walk::MAX_FILES;

/// What an image's folder says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// In a folder called `good`.
    Normal,
    /// In another folder beside `good`.
    Anomalous,
}

/// How the files lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Images, files and folders without a recognised meaning.
    Flat,
    /// A folder with `good/`, and perhaps one folder per defect.
    Good,
    /// `train/good`, `test/good`, `test/DEFECT`.
    Mvtec,
    /// As MVTec, inside one `domain_X`.
    Hdmap,
}

/// One image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Where to read it.
    pub path: PathBuf,
    /// Its path below [`Listing::root`], joined by `/`: how results name it. No two files of a listing
    /// have the same; what is no Unicode is escaped as by [`path_text`], and `\\` in a name is `%5C`.
    pub name: String,
    /// Normal or anomalous, where the layout tells.
    pub label: Option<Label>,
    /// The defect folder's name; `None` for normal and unlabelled images.
    pub defect: Option<String>,
    /// The ground truth mask, where there is one.
    pub mask: Option<PathBuf>,
    /// The domain: `C` for an image below a folder `domain_C`.
    pub domain: Option<String>,
}

/// The images found, sorted bytewise by name, never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The folder that names are relative to: the one given, or the deepest that holds everything
    /// given.
    pub root: PathBuf,
    /// How the files lie.
    pub layout: Layout,
    /// The images, each file once.
    pub samples: Vec<Sample>,
    /// Files and folders left out, each with the reason.
    pub skipped: Vec<Skipped>,
}
