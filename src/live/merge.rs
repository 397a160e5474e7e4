//! Two bundles of one kind as one.

use super::lineage::{Step, record};
use super::update::{redraw, rows_of};
use super::views::Views;
use super::{LiveError, On, entries};
use crate::bundle::{
    ConditionEntry, Contents, GateEntry, LightEntry, PooledImages, Section, SectionEntry, SuspectsEntry, Tensors,
    UNKNOWN,
};
use crate::condition::Gate;
use crate::dataset::renamed_apart;
use crate::detect::{Detector, Merging};
use crate::infer::convert;
use crate::progress::Progress;
use crate::train::{TrainError, joined_fingerprint};
use std::time::SystemTime;

/// Two detectors as one.
#[derive(Debug)]
#[non_exhaustive]
pub struct Merged {
    /// The bundle.
    pub contents: Contents,
    /// Rows of all memory banks: of the first, and of both.
    pub n_rows: Option<[usize; 2]>,
}

/// One bundle of two that were fitted with the same network, input and settings, such as those of two lines: rows, conditions (those of
/// one name are one), training images and held-out scores of both. The scores stay what they were, which errs on the side of fewer
/// alarms; those of the second count as added later ([`HeldOutScores`](crate::score::HeldOutScores)). With `cap` a coreset of so many rows is kept.
///
/// # Errors
/// [`TrainError::CannotGrow`] for a detector that takes nothing in, and [`DetectError::Setting`](crate::detect::DetectError::Setting)
/// where the two do not go together.
pub fn merge<'a>(
    first: Contents,
    mut second: Contents,
    cap: Option<usize>,
    on: impl Into<On<'a>>,
    (progress, at): (&dyn Progress, Option<SystemTime>),
) -> Result<Merged, LiveError> {
    let on = on.into();
    let before = first.manifest.clone();
    let other_sha256 = Some(second.manifest.header_sha256.clone());
    let inspector = on.open(first.clone())?;
    let detector = inspector.detector();
    let (conditions, condition_of) = conditions(&first, &second);
    let n_conditions = conditions.len();
    let mut changed = first;
    let grow = |contents: &Contents| contents.manifest.conditions.len() == 1 && n_conditions > 1;
    let views = Views::of(&changed, detector, n_conditions, grow(&changed))?;
    views.spread(&mut changed);
    let n_sources = before.sources.len();
    add_scores_of(&mut changed, &second, (n_sources, &condition_of));
    let n_rows_before = rows_of(detector);
    let second_section = second.take_section();
    let how = Merging { n_sources, condition_of: &condition_of, n_conditions, cap };
    let section = sections(detector, (&mut changed, &before.detector), second_section, (&views, &how, on))?;
    (changed.manifest.detector, changed.tensors) = (section.entry, section.tensors);
    if conditions.len() > before.conditions.len() {
        changed.manifest.gate = abstaining(progress);
        (changed.gate_points, changed.gate_conditions) = (vec![], vec![]);
    }
    let number = |condition: usize| condition_of[condition] as usize;
    let pooled = PooledImages::joined(changed.take_pooled(), second.take_pooled(), number);
    changed.set_pooled(pooled);
    let manifest = &mut changed.manifest;
    manifest.conditions = conditions;
    manifest.sources.extend(renamed_apart(&before.sources, &second.manifest.sources, "merged"));
    manifest.suspects = SuspectsEntry::joined(manifest.suspects.take(), second.manifest.suspects);
    manifest.light = LightEntry::joined(manifest.light.take(), second.manifest.light, number);
    manifest.pixel_threshold = match (before.pixel_threshold, second.manifest.pixel_threshold) {
        (Some(one), Some(other)) => Some(one.max(other)),
        (one, other) => one.or(other),
    };
    manifest.data_fingerprint = joined_fingerprint(&before.data_fingerprint, &second.manifest.data_fingerprint);
    redraw(&mut changed, before.calibration.alpha)?;
    changed.check_with(on.registry)?;
    let opened = on.open(changed.clone())?;
    let n_rows = n_rows_before.zip(rows_of(opened.detector())).map(|(old, new)| [old, new]);
    let n_added = second.manifest.sources.len();
    record(
        &mut changed.manifest,
        &before,
        Step { verb: "merge", n_added, other_sha256, n_rows, ..Step::default() },
        at,
    );
    changed.check_with(on.registry)?;
    Ok(Merged { contents: changed, n_rows })
}

