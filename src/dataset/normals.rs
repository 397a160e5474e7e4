//! Images to fit on.

use std::collections::BTreeSet;
use std::path::Path;

use super::layout::{self, Part, Purpose};
use super::sorting::sort;
use super::walk::{Walk, require_folder};
use super::{DatasetError, Label, Layout, LayoutHints, Listing, Notes, domains, listing};

/// [`normals_as`] without hints.
///
/// # Errors
/// Those of [`normals_as`].
pub fn normals(path: &Path, domain: Option<&str>) -> Result<Listing, DatasetError> {
    normals_as(path, domain, &LayoutHints::default())
}

/// Lists the normal images of `path`, which may be laid out in any known way or flat, or be a tree of domains, of which
/// `domain` (`C` or `domain_C`) names one, or of products, all of which are taken ([`Sample::product`](super::Sample)).
///
/// Folders below are entered, so that `good/cold/` and `good/warm/` work; their names can serve as
/// conditions.
///
/// # Errors
/// If there is no such folder or no image in it, if several domains leave a choice, if the chosen
/// domain is not there, if `hints` do not fit, or if a name in the folder tells of test images, defects, masks or whole
/// data sets, and no known layout explains it.
pub fn normals_as(path: &Path, domain: Option<&str>, hints: &LayoutHints) -> Result<Listing, DatasetError> {
    require_folder(path)?;
    domains::check_agrees(path, domain)?;
    let described = layout::describe(path, domain, hints, Purpose::Fit)?;
    let mut walk = Walk::default();
    walk.skipped.extend_from_slice(described.rule.passed_over());
    for folder in &described.walk {
        walk.folder(folder, &[])?;
    }
    let mut sorted = sort(&described, &mut walk, |part, label| match (part, label) {
        (Part::Test, _) => Err("a test image"),
        (Part::Neither, _) => Err("neither a training nor a test image"),
        (_, Some(Label::Anomalous)) => Err("anomalous, not to be fitted on"),
        (Part::Train | Part::Any, _) => Ok(()),
    })?;
    let is_checked = described.rule.is_checked();
    if is_checked {
        for folder in &described.walk {
            let files = walk.files.iter().map(|found| found.path.as_path());
            if let Some(inner) = layout::not_normal(folder, files, described.layout == Layout::Flat) {
                return Err(DatasetError::NotOnlyNormals { path: path.to_path_buf(), inner });
            }
        }
    }
    let mut detail = described.detail;
    if is_checked && described.layout == Layout::Flat {
        let folders = folders_side_by_side(path, &walk);
        let names: Vec<&str> = folders.iter().map(String::as_str).collect();
        if let Some(odd) = layout::odd_one_out(&names) {
            return Err(DatasetError::NotOnlyNormals { path: path.to_path_buf(), inner: path.join(odd) });
        }
        if names.len() > 1 && detail.is_empty() {
            detail = format!("all of its {} folders", names.len());
        }
    }
    let warning = format!(
        "nothing in this layout keeps test images apart: all {} normal images are used, so that an evaluation on this folder would measure on training images (a split table keeps some apart)",
        sorted.n_shared
    );
    let role = |place: &Path| sorted.roles.remove(place).unwrap_or_default();
    let mut listing = listing::build(path, described.layout, walk, domain, role)?;
    let mut warnings = described.warnings;
    warnings.append(&mut sorted.warnings);
    warnings.extend((sorted.n_shared > 0).then_some(warning));
    listing.notes = Notes { detail, warnings, unmatched_masks: vec![] };
    Ok(listing)
}

/// The folders right below `path` that hold files which were found, sorted.
fn folders_side_by_side(path: &Path, walk: &Walk) -> BTreeSet<String> {
    let first = |file: &Path| {
        let mut parts = file.strip_prefix(path).ok()?.iter();
        let first = parts.next()?;
        parts.next().map(|_| first.to_string_lossy().into_owned())
    };
    walk.files.iter().filter_map(|found| first(&found.path)).collect()
}
