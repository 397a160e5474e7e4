//! The folder of test images: normal ones, one folder per defect, masks.

use std::path::{Path, PathBuf};

use super::masks::{MaskFinder, MaskNames, MaskPlace};
use super::paths::{beside_image, folders_below};
use super::rule::{Kind, Part, Rule};
use super::words::{MASK_FOLDERS, is_one_of};
use crate::dataset::place::{TEST, TEST_PUBLIC};
use crate::dataset::walk::subfolders;

/// The folder of colour images in MVTec 3D-AD.
pub(super) const RGB: &str = "rgb";
pub(super) const NOT_RGB: &str = "points or other data of a 3D data set, no colour image";

/// The folder that holds normal images and one folder per defect.
#[derive(Debug)]
pub(in crate::dataset) struct TestFolder {
    /// Absolute.
    at: PathBuf,
    /// Names of the folders of normal images in it.
    good: Vec<String>,
    /// Absolute folders of masks that exist.
    pub(super) mask_roots: Vec<PathBuf>,
    /// Whether masks may lie in these folders themselves: where a stem cannot be that of two images.
    is_shared: bool,
    /// Whether each folder holds `rgb` and more.
    is_3d: bool,
}

impl TestFolder {
    pub(super) fn new(at: PathBuf, good: Vec<String>, masks: Option<PathBuf>) -> Self {
        let is_defect = |name: &String| !good.contains(name) && !is_one_of(name, &MASK_FOLDERS);
        let n_defects = subfolders(&at).unwrap_or_default().iter().filter(|name| is_defect(name)).count();
        let is_shared = masks.is_some() || n_defects == 1;
        let mask_roots = match masks {
            Some(masks) => vec![masks],
            None => mask_folders(&at),
        };
        let is_3d = good.iter().any(|good| at.join(good).join(RGB).is_dir());
        TestFolder { at, good, mask_roots, is_shared, is_3d }
    }
}

impl Rule for TestFolder {
    /// The first folder below `test` decides.
    fn kind(&self, place: &Path, finder: &mut MaskFinder) -> Kind {
        let folders = folders_below(&self.at, place);
        let Some(first) = folders.first() else { return Kind::Unlabelled("neither in good/ nor in a defect folder") };
        if is_one_of(first, &MASK_FOLDERS) || finder.is_beside_its_image(place) {
            return Kind::Mask;
        }
        if self.is_3d {
            match folders.get(1).map(String::as_str) {
                Some(RGB) => {}
                Some("gt") => return Kind::Mask,
                _ => return Kind::NoImage(NOT_RGB),
            }
        }
        if self.good.contains(first) {
            Kind::normal(Part::Test)
        } else {
            Kind::anomalous(Part::Test, Some(first.clone()))
        }
    }

    /// The last folder on the way to an image, below that of its label.
    fn inner(&self, place: &Path, _walk: &[PathBuf]) -> Option<String> {
        folders_below(&self.at, place).into_iter().skip(if self.is_3d { 2 } else { 1 }).last()
    }

    fn mask_places(&self, place: &Path) -> Vec<MaskPlace> {
        let folders = folders_below(&self.at, place);
        let (Some(defect), Some(parent)) = (folders.first(), place.parent()) else { return vec![] };
        let inside: PathBuf = folders.iter().skip(1).collect();
        let any = |folder: PathBuf| MaskPlace { folder, names: MaskNames::Any };
        let mut places = vec![];
        for root in &self.mask_roots {
            places.push(any(root.join(defect).join(&inside)));
            if self.is_shared {
                places.push(any(root.join(&inside)));
            }
        }
        if self.is_3d {
            places.push(any(self.at.join(defect).join("gt")));
        }
        places.push(beside_image(parent, MaskNames::Suffixed));
        places
    }

    fn mask_roots(&self) -> Vec<PathBuf> {
        self.mask_roots.clone()
    }
}

/// The folders of masks beside `test` and in it. Beside a folder of another name only `ground_truth` is meant.
pub(super) fn mask_folders(test: &Path) -> Vec<PathBuf> {
    let is_test = test.file_name().is_some_and(|name| name == TEST || name == TEST_PUBLIC);
    let beside = if is_test { &MASK_FOLDERS[..] } else { &MASK_FOLDERS[..1] };
    let beside = test.parent().into_iter().flat_map(|set| beside.iter().map(move |name| set.join(name)));
    let inside = MASK_FOLDERS.iter().map(|name| test.join(name));
    beside.chain(inside).filter(|folder| folder.is_dir()).collect()
}
