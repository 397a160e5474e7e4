//! The fit itself.

mod candidates;
mod groups;
mod held_out;
mod index;
mod look;
mod near_copies;
mod room;
mod scratch;

use super::group::groups_by_rule;
use super::split::{Split, split};
use super::{FitPlan, TrainError};
use crate::bank::{
    BankError, BankRow, Coreset, CoresetSize, IndexKind, LocalDensity, MemoryBank, RowSource, select_from,
};
use crate::bundle::{
    CalibrationEntry, ConditionEntry, ConformalEntry, Contents, CoresetEntry, FORMAT_VERSION, Manifest,
};
use crate::condition::{Chosen, ConditionError, ConditionRule, Examples, Gate, GateKind, Policy, choose, condition_of};
use crate::dataset::Sample;
use crate::detect::patchcore::{self, PatchCore};
use crate::detect::{DetectError, Detector, FeaturePipeline, View};
use crate::flow::Flow;
use crate::infer::convert;
use crate::model::OpenDevice;
use crate::progress::Progress;
use crate::score::Conformal;
use candidates::Candidates;
use groups::Groups;
use held_out::{calibrate, leave_each_out, one_per_group};
pub(crate) use look::digest;
use look::{Glance, Labels, all_named, fingerprint, label, look};
use rayon::prelude::*;
use room::Extent;
use std::collections::BTreeMap;
use std::ops::Range;

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
    /// Names of the images that calibrate, in the order of [`Contents::calibration_scores`].
    pub calibrating: Vec<String>,
}

/// Fits a memory bank to normal images.
///
/// # Errors
/// [`TrainError`], for one where `progress` says that the work is to stop; images that can't be read are no error as long as enough are left, see [`Fitted::failures`].
pub fn fit(
    samples: &[Sample],
    plan: &FitPlan,
    device: &OpenDevice,
    progress: &dyn Progress,
) -> Result<Fitted, TrainError> {
    fit_on(samples, plan, || Ok(FeaturePipeline::open(&plan.pipeline, device)?), &Policy::ALL, progress)
}

