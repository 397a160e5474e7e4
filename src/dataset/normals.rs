//! Images to fit on.

use std::path::{Path, PathBuf};

use super::place::{GOOD, GROUND_TRUTH, Role, TEST, TRAIN};
use super::walk::{Walk, require_folder};
use super::{DatasetError, Label, Layout, Listing, domains, listing};

/// Lists the normal images of `path`, which may be a flat folder, a folder with `good/`, a data set
/// with `train/good`, or a tree of domains, of which `domain` (`C` or `domain_C`) names one.
///
/// Folders below are entered, so that `good/cold/` and `good/warm/` work; their names can serve as
/// conditions.
///
/// # Errors
/// If there is no such folder or no image in it, if several domains leave a choice, if the chosen
/// domain is not there, or if the folder holds test images or whole data sets.
pub fn normals(path: &Path, domain: Option<&str>) -> Result<Listing, DatasetError> {
    require_folder(path)?;
    domains::check_agrees(path, domain)?;
    let (folder, layout) = find(path, domain)?;
    let mut walk = Walk::default();
    walk.folder(&folder, &[])?;
    for found in &walk.files {
        if let Some(inner) = set_folder(&folder, &found.path) {
            return Err(DatasetError::NotOnlyNormals { path: path.to_path_buf(), inner });
        }
    }
    let role = |_: &Path| Role { label: Some(Label::Normal), ..Role::default() };
    listing::build(path, layout, walk, domain, role)
}

/// The folder that holds the normal images.
fn find(path: &Path, domain: Option<&str>) -> Result<(PathBuf, Layout), DatasetError> {
    let mut folder = path.to_path_buf();
    let mut layout = Layout::Flat;
    // `domain_C/train/good`, `train/domain_C/good` and all their shorter forms: each of the three
    // is entered at most once, whichever comes first.
    let (mut in_domain, mut in_train) = (false, false);
    loop {
        if !in_domain && let Some(chosen) = domains::choose(&folder, domain)? {
            (folder, layout, in_domain) = (chosen, Layout::Hdmap, true);
        } else if !in_train && folder.join(TRAIN).is_dir() {
            (folder, in_train) = (folder.join(TRAIN), true);
            layout = if in_domain { Layout::Hdmap } else { Layout::Mvtec };
        } else if folder.join(GOOD).is_dir() {
            let layout = if layout == Layout::Flat { Layout::Good } else { layout };
            return Ok((folder.join(GOOD), layout));
        } else {
            return Ok((folder, layout));
        }
    }
}

/// The folder between `folder` and the image that shows a data set, not a heap of normal images.
fn set_folder(folder: &Path, image: &Path) -> Option<PathBuf> {
    let below = image.strip_prefix(folder).ok()?.parent()?;
    let mut inner = folder.to_path_buf();
    for part in below.iter() {
        inner.push(part);
        if [TRAIN, TEST, GROUND_TRUTH].iter().any(|&name| part == name) {
            return Some(inner);
        }
    }
    None
}