/// The held-out scores of the second bundle, under the views of the first.
fn add_scores_of(changed: &mut Contents, second: &Contents, (n_sources, condition_of): (usize, &[u32])) {
    let scores_of_second: Vec<&[f32]> =
        changed.manifest.calibration.views.iter().map(|v| second.scores_named(v)).collect();
    let by_score: Vec<Vec<f32>> = (0..second.manifest.calibration.global.n)
        .map(|at| scores_of_second.iter().map(|scores| scores[at]).collect())
        .collect();
    let later = |source: u32| if source == UNKNOWN { UNKNOWN } else { source + n_sources as u32 };
    let sources = second.score_sources().unwrap_or_else(|| vec![UNKNOWN; by_score.len()]);
    let added: Vec<(&[f32], u32, u32)> = by_score
        .iter()
        .zip(&second.score_condition)
        .zip(&sources)
        .map(|((scores, condition), source)| (&**scores, condition_of[*condition as usize], later(*source)))
        .collect();
    entries::add_scores(changed, &added, true);
}

/// The conditions of both, and the number of each of the second among them. A bundle with a single condition on either side joins the
/// other's where both have one, whatever they are called.
fn conditions(first: &Contents, second: &Contents) -> (Vec<ConditionEntry>, Vec<u32>) {
    let mut all = first.manifest.conditions.clone();
    let both_single = all.len() == 1 && second.manifest.conditions.len() == 1;
    let mut number = |entry: &ConditionEntry| {
        let at = if both_single { Some(0) } else { all.iter().position(|own| own.name == entry.name) };
        match at {
            Some(at) => {
                all[at].n_images += entry.n_images;
                at as u32
            }
            None => {
                all.push(entry.clone());
                all.len() as u32 - 1
            }
        }
    };
    let condition_of = second.manifest.conditions.iter().map(&mut number).collect();
    (all, condition_of)
}

/// Neither gate knows the other's conditions.
fn abstaining(progress: &dyn Progress) -> GateEntry {
    progress.warn(
        "the bundles have different conditions, which neither gate tells from the other's: name the condition of each image, or images are compared with all conditions",
    );
    convert::gate_entry(&Gate::Abstain, &[])
}

/// The section of both.
fn sections(
    detector: &dyn Detector,
    (changed, entry): (&mut Contents, &SectionEntry),
    mut second: Section,
    (views, how, on): (&Views, &Merging<'_>, On<'_>),
) -> Result<Section, LiveError> {
    let cannot = |detector: &dyn Detector| TrainError::CannotGrow { what: format!("the detector {}", detector.kind()) };
    let same = || TrainError::CannotGrow { what: "a detector of other parts".to_owned() };
    if second.entry.kind != entry.kind || second.entry.parts.len() != entry.parts.len() {
        return Err(same().into());
    }
    if detector.parts().is_empty() {
        return Ok(on.registry.living(detector).ok_or_else(|| cannot(detector))?.merge(&second, how)?);
    }
    let mut parts = vec![];
    let all = rows_of(detector).unwrap_or(0).max(1);
    for (index, part) in detector.parts().iter().enumerate() {
        let own = Section { entry: second.entry.parts[index].clone(), tensors: second.tensors.take_part(index) };
        let share = rows_of(&**part).unwrap_or(0);
        let cap = how.cap.map(|cap| (cap * share / all).max(1));
        let how = Merging { cap, ..*how };
        parts.push(on.registry.living(&**part).ok_or_else(|| cannot(&**part))?.merge(&own, &how)?);
    }
    let mut section = detector.rejoined(&views.levels, &views.views)?.ok_or_else(same)?;
    drop(std::mem::take::<Tensors>(&mut changed.tensors));
    for (index, part) in parts.into_iter().enumerate() {
        section.entry.parts.push(part.entry);
        section.tensors.put_part(index, part.tensors);
    }
    Ok(section)
}