/// As [`fit`], on the pipeline that `open` gives, calibrated under these policies alone; [`Policy::Mixed`] must be one.
pub(crate) fn fit_on(
    samples: &[Sample],
    plan: &FitPlan,
    open: impl FnOnce() -> Result<FeaturePipeline, TrainError>,
    policies: &[Policy],
    progress: &dyn Progress,
) -> Result<Fitted, TrainError> {
    if plan.shots == Some(0) {
        return Err(TrainError::NoShots);
    }
    // A wrong rate is refused before the work, not after.
    Conformal::of(&[], plan.alpha)?;
    check_names(samples, plan)?;
    let pipeline = open()?;
    let mut flow = flow(plan, &pipeline, samples.len())?;
    let (samples, mut glances, failures) = look(samples, plan, &mut flow, progress)?;
    let Labels { conditions, of_image: label, level } = label(&samples, &glances, &plan.conditions)?;
    let is_reference: Option<Vec<bool>> =
        plan.references.as_ref().map(|names| samples.iter().map(|s| names.contains(&s.name)).collect());
    let groups = Groups::of(plan, &samples, &mut glances, (&label, conditions.len()), progress)?;
    let split = split(&groups.units, conditions.len(), plan.holdout, plan.shots, is_reference.as_deref(), plan.seed);
    groups.warn(plan, &split, progress)?;
    let Split { bank: bank_images, held_out } = split;

    let candidates = Candidates::describe(&pipeline, (&samples, &glances), &bank_images, (plan, &flow), progress)?;
    let (dim, grid) = (candidates.dim(), candidates.grid());
    let n_patches = grid.n_patches();
    go_on(progress)?;
    let gate = gate(&candidates, &glances, &bank_images, (&label, conditions.len()), level, plan.gate)?;
    let Coreset { indices, n_candidates, covering_radius, .. } =
        pick(&candidates, &bank_images, &label, conditions.len(), plan, progress)?;
    let indices: Vec<usize> = indices.into_iter().map(|i| i as usize).collect();
    let origins: Vec<BankRow> = indices
        .iter()
        .map(|candidate| {
            let image = bank_images[candidate / n_patches];
            BankRow { condition: label[image] as u32, source: image as u32, position: (candidate % n_patches) as u32 }
        })
        .collect();
    let mut bank = MemoryBank::new(candidates.gather(&indices)?, dim, origins, patchcore::metric(plan.metric))?;

    go_on(progress)?;
    // With one condition all policies are the same.
    let policies = if conditions.len() > 1 { policies } else { &[Policy::Mixed] };
    let views = views(policies);
    let n_plain = policies.len();
    let density = LocalDensity::measure(&bank)?;
    let indexed = match plan.index {
        IndexKind::Exact => None,
        IndexKind::InvertedFile => {
            Some(index::build(&mut bank, &candidates, (&bank_images, &groups.of_image), progress)?)
        }
    };
    let detector = PatchCore::new(pipeline, bank, plan.scoring, conditions.len(), Some(density));
    go_on(progress)?;
    let leave_one_out = held_out.is_empty();
    let mut held = if leave_one_out {
        let images = (&*bank_images, &*label, &*groups.of_image);
        leave_each_out(&detector, &candidates, images, &views, progress)?
    } else {
        drop(candidates);
        calibrate(&detector, &flow, (&samples, &glances), (&held_out, &label), (&gate.gate, dim, &views), progress)?
    };
    if groups.are_used() {
        held = one_per_group(held, &groups.of_image, &groups.units.condition);
    }
    if plan.threshold.is_none() && held.is_empty() {
        return Err(TrainError::TooFew { n_images: samples.len() });
    }
    let under = |views: Range<usize>| views.flat_map(|view| held.iter().map(move |h| h.raw_scores[view])).collect();
    let (scores, other_scores): (Vec<f32>, Vec<f32>) = (under(0..1), under(1..n_plain));
    let density_scores = under(n_plain..views.len());
    let maxima: Vec<f32> = held.iter().map(|h| h.map_maximum).collect();
    let entry_of = |scores: &[f32]| -> Result<ConformalEntry, TrainError> {
        let mut found = Conformal::of(scores, plan.alpha)?;
        found.threshold = plan.threshold.or(found.threshold);
        Ok(convert::conformal_entry(&found))
    };
    let mut per_condition = BTreeMap::new();
    for (index, name) in conditions.iter().enumerate() {
        let own: Vec<f32> = held.iter().zip(&scores).filter(|(h, _)| h.condition == index).map(|(_, s)| *s).collect();
        if own.len() >= convert::OWN_CALIBRATION_FROM {
            per_condition.insert(name.clone(), entry_of(&own)?);
        }
    }
    let method = match plan.threshold {
        Some(_) => convert::CONSTANT,
        None if leave_one_out => "leave-one-out",
        None => "split-conformal",
    };
    let condition_entries = conditions
        .iter()
        .enumerate()
        .map(|(index, name)| ConditionEntry {
            name: name.clone(),
            n_images: bank_images.iter().filter(|i| label[**i] == index).count(),
            n_rows: detector.bank().origins().iter().filter(|o| o.condition as usize == index).count(),
        })
        .collect();
    let (features, bank) = (detector.features(), detector.bank());
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        pcore_version: env!("CARGO_PKG_VERSION").to_owned(),
        profile: "pcore".to_owned(),
        domain: plan.domain.clone(),
        backbone: convert::backbone_entry(features.backbone()),
        preprocessing: convert::preprocessing_entry(features.preprocessing()),
        descriptor: patchcore::descriptor_entry(features.descriptor(), dim, grid),
        metric: plan.metric,
        coreset: CoresetEntry {
            ratio: match plan.coreset {
                CoresetSize::Ratio(ratio) => Some(ratio),
                CoresetSize::Count(_) => None,
            },
            n_picked: bank.n_rows(),
            n_candidates: Some(n_candidates),
            projection: Some(plan.coreset_space.to_string()),
            seed: plan.seed,
            covering_radius: Some(covering_radius),
        },
        index: indexed.as_ref().map(|(entry, _)| entry.clone()),
        score: patchcore::score_entry(&plan.scoring),
        conditions: condition_entries,
        condition_rule: rule_name(&plan.conditions),
        gate: convert::gate_entry(&gate.gate, &gate.confusion),
        calibration: CalibrationEntry {
            method: method.to_owned(),
            alpha: plan.alpha,
            policy: views[0].policy.to_string(),
            other_policies: views[1..n_plain].iter().map(|view| view.policy.to_string()).collect(),
            density: Some(patchcore::density_entry(policies)),
            groups: groups.entry(),
            global: entry_of(&scores)?,
            per_condition,
        },
        pixel_threshold: Conformal::of(&maxima, plan.alpha)?.threshold,
        seed: plan.seed,
        data_fingerprint: fingerprint(&samples, &glances),
        sources: samples.iter().map(|s| s.name.clone()).collect(),
        imported: None,
        // Filled in by the writer.
        header_sha256: String::new(),
        tensors_sha256: String::new(),
    };
    let (gate_points, gate_conditions) = convert::gate_tensors(&gate.gate);
    let contents = Contents {
        manifest,
        bank_rows: bank.rows().to_vec(),
        row_condition: bank.origins().iter().map(|o| o.condition).collect(),
        row_source: bank.origins().iter().map(|o| o.source).collect(),
        row_position: bank.origins().iter().map(|o| o.position).collect(),
        calibration_scores: scores,
        calibration_condition: held.iter().map(|h| h.condition as u32).collect(),
        other_scores,
        gate_points,
        gate_conditions,
        row_scale: detector.row_scales().to_vec(),
        density_scores,
        row_list: indexed.map(|(_, row_list)| row_list).unwrap_or_default(),
    };
    contents.check()?;
    let calibrating = held.iter().map(|h| samples[h.image].name.clone()).collect();
    Ok(Fitted { contents, failures, calibrating })
}

