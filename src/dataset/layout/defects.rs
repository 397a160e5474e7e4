//! Folders of defective images without normal ones beside them.

use std::path::{Path, PathBuf};

use super::masks::{MaskFinder, MaskNames, MaskPlace};
use super::names::{Layout, LayoutHints};
use super::paths::{beside_image, folders_below, named_masks};
use super::rule::{Described, Kind, Part, Rule};
use super::test_folder::TestFolder;
use super::words::{NORMAL, is_one_of};
use crate::dataset::DatasetError;
use crate::dataset::place::absolute;
use crate::dataset::walk::subfolders;

/// One folder per defect, or the images themselves; masks in `ground_truth` or beside the images.
#[derive(Debug)]
struct Defects {
    at: PathBuf,
    folders: TestFolder,
}

/// Describes `folder`, in the data set `root`; what is called as normal images are is none of its defects.
pub(super) fn describe(
    root: &Path,
    folder: PathBuf,
    layout: Layout,
    hints: &LayoutHints,
) -> Result<Described, DatasetError> {
    let at = absolute(&folder)?;
    let good = subfolders(&at)?.into_iter().filter(|name| is_one_of(name, &NORMAL)).collect();
    let folders = TestFolder::new(at.clone(), good, named_masks(root, hints)?);
    let rule = Box::new(Defects { at: at.clone(), folders });
    Ok(Described { layout, detail: String::new(), at, walk: vec![folder], rule, warnings: vec![] })
}

impl Rule for Defects {
    fn kind(&self, place: &Path, finder: &mut MaskFinder) -> Kind {
        if !folders_below(&self.at, place).is_empty() {
            return self.folders.kind(place, finder);
        }
        if finder.is_beside_its_image(place) { Kind::Mask } else { Kind::anomalous(Part::Test, None) }
    }

    fn inner(&self, place: &Path, walk: &[PathBuf]) -> Option<String> {
        self.folders.inner(place, walk)
    }

    fn mask_places(&self, place: &Path) -> Vec<MaskPlace> {
        if !folders_below(&self.at, place).is_empty() {
            return self.folders.mask_places(place);
        }
        let roots = self.mask_roots().into_iter().map(|folder| MaskPlace { folder, names: MaskNames::Any });
        roots.chain(place.parent().map(|parent| beside_image(parent, MaskNames::Suffixed))).collect()
    }

    fn mask_roots(&self) -> Vec<PathBuf> {
        self.folders.mask_roots()
    }
}
