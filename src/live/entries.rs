//! Held-out scores of a bundle, kept, added to and drawn thresholds from.

use super::LiveError;
use crate::bundle::{Contents, Manifest, UNKNOWN};
use crate::detect::DetectError;
use crate::infer::convert::conformal_entry;
use crate::score::{CutRule, HeldOutScores, OWN_CALIBRATION_FROM};
use std::collections::BTreeMap;

/// Refuses names of conditions that the bundle has not. Where there is only one, names say nothing.
pub(super) fn check_known(manifest: &Manifest, names: &[Option<String>]) -> Result<(), DetectError> {
    if manifest.conditions.len() < 2 {
        return Ok(());
    }
    let is_unknown = |name: &&String| manifest.conditions.iter().all(|condition| condition.name != **name);
    let known = || manifest.conditions.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
    match names.iter().flatten().find(is_unknown) {
        Some(name) => Err(DetectError::UnknownCondition { name: name.clone(), known: known() }),
        None => Ok(()),
    }
}

/// Keeps these held-out scores alone, given by their ascending indices.
pub(super) fn keep_scores(contents: &mut Contents, kept: &[usize]) {
    let n = contents.manifest.calibration.global.n;
    let first_added = n - contents.manifest.calibration.n_added.unwrap_or(0);
    let n_added = kept.iter().filter(|at| **at >= first_added).count();
    let sources = contents.score_sources();
    let calibration = &mut contents.manifest.calibration;
    let n_views = calibration.views.len();
    let under = |view: usize| kept.iter().map(move |at| view * n + at);
    contents.scores = (0..n_views).flat_map(under).map(|at| contents.scores[at]).collect();
    contents.score_condition = kept.iter().map(|at| contents.score_condition[*at]).collect();
    calibration.sources = Some(match sources {
        Some(sources) => kept.iter().map(|at| sources[*at]).collect(),
        None => vec![UNKNOWN; kept.len()],
    });
    calibration.n_added = (n_added > 0).then_some(n_added);
    calibration.global.n = kept.len();
}

/// Adds held-out scores: of each its scores under every view, its condition and its source. `is_later`: they were made after
/// the fit, see [`HeldOutScores`].
pub(super) fn add_scores(contents: &mut Contents, added: &[(&[f32], u32, u32)], is_later: bool) {
    let old = contents.manifest.calibration.global.n;
    let sources = contents.score_sources().unwrap_or_else(|| vec![UNKNOWN; old]);
    let calibration = &mut contents.manifest.calibration;
    let n_views = calibration.views.len();
    let under = |view: usize| {
        let before = contents.scores[view * old..(view + 1) * old].iter().copied();
        before.chain(added.iter().map(move |(scores, ..)| scores[view])).collect::<Vec<_>>()
    };
    contents.scores = (0..n_views).flat_map(under).collect();
    contents.score_condition.extend(added.iter().map(|(_, condition, _)| *condition));
    calibration.sources = Some(sources.into_iter().chain(added.iter().map(|(_, _, source)| *source)).collect());
    calibration.global.n = old + added.len();
    let n_added = calibration.n_added.unwrap_or(0) + added.len();
    calibration.n_added = if is_later { Some(n_added) } else { None };
}

/// Thresholds for this rate by the held-out scores there are, or by the rule that the bundle keeps to.
pub(super) fn set_thresholds(contents: &mut Contents, alpha: f64) -> Result<(), LiveError> {
    let n = contents.manifest.calibration.global.n;
    let first_added = n - contents.manifest.calibration.n_added.unwrap_or(0);
    let scores = contents.scores_under(0);
    let rule: Option<CutRule> = contents.manifest.calibration.method.parse().ok();
    let entry_of = |at: &[usize]| -> Result<_, LiveError> {
        let own: Vec<f32> = at.iter().map(|at| scores[*at]).collect();
        let n_added = at.iter().filter(|at| **at >= first_added).count();
        let held = HeldOutScores::new(&own, n_added);
        let mut found = held.conformal(alpha)?;
        if let Some(rule) = rule {
            found.threshold = rule.threshold(&held, &found);
        }
        Ok(conformal_entry(&found))
    };
    let global = entry_of(&(0..n).collect::<Vec<_>>())?;
    let mut per_condition = BTreeMap::new();
    for (index, condition) in contents.manifest.conditions.iter().enumerate() {
        let own: Vec<usize> = (0..n).filter(|at| contents.score_condition[*at] as usize == index).collect();
        if own.len() >= OWN_CALIBRATION_FROM {
            per_condition.insert(condition.name.clone(), entry_of(&own)?);
        }
    }
    let n_sources = contents.manifest.sources.len();
    let calibration = &mut contents.manifest.calibration;
    (calibration.global, calibration.per_condition) = (global, per_condition);
    calibration.chosen = None;
    // One score of each source in their order goes without saying.
    if calibration.sources.as_ref().is_some_and(|sources| sources.iter().copied().eq(0..n_sources as u32)) {
        calibration.sources = None;
    }
    Ok(())
}
