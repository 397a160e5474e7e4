//! Images to evaluate on.

use std::path::Path;

use super::layout::{self, Part, Purpose};
use super::place::{GROUND_TRUTH, absolute};
use super::sorting::sort;
use super::walk::{Walk, require_folder};
use super::{DatasetError, Label, LayoutHints, Listing, Notes, Sample, domains, listing};

/// [`labelled_as`] without hints.
///
/// # Errors
/// Those of [`labelled_as`].
pub fn labelled(root: &Path, domain: Option<&str>) -> Result<Listing, DatasetError> {
    labelled_as(root, domain, &LayoutHints::default())
}

/// Lists the labelled images of `root`, which may be a data set of any known layout, its folder of test images, a domain,
/// or a tree of domains, of which `domain` (`C` or `domain_C`) names one, or of products.
///
/// In a layout without labels of its own, images in `good/` are normal; every other folder beside it is a defect of that
/// name. Images that nothing is said of are skipped. An anomalous image without a mask file has no mask, even where others
/// have; [`Notes::unmatched_masks`] names the masks that belong to no image.
///
/// # Errors
/// If there is no such folder, nothing that tells normal images from others, or no image, if several domains leave a
/// choice, if the chosen domain is not there, or if `hints` do not fit.
pub fn labelled_as(root: &Path, domain: Option<&str>, hints: &LayoutHints) -> Result<Listing, DatasetError> {
    list(root, domain, hints, Purpose::Evaluate)
}

/// Lists the defective images of `root`: of a labelled data set as [`labelled_as`] takes it, of folders of defects without normal
/// images beside them (one folder per defect, masks in `ground_truth` or beside the images), or of one folder of images.
///
/// Images below a folder that is called as those of normal images or of masks are, at any depth, are never among them;
/// [`Notes::warnings`] counts those that are left out for that.
///
/// # Errors
/// As [`labelled_as`]; no defective image is none.
pub fn defects_as(root: &Path, hints: &LayoutHints) -> Result<Listing, DatasetError> {
    let mut listing = list(root, None, hints, Purpose::Defects)?;
    listing.samples.retain(|sample| sample.label == Some(Label::Anomalous));
    let at = absolute(root)?;
    let above = at.parent().unwrap_or(Path::new(""));
    let is_defect = |sample: &Sample| {
        let place = absolute(&sample.path).unwrap_or_else(|_| sample.path.clone());
        let below = place.strip_prefix(above).unwrap_or(&place).parent().unwrap_or(Path::new(""));
        !below.iter().any(|folder| layout::is_no_defect(&folder.to_string_lossy()))
    };
    let (defects, others): (Vec<_>, Vec<_>) = listing.samples.into_iter().partition(is_defect);
    listing.samples = defects;
    if let Some(first) = others.first() {
        listing.notes.warnings.push(format!(
            "{} images are no defects, since they lie below folders that are called as those of normal images or of masks are, such as {}",
            others.len(),
            first.name
        ));
    }
    Ok(listing)
}

fn list(root: &Path, domain: Option<&str>, hints: &LayoutHints, purpose: Purpose) -> Result<Listing, DatasetError> {
    require_folder(root)?;
    domains::check_agrees(root, domain)?;
    let described = layout::describe(root, domain, hints, purpose)?;
    let mut walk = Walk::default();
    walk.skipped.extend_from_slice(described.rule.passed_over());
    for folder in &described.walk {
        walk.folder(folder, &[GROUND_TRUTH])?;
    }
    let mut sorted = sort(&described, &mut walk, |part, _| match part {
        Part::Train => Err("a training image"),
        Part::Neither => Err("neither a training nor a test image"),
        Part::Test | Part::Any => Ok(()),
    })?;
    let warning = format!(
        "nothing in this layout keeps test images apart: if the bundle was fitted on this folder, its {} normal images are training images, and false alarms are rarer than on new ones (a split table keeps some apart)",
        sorted.n_shared
    );
    let role = |place: &Path| sorted.roles.remove(place).unwrap_or_default();
    let mut listing = listing::build(root, described.layout, walk, domain, role)?;
    let mut warnings = described.warnings;
    warnings.append(&mut sorted.warnings);
    warnings.extend((sorted.n_shared > 0 && purpose == Purpose::Evaluate).then_some(warning));
    listing.notes = Notes { detail: described.detail, warnings, unmatched_masks: sorted.unmatched_masks };
    Ok(listing)
}
