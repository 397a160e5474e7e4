//! The files of a data set by what they are for.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::layout::{Described, Kind, MaskFinder, Part, Said};
use super::place::Role;
use super::walk::{FoundFile, Walk};
use super::{DatasetError, Label, Why};
use crate::image::{Limits, read_mask};

/// Images with what is known of them.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// By absolute path.
    pub(super) roles: HashMap<PathBuf, Role>,
    /// Mask files that belong to no image, sorted.
    pub(super) unmatched_masks: Vec<PathBuf>,
    pub(super) warnings: Vec<String>,
    /// Normal images of a layout that keeps none apart for testing.
    pub(super) n_shared: usize,
}

/// An image whose mask is known and whose label may not be.
struct Candidate {
    found: FoundFile,
    part: Part,
    said: Said,
    defect: Option<String>,
    mask: Option<PathBuf>,
}

/// Leaves in `walk` the images whose part and label `keep` takes; it says why another is left out.
pub(super) fn sort(
    described: &Described,
    walk: &mut Walk,
    keep: impl Fn(Part, Option<Label>) -> Result<(), &'static str>,
) -> Result<Sorted, DatasetError> {
    let mut finder = MaskFinder::default();
    let mut masks: BTreeSet<PathBuf> = BTreeSet::new();
    let mut candidates: Vec<Candidate> = Vec::with_capacity(walk.files.len());
    for found in std::mem::take(&mut walk.files) {
        match described.rule.kind(&found.place, &mut finder) {
            Kind::Mask => {
                masks.insert(found.place);
                walk.skip(found.path, Why::Mask);
            }
            Kind::Unlabelled(reason) | Kind::NoImage(reason) => walk.skip(found.path, reason),
            Kind::Image { part, said, defect } => {
                let mask = described.rule.mask(&found.place, &mut finder);
                candidates.push(Candidate { found, part, said, defect, mask });
            }
        }
    }
    for root in described.rule.mask_roots() {
        let mut inside = Walk::default();
        inside.folder(&root, &[])?;
        masks.extend(inside.files.into_iter().map(|found| found.place));
    }
    let mut sorted = Sorted { unmatched_masks: finder.unused(masks.into_iter()), ..Sorted::default() };
    // Masks are read only where they decide.
    candidates.retain(|candidate| match keep(candidate.part, None) {
        Ok(()) => true,
        Err(reason) => {
            walk.skip(candidate.found.path.clone(), reason);
            false
        }
    });
    let labels = labels(&candidates, walk, &mut sorted.warnings);
    for (candidate, label) in candidates.into_iter().zip(labels) {
        let Some(label) = label else { continue };
        if let Err(reason) = keep(candidate.part, Some(label)) {
            walk.skip(candidate.found.path, reason);
            continue;
        }
        let is_anomalous = label == Label::Anomalous;
        sorted.n_shared += usize::from(!is_anomalous && candidate.part == Part::Any);
        let Candidate { found, defect, mask, .. } = candidate;
        let (defect, mask) = if is_anomalous { (defect, mask) } else { (None, None) };
        let product = described.rule.product(&found.place);
        sorted.roles.insert(found.place.clone(), Role { label: Some(label), defect, mask, product });
        walk.files.push(found);
    }
    let missing = described.rule.missing_masks();
    if let Some(first) = missing.first() {
        let n = missing.len();
        sorted.warnings.push(format!("{n} masks that the table names are not there, the first is {}", first.display()));
    }
    Ok(sorted)
}

/// The labels, by the masks' pixels where nothing else tells; `None` for an image that is left out.
///
/// Where some mask is empty, or every image has one, an image without one is one whose mask is missing. Else only the
/// anomalous ones have masks.
fn labels(candidates: &[Candidate], walk: &mut Walk, warnings: &mut Vec<String>) -> Vec<Option<Label>> {
    let is_empty = |mask: &Path| read_mask(mask, &Limits::default()).map(|mask| !mask.values.contains(&true));
    let read: Vec<Option<Result<bool, String>>> = candidates
        .par_iter()
        .map(|candidate| match (candidate.said, &candidate.mask) {
            (Said::ByMask, Some(mask)) => Some(is_empty(mask).map_err(|error| error.to_string())),
            _ => None,
        })
        .collect();
    let each_has_one = read.iter().any(|read| matches!(read, Some(Ok(true))));
    let (mut n_missing, mut unreadable) = (0, vec![]);
    let labels = candidates.iter().zip(read).map(|(candidate, read)| match (candidate.said, read) {
        (Said::Normal, _) => Some(Label::Normal),
        (Said::Anomalous, _) => Some(Label::Anomalous),
        (Said::ByMask, Some(Ok(true))) => Some(Label::Normal),
        (Said::ByMask, Some(Ok(false))) => Some(Label::Anomalous),
        (Said::ByMask, None) if !each_has_one => Some(Label::Normal),
        (Said::ByMask, None) => {
            n_missing += 1;
            walk.skip(candidate.found.path.clone(), "no mask tells whether it is normal");
            None
        }
        (Said::ByMask, Some(Err(error))) => {
            walk.skip(candidate.found.path.clone(), "its mask cannot be read, so nothing tells whether it is normal");
            unreadable.push(error);
            None
        }
        (Said::Nothing, _) => {
            walk.skip(candidate.found.path.clone(), "nothing tells whether it is normal");
            None
        }
    });
    let labels = labels.collect();
    if n_missing > 0 {
        warnings.push(format!("{n_missing} images are left out: no mask tells whether they are normal"));
    }
    if let Some(first) = unreadable.first() {
        let n = unreadable.len();
        warnings.push(format!(
            "{n} images are left out: their masks, which tell whether they are normal, cannot be read: {first}"
        ));
    }
    labels
}
