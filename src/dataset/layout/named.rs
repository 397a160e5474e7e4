//! Folders of normal images that were named, at any depth.

use std::path::{Path, PathBuf};

use super::masks::{MaskFinder, MaskNames, MaskPlace};
use super::names::{Layout, LayoutHints};
use super::paths::{beside_image, folders_below, named_masks};
use super::rule::{Described, Kind, Part, Rule};
use super::words::{MASKS, is_one_of};
use crate::dataset::DatasetError;
use crate::dataset::place::absolute;
use crate::dataset::walk::{Walk, subfolders};

/// Images below folders of these names are normal, all others in folders anomalous.
#[derive(Debug)]
pub(in crate::dataset) struct Named {
    at: PathBuf,
    good: Vec<String>,
    pub(super) masks: Vec<PathBuf>,
}

/// What folders are called that keep images apart, and say nothing else.
const PARTS: [&str; 7] = ["train", "training", "test", "testing", "validation", "val", "valid"];

impl Rule for Named {
    fn kind(&self, place: &Path, finder: &mut MaskFinder) -> Kind {
        let folders = folders_below(&self.at, place);
        let is_mask_folder = |name: &String| is_one_of(name, &MASKS) && !self.good.contains(name);
        if self.masks.iter().any(|masks| place.starts_with(masks))
            || folders.iter().any(is_mask_folder)
            || finder.is_beside_its_image(place)
        {
            return Kind::Mask;
        }
        let part = match folders.iter().find(|name| is_one_of(name, &PARTS)).map(|name| name.to_lowercase()) {
            None => Part::Any,
            Some(part) if part.starts_with("train") => Part::Train,
            Some(part) if part.starts_with("test") => Part::Test,
            Some(_) => Part::Neither,
        };
        if folders.iter().any(|name| self.good.contains(name)) {
            return Kind::normal(part);
        }
        match folders.into_iter().find(|name| !is_one_of(name, &PARTS)) {
            Some(defect) => Kind::anomalous(part, Some(defect)),
            None => Kind::Unlabelled("in no folder that tells whether it is normal"),
        }
    }

    fn mask_places(&self, place: &Path) -> Vec<MaskPlace> {
        let folders = folders_below(&self.at, place);
        let any = |folder: PathBuf| MaskPlace { folder, names: MaskNames::Any };
        let mut places = vec![];
        for masks in &self.masks {
            // The same folders below the masks, from the outermost on or from the defect on.
            let inner = (0..folders.len()).map(|first| masks.join(folders[first..].iter().collect::<PathBuf>()));
            places.extend(inner.filter(|folder| folder.is_dir()).map(any));
        }
        places.extend(place.parent().map(|parent| beside_image(parent, MaskNames::Suffixed)));
        places
    }

    fn mask_roots(&self) -> Vec<PathBuf> {
        self.masks.clone()
    }
}

/// Describes `root` by the names given as those of normal images.
pub(super) fn describe(root: &Path, hints: &LayoutHints) -> Result<Described, DatasetError> {
    let at = absolute(root)?;
    let mut walk = Walk::default();
    walk.folder(root, &[])?;
    let is_good = |name: &String| hints.good.contains(name);
    if !walk.files.iter().any(|found| folders_below(&at, &found.place).iter().any(is_good)) {
        let (path, names, found) = (root.to_path_buf(), hints.good.join(", "), subfolders(root)?);
        return Err(DatasetError::NoSuchFolder { path, names, found });
    }
    let masks = match named_masks(root, hints)? {
        Some(masks) => vec![masks],
        None => {
            let names = subfolders(root)?;
            names.iter().filter(|name| is_one_of(name, &MASKS)).map(|name| at.join(name)).collect()
        }
    };
    Ok(Described {
        layout: Layout::Named,
        detail: hints.good.join(", "),
        at: at.clone(),
        walk: vec![root.to_path_buf()],
        rule: Box::new(Named { at, good: hints.good.clone(), masks }),
        warnings: vec![],
    })
}
