//! Conditions that are added to a bundle, each from its own normal images alone.

use super::fit::joined_fingerprint;
use super::{FitPlan, Fitted, PartPlan, TileRule, TrainError, fit};
use crate::bundle::{
    CalibrationEntry, Contents, GroupsEntry, LightEntry, Manifest, PooledImages, RoiEntry, Section, SuspectsEntry,
    UNKNOWN,
};
use crate::condition::{ConditionRule, Gate, Policy, condition_of, intensity_statistics};
use crate::dataset::Sample;
use crate::detect::{DetectError, FeaturePipeline, View, go_on, open_features, pipeline_spec};
use crate::flow::{Decoded, Origin, Pace, in_batches};
use crate::image::{Image, RoiArea, RoiShape};
use crate::infer::convert;
use crate::model::OpenDevice;
use crate::progress::Progress;
use crate::score::Conformal;
use std::sync::Arc;

/// Adds the conditions of these images to a bundle. Distributions, scores and thresholds of the conditions that it has stay
/// what they are, to the bit; what is said of images of no known condition follows from all of them.
///
/// Of `plan` count the conditions, groups, what is held out and how fast it goes; the rest is the bundle's.
///
/// # Errors
/// [`TrainError::CannotGrow`] for a detector or a gate that has to be fitted again, [`TrainError::KnownCondition`] for one that is
/// there already, and those of [`fit()`].
pub fn add_to(
    base: &Contents,
    samples: &[Sample],
    plan: &FitPlan,
    device: &OpenDevice,
    progress: &dyn Progress,
) -> Result<Fitted, TrainError> {
    let kind = base.manifest.detector.kind.clone();
    let growth = plan.registry.growth(&base.manifest.detector);
    let growth = growth.ok_or_else(|| TrainError::CannotGrow { what: format!("the detector {kind}") })?;
    let Some(features) = base.manifest.detector.lead() else {
        return Err(TrainError::CannotGrow { what: format!("the detector {kind}") });
    };
    let options = (growth.options)(&base.manifest.detector)?;
    let part = PartPlan { pipeline: pipeline_spec(features)?, method: plan.registry.method(&kind, &options)? };
    let calibration = &base.manifest.calibration;
    let roi = base.manifest.roi.as_ref().map(RoiEntry::roi).unwrap_or_default();
    let shapes = |areas: Vec<RoiArea>| areas.into_iter().map(RoiShape::Area).collect();
    let plan = FitPlan {
        roi: shapes(roi.inside.clone()),
        ignore: shapes(roi.ignored.clone()),
        rotate: base.manifest.rotate.unwrap_or(1),
        tiles: part.pipeline.preprocessing.tiles.map_or(TileRule::Whole, TileRule::Of),
        parts: vec![part],
        seed: base.manifest.seed,
        alpha: calibration.alpha,
        ..plan.clone()
    };
    // What can't be joined is found before the work: other weights, a gate, a name.
    let mut pipeline = open_features(features, device)?;
    pipeline.set_roi(base.manifest.roi.is_some().then(|| Arc::new(roi)));
    let before = growing_gate(base)?;
    check_names(base, samples, &plan)?;
    let mut fitted = fit(samples, &plan, device, progress)?;
    if let (ConditionRule::None, Some(name)) = (&plan.conditions, &plan.domain) {
        name_only(&mut fitted.contents, name);
    }
    let examples = examples(base.manifest.conditions.len(), &fitted.contents.manifest, samples, &plan.conditions)?;
    let gate = grown_gate(before, &examples, &pipeline, &plan.pace(), progress)?;
    let Fitted { contents, failures, calibrating, suspects } = fitted;
    let joined = join(base.clone(), contents, &gate, growth.join)?;
    joined.check_with(&plan.registry)?;
    Ok(Fitted { contents: joined, failures, calibrating, suspects })
}

/// Gives the one condition of a bundle a name.
fn name_only(contents: &mut Contents, name: &str) {
    contents.manifest.conditions.iter_mut().for_each(|condition| condition.name = name.to_owned());
    let entries = std::mem::take(&mut contents.manifest.calibration.per_condition);
    contents.manifest.calibration.per_condition = entries.into_values().map(|entry| (name.to_owned(), entry)).collect();
}