/// How images are read: so few at a time that choosing the bank fits beside what the network then holds. Where it can't, that
/// is said with all numbers once the images are known.
fn flow(plan: &FitPlan, pipeline: &FeaturePipeline, n_images: usize) -> Result<Flow, TrainError> {
    let least =
        pipeline.patches()?.map_or(0, |(n_patches, dim)| Extent::of(plan, n_images, n_patches, dim).least_bytes());
    Ok(pipeline.flow(&plan.pace(), least)?)
}

/// The views that are calibrated: the plain one of the default policy, which comes first, those of the others, and all by
/// local density.
fn views(policies: &[Policy]) -> Vec<View> {
    let default = policies.iter().copied().find(|p| *p == Policy::default()).or_else(|| policies.first().copied());
    let others = policies.iter().copied().filter(|policy| Some(*policy) != default);
    let plain = default.into_iter().chain(others).map(View::plain);
    plain.chain(policies.iter().copied().map(View::by_density)).collect()
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

/// An error where the work is to stop.
fn go_on(progress: &dyn Progress) -> Result<(), TrainError> {
    if progress.is_cancelled() { Err(DetectError::Cancelled.into()) } else { Ok(()) }
}

/// Learns from the bank's images alone: the held-out ones must pass the gate as new images do.
fn gate(
    candidates: &Candidates,
    glances: &[Glance],
    bank_images: &[usize],
    (label, n_conditions): (&[usize], usize),
    level: Option<Gate>,
    kind: GateKind,
) -> Result<Chosen, TrainError> {
    let learns = n_conditions > 1 && (level.is_none() || !matches!(kind, GateKind::Auto | GateKind::P90));
    let taught = if learns { bank_images } else { &[] };
    let pooled: Vec<Vec<f32>> = (0..taught.len())
        .into_par_iter()
        .map(|index| Ok(Gate::pooled(&candidates.image(index)?, candidates.dim())))
        .collect::<Result<_, BankError>>()?;
    let examples = Examples {
        intensity: taught.iter().filter_map(|i| glances[*i].intensity.as_ref().map(<[f32; 8]>::as_slice)).collect(),
        pooled: pooled.iter().map(Vec::as_slice).collect(),
        conditions: taught.iter().map(|i| label[*i] as u32).collect(),
    };
    Ok(choose(kind, level, &examples, n_conditions)?)
}

/// Picks one coreset for all conditions: greedy k-center gives each as many rows as its variety needs, so that a distance
/// means the same in all of them. A condition that the others cover keeps at least one row of its own.
fn pick(
    candidates: &Candidates,
    bank_images: &[usize],
    label: &[usize],
    n_conditions: usize,
    plan: &FitPlan,
    progress: &dyn Progress,
) -> Result<Coreset, TrainError> {
    let (n_rows, n_patches) = (candidates.n_rows(), candidates.grid().n_patches());
    progress.begin("coreset", plan.coreset.of(n_rows));
    let (size, space, sample) = (plan.coreset, plan.coreset_space, plan.coreset_sample);
    let mut found = select_from(candidates, size, space, sample, plan.seed, &mut |n| progress.advance(n))?;
    progress.end();
    if found.stopped_early {
        progress.note(&format!("coreset: only {} different patches, all of them are kept", found.indices.len()));
    }
    let condition_of = |index: u32| label[bank_images[index as usize / n_patches]];
    for condition in 0..n_conditions {
        if !found.indices.iter().any(|i| condition_of(*i) == condition) {
            found.indices.extend((0..n_rows as u32).find(|i| condition_of(*i) == condition));
        }
    }
    Ok(found)
}

/// A table is named by its file alone: the same data fitted from another folder must give the same bundle.
fn rule_name(rule: &ConditionRule) -> String {
    match rule {
        ConditionRule::Table(path) => path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
        ConditionRule::None | ConditionRule::P90 { .. } | ConditionRule::Index { .. } | ConditionRule::Folder => {
            rule.to_string()
        }
    }
}

#[cfg(test)]
mod tests;
