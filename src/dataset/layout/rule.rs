//! What is said of the files of a data set.

use super::masks::{MaskFinder, MaskPlace};
use super::names::Layout;
use super::paths::folders_below;
use crate::dataset::{Product, Skipped};
use std::fmt;
use std::path::{Path, PathBuf};

/// What images of a data set are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dataset) enum Part {
    Train,
    Test,
    /// The layout keeps none apart.
    Any,
    /// Neither: validation images.
    Neither,
}

/// What is said of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dataset) enum Said {
    Normal,
    Anomalous,
    /// An empty mask, or none, means normal.
    ByMask,
    Nothing,
}

/// What a file of a data set is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::dataset) enum Kind {
    Image {
        part: Part,
        said: Said,
        defect: Option<String>,
    },
    Mask,
    /// An image of which nothing is said, for this reason.
    Unlabelled(&'static str),
    /// No colour or grey image, for this reason.
    NoImage(&'static str),
}

impl Kind {
    pub(super) fn normal(part: Part) -> Self {
        Kind::Image { part, said: Said::Normal, defect: None }
    }

    pub(super) fn anomalous(part: Part, defect: Option<String>) -> Self {
        Kind::Image { part, said: Said::Anomalous, defect }
    }
}

/// What a listing is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dataset) enum Purpose {
    Fit,
    Evaluate,
    /// Defective images alone are wanted: there may be no others.
    Defects,
}

/// A data set whose layout is known.
#[derive(Debug)]
pub(in crate::dataset) struct Described {
    pub(in crate::dataset) layout: Layout,
    /// What in the tree shows it, for people; may be empty.
    pub(in crate::dataset) detail: String,
    /// The folder that holds all of it, absolute.
    pub(in crate::dataset) at: PathBuf,
    /// The folders to look into, as they were written.
    pub(in crate::dataset) walk: Vec<PathBuf>,
    pub(in crate::dataset) rule: Box<dyn Rule>,
    pub(in crate::dataset) warnings: Vec<String>,
}

/// What tells the files apart.
pub(in crate::dataset) trait Rule: fmt::Debug {
    /// What the file at the absolute path `place` is.
    fn kind(&self, place: &Path, finder: &mut MaskFinder) -> Kind;

    /// Where the mask of the image at the absolute path `place` may be.
    fn mask_places(&self, place: &Path) -> Vec<MaskPlace>;

    /// The mask of the image at the absolute path `place`.
    fn mask(&self, place: &Path, finder: &mut MaskFinder) -> Option<PathBuf> {
        finder.find(place, &self.mask_places(place))
    }

    /// The folders that hold nothing but masks.
    fn mask_roots(&self) -> Vec<PathBuf> {
        vec![]
    }

    /// Masks that are named somewhere and that are not there.
    fn missing_masks(&self) -> &[PathBuf] {
        &[]
    }

    /// Whether the folders looked into should hold normal images alone, and are checked for what tells of others.
    fn is_checked(&self) -> bool {
        false
    }

    /// The last folder on the way to the image at the absolute path `place`, below those looked into (`walk`), that has no
    /// meaning here.
    fn inner(&self, place: &Path, walk: &[PathBuf]) -> Option<String> {
        walk.iter().find(|folder| place.starts_with(folder)).and_then(|at| folders_below(at, place).pop())
    }

    /// The product of the image at the absolute path `place`, in a tree of several.
    fn product(&self, _place: &Path) -> Option<Product> {
        None
    }

    /// Folders that are no part of the data set.
    fn passed_over(&self) -> &[Skipped] {
        &[]
    }
}

/// Everything below the folder but masks is a normal image, which is checked unless it was said.
#[derive(Debug)]
pub(super) struct Normals {
    pub(super) check: bool,
    pub(super) masks: Option<PathBuf>,
}

impl Rule for Normals {
    fn kind(&self, place: &Path, _finder: &mut MaskFinder) -> Kind {
        match &self.masks {
            Some(masks) if place.starts_with(masks) => Kind::Mask,
            _ => Kind::normal(Part::Train),
        }
    }

    fn mask_places(&self, _place: &Path) -> Vec<MaskPlace> {
        vec![]
    }

    fn mask(&self, _place: &Path, _finder: &mut MaskFinder) -> Option<PathBuf> {
        None
    }

    fn is_checked(&self) -> bool {
        self.check
    }
}