/// Refuses names that the bundle has already, and images without any.
fn check_names(base: &Contents, samples: &[Sample], plan: &FitPlan) -> Result<(), TrainError> {
    let names = match &plan.conditions {
        ConditionRule::P90 { .. } => {
            return Err(TrainError::CannotGrow { what: "a rule by two levels of brightness".to_owned() });
        }
        ConditionRule::None => vec![Some(plan.domain.clone().ok_or(TrainError::Unnamed)?)],
        rule => condition_of(rule, &samples.iter().collect::<Vec<_>>(), None)?,
    };
    let known = |name: &String| base.manifest.conditions.iter().any(|condition| condition.name == *name);
    match names.into_iter().flatten().find(known) {
        Some(name) => Err(TrainError::KnownCondition { name }),
        None => Ok(()),
    }
}

/// The gate of a bundle that is to grow.
fn growing_gate(base: &Contents) -> Result<Gate, TrainError> {
    match convert::gate_of(base)? {
        Gate::P90 { .. } => Err(TrainError::CannotGrow { what: "a gate by two levels of brightness".to_owned() }),
        gate => Ok(gate),
    }
}

/// The gate with images of new conditions as further examples, each with the number of its own. One without examples can't tell
/// more conditions than before: then it tells none, and images are compared with all that are not named.
pub(crate) fn grown_gate(
    before: Gate,
    examples: &[(&Sample, u32)],
    pipeline: &FeaturePipeline,
    pace: &Pace,
    progress: &dyn Progress,
) -> Result<Gate, TrainError> {
    let learns_pooled = match &before {
        Gate::Single | Gate::Abstain | Gate::P90 { .. } => {
            progress.warn(
                "the bundle's gate knows no example images, so it can't tell the new condition from the old ones: name the condition of each image, or images are compared with all conditions",
            );
            return Ok(Gate::Abstain);
        }
        Gate::Intensity(_) => false,
        Gate::Embedding(_) => true,
    };
    let flow = pipeline.flow(pace, 0)?;
    let files: Vec<Origin<'_>> = examples.iter().map(|(sample, _)| Origin::of(sample)).collect();
    let (mut features, mut labels) = (vec![], vec![]);
    progress.begin("gate", examples.len());
    in_batches(&files, &flow, |range, decoded| {
        go_on(progress)?;
        let (images, _shares) = Decoded::whole(decoded).map_err(DetectError::Image)?;
        let borrowed: Vec<&Image> = images.iter().map(|image| &**image).collect();
        if learns_pooled {
            features.extend(pipeline.pooled(&borrowed)?);
        } else {
            features.extend(borrowed.iter().map(|image| intensity_statistics(&image.luma()).to_vec()));
        }
        labels.extend(examples[range.clone()].iter().map(|(_, condition)| *condition));
        progress.advance(range.len());
        Ok::<_, TrainError>(())
    })?;
    progress.end();
    Ok(match before {
        Gate::Intensity(gate) => Gate::Intensity(gate.with(&features, &labels)?),
        Gate::Embedding(gate) => Gate::Embedding(gate.with(&features, &labels)?),
        other => other,
    })
}

/// The images that were fitted, each with the number of its condition among those of both bundles.
fn examples<'a>(
    n_before: usize,
    manifest: &Manifest,
    samples: &'a [Sample],
    rule: &ConditionRule,
) -> Result<Vec<(&'a Sample, u32)>, TrainError> {
    let used: Vec<&Sample> = samples.iter().filter(|s| manifest.sources.contains(&s.name)).collect();
    let names = condition_of(rule, &used, None)?;
    let of_name = |name: &Option<String>| {
        manifest.conditions.iter().position(|own| Some(&own.name) == name.as_ref()).unwrap_or(0)
    };
    Ok(used.into_iter().zip(&names).map(|(sample, name)| (sample, (n_before + of_name(name)) as u32)).collect())
}

type JoinSections = fn(Section, &Section) -> Result<Section, DetectError>;

