//! What the folders above an image say about it.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use super::walk::failed;
use super::{DatasetError, Label};

/// The folder of normal images.
pub(super) const GOOD: &str = "good";
/// The folder of training images.
pub(super) const TRAIN: &str = "train";
/// The folder of test images, beside [`GROUND_TRUTH`].
pub(super) const TEST: &str = "test";
/// The folder of masks.
pub(super) const GROUND_TRUTH: &str = "ground_truth";
/// What a domain folder's name begins with.
pub(super) const DOMAIN_PREFIX: &str = "domain_";
/// Extensions of masks; lossy formats blur the edge.
const MASK_EXTENSIONS: [&str; 4] = ["png", "bmp", "tif", "tiff"];

/// Label, defect and mask of one image.
#[derive(Clone, Debug, Default)]
pub(super) struct Role {
    pub(super) label: Option<Label>,
    pub(super) defect: Option<String>,
    pub(super) mask: Option<PathBuf>,
}

/// Remembers which folders hold a `good`, so that each is looked at once.
#[derive(Debug, Default)]
pub(super) struct Roles {
    holds_good: HashMap<PathBuf, bool>,
}

impl Roles {
    /// Reads the role off an absolute path.
    ///
    /// Below `good` an image is normal. Below another folder it is anomalous only if that folder
    /// lies in `test` beside a `good`: a folder that merely happens to be called `test` says
    /// nothing.
    pub(super) fn of(&mut self, place: &Path) -> Role {
        let Some(parent) = place.parent() else { return Role::default() };
        for folder in parent.ancestors() {
            if folder.ends_with(GOOD) {
                return Role { label: Some(Label::Normal), ..Role::default() };
            }
            let above = folder.parent();
            if let Some(test) = above.filter(|above| above.ends_with(TEST) && self.has_good(above)) {
                return anomalous(test, folder, place);
            }
        }
        Role::default()
    }

    fn has_good(&mut self, folder: &Path) -> bool {
        let known = self.holds_good.entry(folder.to_path_buf());
        *known.or_insert_with(|| folder.join(GOOD).is_dir())
    }
}

/// The role of `place` below the defect folder `defect_folder` of `test`.
pub(super) fn anomalous(test: &Path, defect_folder: &Path, place: &Path) -> Role {
    let defect = defect_folder.file_name().map(|name| name.to_string_lossy().into_owned());
    let mask = defect.as_deref().and_then(|defect| mask(test, defect, defect_folder, place));
    Role { label: Some(Label::Anomalous), defect, mask }
}

/// `ground_truth/DEFECT/…/STEM_mask.EXT` or `…/STEM.EXT` beside `test`, whichever exists first.
fn mask(test: &Path, defect: &str, defect_folder: &Path, place: &Path) -> Option<PathBuf> {
    let inside = place.strip_prefix(defect_folder).ok()?.parent()?;
    let folder = test.parent()?.join(GROUND_TRUTH).join(defect).join(inside);
    let stem = place.file_stem()?.to_str()?;
    let names = [format!("{stem}_mask"), stem.to_owned()];
    let candidates =
        names.iter().flat_map(|name| MASK_EXTENSIONS.map(|extension| folder.join(format!("{name}.{extension}"))));
    let mut existing = candidates.filter(|candidate| candidate.is_file());
    existing.next()
}

/// The domain of an absolute path: `C` for the last folder called `domain_C`.
pub(super) fn domain_of(place: &Path) -> Option<String> {
    let names = place.components().rev().filter_map(|component| component.as_os_str().to_str());
    let mut domains = names.filter_map(|name| name.strip_prefix(DOMAIN_PREFIX));
    domains.find(|name| !name.is_empty()).map(str::to_owned)
}

/// `C` for `C` and for `domain_C`.
pub(super) fn domain_name(domain: &str) -> &str {
    domain.strip_prefix(DOMAIN_PREFIX).unwrap_or(domain)
}

/// The absolute path without `.` and `..`, links left as they are.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, DatasetError> {
    let full = std::path::absolute(path).map_err(failed("find the absolute path of", path))?;
    let mut cleaned = PathBuf::new();
    for component in full.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                cleaned.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => {
                cleaned.push(component);
            }
        }
    }
    Ok(cleaned)
}
