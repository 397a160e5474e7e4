//! One fit of the images that are left.

use super::contents::Outcome;
use super::cross_fit::{Afresh, cross_fit};
use super::groups::Groups;
use super::learn::{Learned, Learning};
use super::look::{Glance, Labels, label};
use super::suspects::{FittedSuspect, Suspect};
use crate::bundle::{Contents, SuspectEntry, SuspectsEntry};
use crate::condition::Policy;
use crate::dataset::Sample;
use crate::detect::FeaturePipeline;
use crate::flow::Flow;
use crate::image::Roi;
use crate::progress::Progress;
use crate::score::{Conformal, ScoreError};
use crate::train::split::split;
use crate::train::{FitPlan, Holdout, TrainError};
use std::sync::Arc;

/// Suspects that a message names.
const MOST_NAMED: usize = 3;

/// What one fit of these images made.
pub(super) struct Round {
    pub(super) contents: Contents,
    /// Names of the images that calibrate.
    pub(super) calibrating: Vec<String>,
    pub(super) suspects: Vec<Suspect>,
    /// The threshold that the others alone would set, where there is one threshold.
    without: Option<f32>,
}

impl Round {
    /// Fits. `dropped`: the images that were left out before.
    pub(super) fn fit(
        (plan, roi): (&FitPlan, &Option<Arc<Roi>>),
        (samples, glances): (&[&Sample], &mut [Glance<'_>]),
        (pipelines, flows, afresh): (Vec<FeaturePipeline>, Vec<Flow>, Afresh<'_>),
        (policies, screens, dropped): (&[Policy], bool, &[FittedSuspect]),
        progress: &dyn Progress,
    ) -> Result<Self, TrainError> {
        let Labels { conditions, of_image: label, level } = label(samples, glances, &plan.conditions)?;
        let is_reference: Option<Vec<bool>> =
            plan.references.as_ref().map(|names| samples.iter().map(|s| names.contains(&s.name)).collect());
        let groups = Groups::of(plan, samples, glances, (&label, conditions.len()), progress)?;
        let (units, seed) = (&groups.units, plan.seed);
        let split = split(units, conditions.len(), plan.holdout, plan.shots, is_reference.as_deref(), seed);
        groups.warn(plan, &split, progress)?;
        // With one condition all policies are the same.
        let policies = if conditions.len() > 1 { policies } else { &[Policy::Mixed] };
        let size_px: Vec<(usize, usize)> = glances.iter().map(|glance| glance.size_px).collect();
        let (label, conditions) = (&*label, &*conditions);
        let roi = roi.clone();
        let n_before = 0;
        let learning =
            Learning { plan, samples, glances, roi, size_px, label, n_before, conditions, groups, split, screens };
        let mut learned = learning.learn(pipelines, flows.clone(), (level, policies), progress)?;
        if let Holdout::Folds(n_folds) = plan.holdout {
            learned.held = cross_fit(&learning, &learned, (n_folds, afresh), &flows, progress)?;
        }
        let Learned { detector, gate, views, held, suspects, pooled } = learned;
        if plan.threshold.is_none() && held.is_empty() {
            return Err(TrainError::TooFew { n_images: samples.len() });
        }
        let calibrating = held.iter().map(|h| samples[h.image].name.clone()).collect();
        let kept: Vec<SuspectEntry> = suspects.iter().map(|suspect| suspect.entry(samples)).collect();
        let dropped = dropped.iter().map(|suspect| suspect.entry.clone()).collect();
        let entry = SuspectsEntry { kept, dropped };
        let entry = (!entry.kept.is_empty() || !entry.dropped.is_empty()).then_some(entry);
        let outcome = Outcome { learning: &learning, gate: &gate, views: &views, held: &held, suspects: entry };
        let contents = outcome.contents(&*detector, pooled)?;
        let is_other = |image: usize| suspects.iter().all(|suspect| suspect.image != image);
        let others: Vec<f32> = held.iter().filter(|h| is_other(h.image)).map(|h| h.raw_scores[0]).collect();
        let without = without(plan, &others, conditions.len())?;
        Ok(Self { contents, calibrating, suspects, without })
    }

    /// Names the suspects that stay, and what they may do.
    pub(super) fn warn(&self, progress: &dyn Progress) {
        let manifest = &self.contents.manifest;
        let Some(SuspectsEntry { kept, .. }) = manifest.suspects.as_ref().filter(|s| !s.kept.is_empty()) else {
            return;
        };
        let threshold = match (manifest.calibration.global.threshold, self.without) {
            (Some(with), Some(without)) if with > without => {
                format!(", and the threshold is {with:.4} in place of {without:.4} without them")
            }
            _ => ", and they may raise the threshold".to_owned(),
        };
        progress.warn(&format!(
            "{} of {} training images {} far above the others ({}): where defective, defects alike are missed{threshold}; look, and take away what does not belong here, or use `FitPlan::drop_suspects`",
            kept.len(),
            manifest.sources.len(),
            verb(kept.len()),
            named(kept.iter())
        ));
    }
}

/// What so many images do.
pub(super) fn verb(n: usize) -> &'static str {
    if n == 1 { "scores" } else { "score" }
}

/// The first few names.
pub(super) fn named<'a>(suspects: impl ExactSizeIterator<Item = &'a SuspectEntry>) -> String {
    let n = suspects.len();
    let names: Vec<&str> = suspects.take(MOST_NAMED).map(|suspect| suspect.name.as_str()).collect();
    match n.saturating_sub(MOST_NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

fn without(plan: &FitPlan, others: &[f32], n_conditions: usize) -> Result<Option<f32>, ScoreError> {
    if plan.threshold.is_some() || n_conditions > 1 {
        return Ok(None);
    }
    Ok(Conformal::of(others, plan.alpha)?.threshold)
}
