//! Samples, and listings of them.

use super::{Layout, Skipped, composed};
use std::path::PathBuf;

/// What an image's folder says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// In a folder called `good`.
    Normal,
    /// In another folder beside `good`.
    Anomalous,
}

impl Label {
    /// The word used in every output: `normal` or `anomalous`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Anomalous => "anomalous",
        }
    }
}

/// One image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Where to read it.
    pub path: PathBuf,
    /// Its path below [`Listing::root`], joined by `/`: how results name it. No two files of a listing
    /// have the same; what is no Unicode is escaped as by [`path_text`](super::path_text), and `\\` in a name is `%5C`.
    pub name: String,
    /// Normal or anomalous, where the layout tells.
    pub label: Option<Label>,
    /// The defect folder's name; `None` for normal and unlabelled images.
    pub defect: Option<String>,
    /// The ground truth mask, where there is one: a file, or a folder whose files are united.
    pub mask: Option<PathBuf>,
    /// A mask of what is looked at of it, where it has one ([`look_at`](super::look_at())).
    pub roi: Option<PathBuf>,
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

impl Listing {
    /// How many of the files left out may be images, so that work on the rest has not done all it was asked for.
    #[must_use]
    pub fn n_failures(&self) -> usize {
        self.skipped.iter().filter(|skipped| skipped.why.is_failure()).count()
    }
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
