//! The fit itself.

mod contents;
mod describe;
mod groups;
mod held_out;
mod look;
mod near_copies;
mod room;

use super::group::groups_by_rule;
use super::products::check_one_product;
use super::split::{Split, split};
use super::{FitPlan, PartPlan, TrainError};
use crate::bundle::Contents;
use crate::condition::{Chosen, ConditionError, ConditionRule, Examples, Gate, GateKind, Policy, choose, condition_of};
use crate::dataset::Sample;
use crate::detect::{Described, FeaturePipeline, Fit, PipelineSpec, Training, View, go_on};
use crate::flow::Flow;
use crate::model::OpenDevice;
use crate::progress::Progress;
use crate::score::Conformal;
use contents::Outcome;
use describe::{DescribedImages, Describing};
use groups::Groups;
use held_out::{HeldOut, calibrate, leave_each_out, one_per_group};
pub(crate) use look::digest;
use look::{Glance, Labels, all_named, label, look};
use room::Extent;

/// A training image that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its name in the listing.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// What a fit made.
#[derive(Debug)]
pub struct Fitted {
    /// The bundle.
    pub contents: Contents,
    /// Images left out because they could not be read.
    pub failures: Vec<Failure>,
    /// Names of the images that calibrate, in the order of [`Contents::scores`].
    pub calibrating: Vec<String>,
}

/// Fits a detector to normal images.
///
/// # Errors
/// [`TrainError`], for one where `progress` says that the work is to stop; images that can't be read are no error as long as enough are left, see [`Fitted::failures`].
pub fn fit(
    samples: &[Sample],
    plan: &FitPlan,
    device: &OpenDevice,
    progress: &dyn Progress,
) -> Result<Fitted, TrainError> {
    fit_on(samples, plan, &mut |spec| Ok(FeaturePipeline::open(spec, device)?), &Policy::ALL, progress)
}

/// Opens the pipeline of a part.
pub(crate) type OpenPipeline<'a> = &'a mut dyn FnMut(&PipelineSpec) -> Result<FeaturePipeline, TrainError>;

/// As [`fit`], on the pipelines that `open` gives, calibrated under these policies alone; [`Policy::Mixed`] must be one.
pub(crate) fn fit_on(
    samples: &[Sample],
    plan: &FitPlan,
    open: OpenPipeline<'_>,
    policies: &[Policy],
    progress: &dyn Progress,
) -> Result<Fitted, TrainError> {
    let [part] = &plan.parts[..] else { return Err(TrainError::NoParts) };
    check(samples, plan)?;
    let features = open(&part.pipeline)?;
    let mut flow = flow(plan, part, &features, samples.len())?;
    let (samples, mut glances, failures) = look(samples, plan, &mut flow, progress)?;
    let Labels { conditions, of_image: label, level } = label(&samples, &glances, &plan.conditions)?;
    let is_reference: Option<Vec<bool>> =
        plan.references.as_ref().map(|names| samples.iter().map(|s| names.contains(&s.name)).collect());
    let groups = Groups::of(plan, &samples, &mut glances, (&label, conditions.len()), progress)?;
    let split = split(&groups.units, conditions.len(), plan.holdout, plan.shots, is_reference.as_deref(), plan.seed);
    groups.warn(plan, &split, progress)?;
    let learning = Learning { samples: &samples, glances: &glances, label: &label, conditions: &conditions, split };
    let mut learned = learning.learn(plan, part, features, (level, &groups, &flow), progress)?;
    go_on(progress)?;
    // With one condition all policies are the same.
    let policies = if conditions.len() > 1 { policies } else { &[Policy::Mixed] };
    let views = default_first(learned.fit.detector().views(policies));
    let mut held = learning.hold_out(&mut learned, (&groups, &flow), &views, progress)?;
    if groups.are_used() {
        held = one_per_group(held, &groups.of_image, &groups.units.condition);
    }
    if plan.threshold.is_none() && held.is_empty() {
        return Err(TrainError::TooFew { n_images: samples.len() });
    }
    let calibrating = held.iter().map(|h| samples[h.image].name.clone()).collect();
    let outcome =
        Outcome { plan, learning: &learning, gate: &learned.gate, groups: &groups, views: &views, held: &held };
    let contents = outcome.contents(learned.fit.detector())?;
    Ok(Fitted { contents, failures, calibrating })
}

/// The images of a fit.
struct Learning<'a> {
    samples: &'a [&'a Sample],
    glances: &'a [Glance],
    /// The condition of each.
    label: &'a [usize],
    conditions: &'a [String],
    /// Those that are learned from, and those held out.
    split: Split,
}

/// What was learned.
struct Learned {
    fit: Box<dyn Fit>,
    /// Of the images learned from; kept as long as they are left out in turn.
    described: Option<Described>,
    gate: Chosen,
    dim: usize,
}

