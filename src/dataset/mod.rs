//! Folders to samples: which images there are, and what their place says about them.
//!
//! A data set may be laid out as the public ones are (MVTec AD, AD 2, 3D and LOCO, VisA, BTAD, anomalib Folder, Kolektor,
//! Real-IAD, DAGM, HDMAP), be a tree of several products, or a flat folder; `docs/layouts.md` shows them. [`LayoutHints`] say what names do not.
//!
//! HDMAP trees may also be turned round (`train/domain_C/`). [`normals()`] lists what to fit on,
//! [`labelled()`] what to evaluate on, [`inputs()`] whatever is to be inspected; each has a twin (`normals_as`) that takes hints. A [`ConditionTable`]
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
mod layout;
mod listing;
mod names;
mod normals;
mod output;
mod place;
mod references;
mod seen;
mod shown;
mod skipped;
mod sorting;
mod unicode;
mod walk;

use std::path::PathBuf;

pub use conditions::{ConditionTable, MAX_TABLE_BYTES};
pub use error::DatasetError;
pub use inputs::{inputs, inputs_as};
pub use labelled::{labelled, labelled_as};
pub use layout::{Layout, LayoutHints};
pub use names::{path_from_text, path_text};
pub use normals::{normals, normals_as};
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
    /// The ground truth mask, where there is one: a file, or a folder whose files are united.
    pub mask: Option<PathBuf>,
    /// The domain: `C` for an image below a folder `domain_C`.
    pub domain: Option<String>,
    /// The product, in a tree of several ([`Layout::Products`]).
    pub product: Option<Product>,
}

/// What a tree of products says of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// The name of the product's folder.
    pub name: String,
    /// The folder in which the image lies inside that of its label: `cold` in `bottle/train/good/cold`.
    pub inner: Option<String>,
}

impl Product {
    /// The condition of the image: `bottle`, or `bottle/cold`.
    #[must_use]
    pub fn condition(&self) -> String {
        let name = match &self.inner {
            Some(inner) => format!("{}/{inner}", self.name),
            None => self.name.clone(),
        };
        composed(&name).into_owned()
    }

    /// The product that a condition is of: `bottle` of `bottle/cold`.
    #[must_use]
    pub fn of_condition(condition: &str) -> &str {
        condition.split('/').next().unwrap_or(condition)
    }
}

/// The images found, sorted bytewise by name, never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
    /// What was noticed about the layout.
    pub notes: Notes,
}

/// What was noticed while a layout was recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notes {
    /// What in the tree shows the layout, e.g. `train/good`; may be empty.
    pub detail: String,
    /// What may make results other than the user expects, one sentence each.
    pub warnings: Vec<String>,
    /// Masks that belong to no image, sorted; looked for where images are labelled.
    pub unmatched_masks: Vec<PathBuf>,
}
