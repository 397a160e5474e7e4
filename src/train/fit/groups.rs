//! Which images of a fit belong together.

use super::look::Glance;
use crate::bundle::GroupsEntry;
use crate::dataset::Sample;
use crate::progress::Progress;
use crate::score::{Conformal, ScoreError};
use crate::train::group::{FOUND, grouped};
use crate::train::split::{Split, Units};
use crate::train::{FitPlan, TrainError};

/// The images of a fit by group.
#[derive(Clone)]
pub(super) struct Groups {
    /// The group of each image.
    pub(super) of_image: Vec<usize>,
    /// The images of each group, and the condition it counts to.
    pub(super) units: Units,
    /// What told them; `None` where each image is on its own.
    rule: Option<String>,
}

impl Groups {
    /// Groups by the plan's rule. `label`: the condition of each image.
    ///
    /// # Errors
    /// As [`grouped`]; [`TrainError::OneGroup`] where all images are of one group and that shall calibrate.
    pub(super) fn of(
        plan: &FitPlan,
        samples: &[&Sample],
        glances: &mut [Glance<'_>],
        (label, n_conditions): (&[usize], usize),
        progress: &dyn Progress,
    ) -> Result<Self, TrainError> {
        let n = samples.len();
        let single = || Self { of_image: (0..n).collect(), units: Units::single(label), rule: None };
        // Needed once more where it is fitted again.
        let taken = |glance: &mut Glance<'_>| {
            if plan.drop_suspects { glance.thumbnail.clone() } else { glance.thumbnail.take() }
        };
        let thumbnails: Vec<_> = glances.iter_mut().map(taken).collect();
        let digests: Vec<[u8; 32]> = glances.iter().map(|glance| glance.digest).collect();
        let Some((of_image, rule)) = grouped(&plan.group, samples, &digests, &thumbnails)? else { return Ok(single()) };
        let units = Units::of(&of_image, label, n_conditions);
        if units.members.len() >= 2 || n < 2 {
            return Ok(Self { of_image, units, rule: Some(rule) });
        }
        if rule != FOUND {
            if plan.threshold.is_none() {
                return Err(TrainError::OneGroup { rule, n_images: n });
            }
            return Ok(Self { of_image, units, rule: Some(rule) });
        }
        if plan.threshold.is_none() {
            progress.warn(&format!(
                "all {n} images are copies of one: the threshold says nothing of any other part; add images of other parts"
            ));
        }
        Ok(single())
    }

    /// Whether some images belong together.
    pub(super) fn are_used(&self) -> bool {
        self.rule.is_some()
    }

    /// What the bundle keeps of them.
    pub(super) fn entry(&self) -> Option<GroupsEntry> {
        let rule = self.rule.clone()?;
        Some(GroupsEntry { rule, n_groups: self.units.members.len(), n_images: self.of_image.len() })
    }

    /// Tells that near-copies were found, and what that leaves of the promise.
    pub(super) fn warn(&self, plan: &FitPlan, split: &Split, progress: &dyn Progress) -> Result<(), ScoreError> {
        if self.rule.as_deref() != Some(FOUND) || plan.threshold.is_some() {
            return Ok(());
        }
        let calibrating = if split.held_out.is_empty() { &split.bank } else { &split.held_out };
        let mut groups: Vec<usize> = calibrating.iter().map(|image| self.of_image[*image]).collect();
        groups.sort_unstable();
        groups.dedup();
        let n = groups.len();
        let promised = Conformal::of(&vec![0.0; n], plan.alpha)?.promised_alpha();
        progress.warn(&format!(
            "{} images are about {} parts (near-copies of each other): the threshold comes from {n} parts, at most {} % false alarms; `FitPlan::group` says which images belong together, `GroupRule::Single` keeps each image on its own",
            self.of_image.len(),
            self.units.members.len(),
            format!("{:.2}", promised * 100.0).trim_end_matches('0').trim_end_matches('.')
        ));
        Ok(())
    }
}