impl Learning<'_> {
    fn training<'a>(&'a self, described: &'a Described, groups: &'a Groups, seed: u64) -> Training<'a> {
        let (images, label, n_conditions) = (&*self.split.bank, self.label, self.conditions.len());
        Training { described, images, label, n_conditions, group_of: &groups.of_image, seed }
    }

    fn learn(
        &self,
        plan: &FitPlan,
        part: &PartPlan,
        features: FeaturePipeline,
        (level, groups, flow): (Option<Gate>, &Groups, &Flow),
        progress: &dyn Progress,
    ) -> Result<Learned, TrainError> {
        let pools =
            self.conditions.len() > 1 && (level.is_none() || !matches!(plan.gate, GateKind::Auto | GateKind::P90));
        let (samples, glances, images) = (self.samples, self.glances, &*self.split.bank);
        let (method, n_conditions) = (&*part.method, self.conditions.len());
        let describing = Describing { features: &features, method, samples, glances, images, n_conditions, pools };
        let DescribedImages { described, pooled } = describing.run(plan, flow, progress)?;
        go_on(progress)?;
        let gate = self.gate(&pooled, level, plan.gate)?;
        let fit = part.method.fit(features, &self.training(&described, groups, plan.seed), progress)?;
        let dim = crate::bank::RowSource::dim(&described);
        Ok(Learned { fit, described: Some(described), gate, dim })
    }

    /// Learns from these images alone: the held-out ones must pass the gate as new images do.
    fn gate(&self, pooled: &[Vec<f32>], level: Option<Gate>, kind: GateKind) -> Result<Chosen, TrainError> {
        let taught = if pooled.is_empty() { &[][..] } else { &self.split.bank };
        let intensity = |i: &usize| self.glances[*i].intensity.as_ref().map(<[f32; 8]>::as_slice);
        let examples = Examples {
            intensity: taught.iter().filter_map(intensity).collect(),
            pooled: pooled.iter().map(Vec::as_slice).collect(),
            conditions: taught.iter().map(|i| self.label[*i] as u32).collect(),
        };
        Ok(choose(kind, level, &examples, self.conditions.len())?)
    }

    /// The scores of images that the detector does not know, or acts as if it did not.
    fn hold_out(
        &self,
        learned: &mut Learned,
        (groups, flow): (&Groups, &Flow),
        views: &[View],
        progress: &dyn Progress,
    ) -> Result<Vec<HeldOut>, TrainError> {
        let described = learned.described.take();
        match described {
            Some(described) if self.split.held_out.is_empty() => {
                leave_each_out(&*learned.fit, &self.training(&described, groups, 0), views, progress)
            }
            described => {
                drop(described);
                let seen = (self.samples, self.glances);
                let held_out = (&*self.split.held_out, self.label);
                let gate = (&learned.gate.gate, learned.dim, views);
                calibrate(learned.fit.detector(), flow, seen, held_out, gate, progress)
            }
        }
    }
}

/// How images are read: so few at a time that the fit fits beside what the network then holds. Where it can't, that is said
/// with all numbers once the images are known.
fn flow(plan: &FitPlan, part: &PartPlan, features: &FeaturePipeline, n_images: usize) -> Result<Flow, TrainError> {
    // As if of one condition: how many there are is not known yet.
    let least = |patches| Extent::new(&*part.method, n_images, patches, 1).least_bytes();
    Ok(features.flow(&plan.pace(), features.patches()?.map_or(0, least))?)
}

/// The views that are calibrated, the plain one of the default policy first.
fn default_first(mut views: Vec<View>) -> Vec<View> {
    if let Some(at) = views.iter().position(|view| *view == View::plain(Policy::default())) {
        views[..=at].rotate_right(1);
    }
    views
}

/// Refuses what can be told before any image is read.
fn check(samples: &[Sample], plan: &FitPlan) -> Result<(), TrainError> {
    if plan.shots == Some(0) {
        return Err(TrainError::NoShots);
    }
    if plan.conditions == ConditionRule::None {
        check_one_product(samples)?;
    }
    // A wrong rate is refused before the work, not after.
    Conformal::of(&[], plan.alpha)?;
    check_names(samples, plan)
}

/// Refuses what names alone tell before any image is read: tables and patterns that leave images out.
fn check_names(samples: &[Sample], plan: &FitPlan) -> Result<(), TrainError> {
    let samples: Vec<&Sample> = samples.iter().collect();
    if !matches!(plan.conditions, ConditionRule::P90 { .. }) {
        let names = all_named(condition_of(&plan.conditions, &samples, None)?, &samples)?;
        if plan.gate == GateKind::P90 && names.iter().any(|name| *name != names[0]) {
            return Err(ConditionError::NoLevel.into());
        }
    }
    groups_by_rule(&plan.group, &samples).map(|_| ())
}

#[cfg(test)]
mod tests;
