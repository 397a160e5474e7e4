//! Training images that a detector is to forget.

use super::lineage::{Step, record};
use super::update::{redraw, rows_of};
use super::{LiveError, On, entries};
use crate::bundle::{Contents, Section, SectionEntry, Tensors, UNKNOWN};
use crate::detect::Detector;
use crate::train::TrainError;
use data_encoding::HEXLOWER;
use glob::Pattern;
use sha2::{Digest, Sha256};
use std::time::SystemTime;

/// A detector that forgot.
#[derive(Debug)]
#[non_exhaustive]
pub struct Forgotten {
    /// The bundle.
    pub contents: Contents,
    /// Names of the images that it forgot.
    pub names: Vec<String>,
    /// Rows of all memory banks, before and after.
    pub n_rows: Option<[usize; 2]>,
    /// Images whose held-out score the bundle does not name, so that it stays: of bundles of before this was written.
    pub n_scores_kept: usize,
}

/// Has a detector forget the training images of these names, or that these patterns fit (`update-3/*`): their rows and their
/// held-out scores go. What is left is what it was, so that scores are those of a detector that never learned them from an
/// update, bit for bit.
///
/// # Errors
/// [`LiveError::NothingForgotten`] for a name that fits no image, and [`DetectError::Setting`](crate::detect::DetectError::Setting) where nothing would be left.
pub fn forget<'a>(
    contents: Contents,
    names: &[String],
    on: impl Into<On<'a>>,
    at: Option<SystemTime>,
) -> Result<Forgotten, LiveError> {
    let on = on.into();
    let before = contents.manifest.clone();
    let goes = chosen(&before.sources, names)?;
    let inspector = on.open(contents.clone())?;
    let detector = inspector.detector();
    let mut n_kept = 0u32;
    let number = |goes: &bool| {
        if *goes {
            return None;
        }
        n_kept += 1;
        Some(n_kept - 1)
    };
    let kept: Vec<Option<u32>> = goes.iter().map(number).collect();
    let mut changed = contents;
    let section = without((detector, on), &changed.manifest.detector, &mut changed.tensors, &kept)?;
    let rows_before = rows_of(detector);
    let counts = conditions_of(&changed, &goes);
    (changed.manifest.detector, changed.tensors) = (section.entry, section.tensors);
    let n_scores_kept = forget_scores(&mut changed, &goes, &kept);
    let manifest = &mut changed.manifest;
    manifest.sources = keep(&before.sources, &goes);
    for (condition, n) in manifest.conditions.iter_mut().zip(counts) {
        condition.n_images = condition.n_images.saturating_sub(n);
    }
    if let Some(suspects) = &mut manifest.suspects {
        suspects.kept.retain(|suspect| manifest.sources.contains(&suspect.name));
    }
    manifest.suspects = manifest.suspects.take().filter(|s| !s.kept.is_empty() || !s.dropped.is_empty());
    let forgotten: Vec<String> =
        before.sources.iter().zip(&goes).filter(|(_, goes)| **goes).map(|(name, _)| name.clone()).collect();
    let mut hash = Sha256::new();
    hash.update(&manifest.data_fingerprint);
    forgotten.iter().for_each(|name| hash.update(name));
    manifest.data_fingerprint = HEXLOWER.encode(&hash.finalize());
    redraw(&mut changed, before.calibration.alpha)?;
    changed.check_with(on.registry)?;
    let opened = on.open(changed.clone())?;
    let n_rows = rows_before.zip(rows_of(opened.detector())).map(|(old, new)| [old, new]);
    let step = Step { verb: "forget", n_forgotten: forgotten.len(), n_rows, ..Step::default() };
    record(&mut changed.manifest, &before, step, at);
    changed.check_with(on.registry)?;
    Ok(Forgotten { contents: changed, names: forgotten, n_rows, n_scores_kept })
}

/// Which of the sources the names are of.
fn chosen(sources: &[String], names: &[String]) -> Result<Vec<bool>, LiveError> {
    let mut goes = vec![false; sources.len()];
    for name in names {
        let pattern = Pattern::new(name).ok();
        let mut n_found = 0;
        for (source, goes) in sources.iter().zip(&mut goes) {
            if source == name || pattern.as_ref().is_some_and(|pattern| pattern.matches(source)) {
                *goes = true;
                n_found += 1;
            }
        }
        if n_found == 0 {
            return Err(LiveError::NothingForgotten { name: name.clone() });
        }
    }
    Ok(goes)
}

fn keep(names: &[String], goes: &[bool]) -> Vec<String> {
    names.iter().zip(goes).filter(|(_, goes)| !**goes).map(|(name, _)| name.clone()).collect()
}

/// The section of the detector without these images.
fn without(
    (detector, on): (&dyn Detector, On<'_>),
    entry: &SectionEntry,
    tensors: &mut Tensors,
    kept: &[Option<u32>],
) -> Result<Section, LiveError> {
    let cannot = |detector: &dyn Detector| TrainError::CannotGrow { what: format!("the detector {}", detector.kind()) };
    if detector.parts().is_empty() {
        return Ok(on.registry.living(detector).ok_or_else(|| cannot(detector))?.forget(kept)?);
    }
    let mut entry = entry.clone();
    let mut tensors = std::mem::take(tensors);
    for (index, part) in detector.parts().iter().enumerate() {
        let left = on.registry.living(&**part).ok_or_else(|| cannot(&**part))?.forget(kept)?;
        entry.parts[index] = left.entry;
        drop(tensors.take_part(index));
        tensors.put_part(index, left.tensors);
    }
    Ok(Section { entry, tensors })
}

/// Images of each condition that go, as far as held-out scores tell it; of one condition all of them.
fn conditions_of(contents: &Contents, goes: &[bool]) -> Vec<usize> {
    let n_conditions = contents.manifest.conditions.len();
    if n_conditions == 1 {
        return vec![goes.iter().filter(|goes| **goes).count()];
    }
    let mut counts = vec![0; n_conditions];
    for (source, condition) in contents.score_sources().unwrap_or_default().iter().zip(&contents.score_condition) {
        if *source != UNKNOWN && goes[*source as usize] {
            counts[*condition as usize] += 1;
        }
    }
    counts
}

/// The held-out scores of images that stay, with the new numbers of these. How many images' scores are not named.
fn forget_scores(contents: &mut Contents, goes: &[bool], kept: &[Option<u32>]) -> usize {
    let Some(sources) = contents.score_sources() else { return goes.iter().filter(|goes| **goes).count() };
    let stays = |source: u32| source == UNKNOWN || !goes[source as usize];
    let at: Vec<usize> = (0..sources.len()).filter(|at| stays(sources[*at])).collect();
    entries::keep_scores(contents, &at);
    let new = |source: &u32| kept.get(*source as usize).copied().flatten().unwrap_or(UNKNOWN);
    contents.manifest.calibration.sources = Some(at.iter().map(|at| new(&sources[*at])).collect());
    0
}
