//! Images to evaluate on.

use std::path::{Path, PathBuf};

use super::place::{GOOD, GROUND_TRUTH, Role, TEST, absolute, anomalous};
use super::walk::{Walk, require_folder, subfolders};
use super::{DatasetError, Label, Layout, Listing, domains, listing};

/// Lists the labelled images of `root`, which may be a data set with `test/`, the `test` folder
/// itself, a domain, or a tree of domains, of which `domain` (`C` or `domain_C`) names one.
///
/// Images in `good/` are normal; every other folder beside it is a defect of that name. Images
/// beside these folders have no label and are skipped. An anomalous image without a mask file has
/// no mask, even where others have.
///
/// # Errors
/// If there is no such folder, no `good/` in it or no image, if several domains leave a choice, or
/// if the chosen domain is not there.
pub fn labelled(root: &Path, domain: Option<&str>) -> Result<Listing, DatasetError> {
    require_folder(root)?;
    domains::check_agrees(root, domain)?;
    let (folder, layout) = find(root, domain)?;
    let found = subfolders(&folder)?;
    if !found.iter().any(|name| name == GOOD) {
        return Err(DatasetError::NoGood { path: folder, found });
    }
    let mut walk = Walk::default();
    walk.folder(&folder, &[GROUND_TRUTH])?;
    let test = absolute(&folder)?;
    let (labelled, loose) =
        walk.files.into_iter().partition(|found| found.place.parent().is_some_and(|parent| parent != test));
    walk.files = labelled;
    for found in loose {
        walk.skip(found.path, "neither in good/ nor in a defect folder");
    }
    listing::build(root, layout, walk, domain, |place| role(&test, place))
}

/// The folder that holds `good/` and the defect folders.
fn find(root: &Path, domain: Option<&str>) -> Result<(PathBuf, Layout), DatasetError> {
    let mut folder = root.to_path_buf();
    let mut layout = Layout::Good;
    let (mut in_domain, mut in_test) = (false, false);
    loop {
        if !in_domain && let Some(chosen) = domains::choose(&folder, domain)? {
            (folder, layout, in_domain) = (chosen, Layout::Hdmap, true);
        } else if !in_test && folder.join(TEST).is_dir() {
            (folder, in_test) = (folder.join(TEST), true);
            layout = if in_domain { Layout::Hdmap } else { Layout::Mvtec };
        } else {
            return Ok((folder, layout));
        }
    }
}

/// The first folder below `test` decides.
fn role(test: &Path, place: &Path) -> Role {
    let first = place.strip_prefix(test).ok().and_then(|below| below.iter().next());
    match first {
        Some(folder) if folder == GOOD => Role { label: Some(Label::Normal), ..Role::default() },
        Some(folder) => anomalous(test, &test.join(folder), place),
        None => Role::default(),
    }
}