/// Both bundles as one.
fn join(mut base: Contents, mut added: Contents, gate: &Gate, join: JoinSections) -> Result<Contents, TrainError> {
    let section = join(base.take_section(), &added.take_section())?;
    let calibration = calibration(&base, &added)?;
    let views: Vec<&str> = calibration.views.iter().map(String::as_str).collect();
    let mut scores = vec![];
    for view in &views {
        scores.extend_from_slice(base.scores_named(view));
        scores.extend_from_slice(added.scores_named(view));
    }
    let n_before = base.manifest.conditions.len() as u32;
    let later = |condition: usize| condition + n_before as usize;
    let pooled = PooledImages::joined(base.take_pooled(), added.take_pooled(), later);
    let score_condition =
        base.score_condition.iter().copied().chain(added.score_condition.iter().map(|c| c + n_before)).collect();
    let (gate_points, gate_conditions) = convert::gate_tensors(gate);
    let (old, new) = (base.manifest, added.manifest);
    let manifest = Manifest {
        detector: section.entry,
        conditions: [old.conditions, new.conditions].concat(),
        condition_rule: new.condition_rule,
        gate: convert::gate_entry(gate, &[]),
        calibration,
        // Where both have one, what no condition's normals exceed too often.
        pixel_threshold: match (old.pixel_threshold, new.pixel_threshold) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (one, other) => one.or(other),
        },
        data_fingerprint: joined_fingerprint(&old.data_fingerprint, &new.data_fingerprint),
        sources: [old.sources, new.sources].concat(),
        suspects: SuspectsEntry::joined(old.suspects, new.suspects),
        light: LightEntry::joined(old.light, new.light, later),
        ..old
    };
    let (pooled_of, tensors) = (vec![], section.tensors);
    let mut joined =
        Contents { manifest, scores, score_condition, gate_points, gate_conditions, pooled: pooled_of, tensors };
    joined.set_pooled(pooled);
    Ok(joined)
}

fn calibration(base: &Contents, added: &Contents) -> Result<CalibrationEntry, TrainError> {
    let (old, new) = (&base.manifest.calibration, &added.manifest.calibration);
    let default = View::plain(Policy::default());
    let others = Policy::ALL.into_iter().map(View::plain).filter(|view| *view != default);
    let views: Vec<String> = std::iter::once(default).chain(others).map(|view| view.to_string()).collect();
    let all = [base.scores_named(&views[0]), added.scores_named(&views[0])].concat();
    let mut per_condition = old.per_condition.clone();
    per_condition.extend(new.per_condition.clone());
    // A single condition's threshold is that of all its images.
    for (contents, calibration) in [(base, old), (added, new)] {
        if let [only] = &contents.manifest.conditions[..] {
            per_condition.entry(only.name.clone()).or_insert_with(|| calibration.global.clone());
        }
    }
    let groups = match (&old.groups, &new.groups) {
        (None, None) => None,
        (one, other) => {
            let n = |groups: &Option<GroupsEntry>, contents: &Contents| {
                let n_images = contents.manifest.sources.len();
                groups.as_ref().map_or((n_images, n_images), |groups| (groups.n_groups, groups.n_images))
            };
            let ((n_groups, n_images), (more_groups, more_images)) = (n(one, base), n(other, added));
            let rule = one.as_ref().or(other.as_ref()).map_or_else(String::new, |groups| groups.rule.clone());
            Some(GroupsEntry { rule, n_groups: n_groups + more_groups, n_images: n_images + more_images })
        }
    };
    let global = convert::conformal_entry(&Conformal::of(&all, old.alpha)?);
    let n_before = base.manifest.sources.len() as u32;
    let later = |source: u32| if source == UNKNOWN { source } else { source + n_before };
    let sources = match (base.score_sources(), added.score_sources()) {
        (Some(mut of_base), Some(of_added)) => {
            of_base.extend(of_added.into_iter().map(later));
            Some(of_base)
        }
        _ => None,
    };
    let sources =
        sources.filter(|sources| !sources.iter().copied().eq(0..n_before + added.manifest.sources.len() as u32));
    Ok(CalibrationEntry { views, groups, sources, global, per_condition, ..old.clone() })
}
