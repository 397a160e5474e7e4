//! Further normal images into a fitted detector.

use super::lineage::{Step, record};
use super::normals::{NormalScores, Told};
use super::{LiveError, On, entries, views};
use crate::bundle::{
    ConditionEntry, Contents, LightEntry, Manifest, PooledImages, RoiEntry, SuspectEntry, SuspectsEntry,
};
use crate::condition::{Gate, LIGHT_STATISTICS};
use crate::dataset::{Sample, renamed_apart};
use crate::detect::Detector;
use crate::flow::Pace;
use crate::infer::{Inspector, convert};
use crate::progress::Progress;
use crate::score::Conformal;
use crate::train::{
    Failure, FitPlan, Further, GroupRule, Learnt, LearntScore, go_on_with, grown_gate, joined_fingerprint,
};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// How a detector goes on learning.
#[derive(Clone, Debug)]
pub struct UpdatePlan {
    /// What tells the condition of an image; a name that the bundle does not know is a new condition.
    pub told: Told,
    /// What tells which images belong together: they count as one, and are left out together.
    pub group: GroupRule,
    /// Rows of the memory banks in all, at most: beyond, a coreset of old and new rows is chosen. `None` for no limit.
    pub cap: Option<usize>,
    /// How many images at a time, in how much memory.
    pub pace: Pace,
    /// Folder for descriptors that do not fit in memory; `None` for the system's temporary one.
    pub scratch: Option<PathBuf>,
    /// When it is done, for the lineage, see [`CalibratePlan::at`](super::CalibratePlan::at).
    pub at: Option<SystemTime>,
}

impl Default for UpdatePlan {
    /// The bundle's gate, near-copies grouped, no limit, now.
    fn default() -> Self {
        let (told, group, pace, at) = (Told::ByGate, GroupRule::Auto, Pace::default(), Some(SystemTime::now()));
        Self { told, group, cap: None, pace, scratch: None, at }
    }
}

/// A detector that learned more.
#[derive(Debug)]
#[non_exhaustive]
pub struct Updated {
    /// The bundle.
    pub contents: Contents,
    /// Names of the images that were learned from, as the bundle has them: [`forget`](super::forget()) takes them back.
    pub names: Vec<String>,
    /// Where each of them lies.
    pub paths: Vec<PathBuf>,
    /// Images left out because they could not be read.
    pub failures: Vec<Failure>,
    /// Images whose condition nothing tells: they were left out.
    pub untold: Vec<String>,
    /// Images that score unlike the others. They were learned from all the same: look, and forget what does not belong.
    pub suspects: Vec<SuspectEntry>,
    /// Rows of all memory banks, before and after; `None` of a detector without.
    pub n_rows: Option<[usize; 2]>,
    /// The threshold of all images before and after.
    pub thresholds: [Option<f32>; 2],
}

/// Teaches a fitted detector further normal images: its coreset goes on, and it is calibrated by the held-out scores there are and
/// those of the new images, each by all that is not of its group ([`HeldOutScores`](crate::score::HeldOutScores)). Images of before need not be there: their
/// scores stay what they were, which errs on the side of fewer alarms, since a bank that grows gives no higher ones.
///
/// # Errors
/// [`TrainError::CannotGrow`](crate::train::TrainError::CannotGrow) for a detector that does not go on learning, and whatever the fit refuses.
pub fn update<'a>(
    contents: Contents,
    samples: &[Sample],
    plan: &UpdatePlan,
    on: impl Into<On<'a>>,
    progress: &dyn Progress,
) -> Result<Updated, LiveError> {
    let on = on.into();
    let before = contents.manifest.clone();
    let inspector = on.open(contents.clone())?;
    let told = told(&inspector, samples, plan, progress)?;
    let samples = unlike(&told.samples, &before);
    let conditions = all_conditions(&before, &told.names);
    let index = |name: &String| conditions.iter().position(|own| own == name).unwrap_or(0);
    let label: Vec<usize> = told.names.iter().map(index).collect();
    let mut changed = contents;
    if conditions.len() > before.conditions.len() {
        let gate = grow_gate(&changed, (&samples, &label), plan, on, progress)?;
        changed.manifest.gate = convert::gate_entry(&gate, &[]);
        (changed.gate_points, changed.gate_conditions) = convert::gate_tensors(&gate);
    }
    let detector = inspector.detector();
    let policies_grow = before.conditions.len() == 1 && conditions.len() > 1;
    let views = views::Views::of(&changed, detector, conditions.len(), policies_grow)?;
    views.spread(&mut changed);
    let known: Vec<(usize, f32)> =
        changed.score_condition.iter().map(|c| *c as usize).zip(changed.scores_under(0).iter().copied()).collect();
    let further = Further {
        detector,
        features: before.detector.all_features(),
        samples: &samples,
        label: &label,
        conditions: &conditions,
        n_sources: before.sources.len(),
        views: &views.views,
        levels: views.levels.clone(),
        roi: before.roi.as_ref().map(|entry| Arc::new(entry.roi())),
        cap: plan.cap,
        known: &known,
    };
    let learnt = go_on_with(&further, &fit_plan(&before, plan, on), on.device, progress)?;
    let n_rows = rows_of(detector).zip(rows_of(&*learnt.detector)).map(|(old, new)| [old, new]);
    take_in(&mut changed, (&before, &conditions), (&samples, &label), &learnt)?;
    let (n_added, images_sha256) = (learnt.used.len(), Some(learnt.fingerprint.clone()));
    let step = Step { verb: "update", n_added, images_sha256, n_rows, ..Step::default() };
    record(&mut changed.manifest, &before, step, plan.at);
    changed.check_with(on.registry)?;
    Ok(Updated {
        names: learnt.used.iter().map(|index| samples[*index].name.clone()).collect(),
        paths: learnt.used.iter().map(|index| samples[*index].path.clone()).collect(),
        failures: learnt.failures,
        untold: told.untold,
        suspects: learnt.suspects,
        n_rows,
        thresholds: [before.calibration.global.threshold, changed.manifest.calibration.global.threshold],
        contents: changed,
    })
}

/// What was learned, in the bundle.
fn take_in(
    changed: &mut Contents,
    (before, conditions): (&Manifest, &[String]),
    images: (&[Sample], &[usize]),
    learnt: &Learnt,
) -> Result<(), LiveError> {
    let alpha = before.calibration.alpha;
    let section = learnt.detector.section()?;
    (changed.manifest.detector, changed.tensors) = (section.entry, section.tensors);
    add(changed, conditions, images, learnt)?;
    changed.manifest.pixel_threshold = pixel_threshold(before, learnt, alpha)?;
    redraw(changed, alpha)
}

/// Images whose condition is known, each with it.
struct ToldImages {
    samples: Vec<Sample>,
    names: Vec<String>,
    untold: Vec<String>,
}

/// The condition of each image: as it is named, else as the gate says, where there are several.
fn told(
    inspector: &Inspector,
    samples: &[Sample],
    plan: &UpdatePlan,
    progress: &dyn Progress,
) -> Result<ToldImages, LiveError> {
    let conditions = &inspector.manifest().conditions;
    let mut names = plan.told.names(samples)?;
    if let ([only], Told::ByGate) = (&conditions[..], &plan.told) {
        names.fill(Some(only.name.clone()));
    } else if names.iter().any(Option::is_none) {
        let asked: Vec<usize> = (0..names.len()).filter(|index| names[*index].is_none()).collect();
        let unnamed: Vec<Sample> = asked.iter().map(|index| samples[*index].clone()).collect();
        let no_names = vec![None; unnamed.len()];
        let found = NormalScores::of(inspector, (&unnamed, &no_names), &plan.pace, ("telling conditions", progress))?;
        for score in &found.scores {
            names[asked[score.image]] = score.condition.map(|condition| conditions[condition].name.clone());
        }
    }
    let mut found = ToldImages { samples: vec![], names: vec![], untold: vec![] };
    for (sample, name) in samples.iter().zip(names) {
        match name {
            Some(name) => {
                found.samples.push(sample.clone());
                found.names.push(name);
            }
            None => found.untold.push(sample.name.clone()),
        }
    }
    if found.samples.is_empty() {
        return Err(LiveError::Untold { n_images: samples.len() });
    }
    Ok(found)
}

/// The same images, with names that no training image has.
fn unlike(samples: &[Sample], before: &Manifest) -> Vec<Sample> {
    let n_steps = before.lineage.as_ref().map_or(0, |lineage| lineage.n_earlier + lineage.steps.len());
    let own: Vec<String> = samples.iter().map(|sample| sample.name.clone()).collect();
    let names = renamed_apart(&before.sources, &own, &format!("update-{}", n_steps + 1));
    samples.iter().zip(names).map(|(sample, name)| Sample { name, ..sample.clone() }).collect()
}

/// Those of the bundle, then new ones by name.
fn all_conditions(before: &Manifest, names: &[String]) -> Vec<String> {
    let mut all: Vec<String> = before.conditions.iter().map(|condition| condition.name.clone()).collect();
    let new: BTreeSet<&String> = names.iter().filter(|name| !all.contains(name)).collect();
    let new: Vec<String> = new.into_iter().cloned().collect();
    all.extend(new);
    all
}

/// The settings of the fit that count for further images.
fn fit_plan(before: &Manifest, plan: &UpdatePlan, on: On<'_>) -> FitPlan {
    FitPlan {
        parts: vec![],
        rotate: before.rotate.unwrap_or(1),
        group: plan.group.clone(),
        seed: before.seed,
        alpha: before.calibration.alpha,
        batch: plan.pace.batch,
        memory_bytes: plan.pace.memory_bytes,
        scratch: plan.scratch.clone(),
        registry: on.registry.clone(),
        ..FitPlan::default()
    }
}

/// The gate, with the images of the new conditions as examples.
fn grow_gate(
    contents: &Contents,
    (samples, label): (&[Sample], &[usize]),
    plan: &UpdatePlan,
    on: On<'_>,
    progress: &dyn Progress,
) -> Result<Gate, LiveError> {
    let n_before = contents.manifest.conditions.len();
    let new: Vec<(&Sample, u32)> =
        samples.iter().zip(label).filter(|(_, c)| **c >= n_before).map(|(s, c)| (s, *c as u32)).collect();
    let entry = contents.manifest.detector.lead();
    let entry = entry.ok_or(crate::train::TrainError::NoParts)?;
    let mut pipeline = crate::detect::open_features(entry, on.device)?;
    pipeline.set_roi(contents.manifest.roi.as_ref().map(|roi: &RoiEntry| Arc::new(roi.roi())));
    let before = convert::gate_of(contents)?;
    Ok(grown_gate(before, &new, &pipeline, &plan.pace, progress)?)
}

/// Rows of all memory banks of a detector.
pub(super) fn rows_of(detector: &dyn Detector) -> Option<usize> {
    match detector.parts() {
        [] => detector.memory_bank().map(|bank| bank.n_rows()),
        parts => parts.iter().map(|part| rows_of(&**part)).sum(),
    }
}

/// Sources, conditions, held-out scores and suspects of what was learned.
fn add(
    changed: &mut Contents,
    conditions: &[String],
    (samples, label): (&[Sample], &[usize]),
    learnt: &Learnt,
) -> Result<(), LiveError> {
    let n_sources = changed.manifest.sources.len();
    for name in &conditions[changed.manifest.conditions.len()..] {
        changed.manifest.conditions.push(ConditionEntry { name: name.clone(), n_images: 0 });
    }
    for index in &learnt.used {
        changed.manifest.conditions[label[*index]].n_images += 1;
        changed.manifest.sources.push(samples[*index].name.clone());
    }
    let scores: Vec<(&[f32], u32, u32)> = learnt
        .held
        .iter()
        .map(|held: &LearntScore| (&*held.raw_scores, held.condition as u32, (n_sources + held.image) as u32))
        .collect();
    entries::add_scores(changed, &scores, true);
    changed.manifest.data_fingerprint = joined_fingerprint(&changed.manifest.data_fingerprint, &learnt.fingerprint);
    if let Some(groups) = &mut changed.manifest.calibration.groups {
        groups.n_groups += learnt.groups.as_ref().map_or(learnt.used.len(), |own| own.n_groups);
        groups.n_images += learnt.used.len();
    } else if let Some(own) = &learnt.groups {
        let mut groups = own.clone();
        groups.n_groups += n_sources;
        groups.n_images += n_sources;
        changed.manifest.calibration.groups = Some(groups);
    }
    let light = Some(LightEntry::of(&LIGHT_STATISTICS, &learnt.light));
    // A bundle that knows no light of before would take the new one for all there was.
    if changed.manifest.light.is_some() {
        changed.manifest.light = LightEntry::joined(changed.manifest.light.take(), light, |condition| condition);
    }
    let pooled = PooledImages::joined(changed.take_pooled(), Some(learnt.pooled.clone()), |condition| condition);
    changed.set_pooled(pooled);
    let own = SuspectsEntry { kept: learnt.suspects.clone(), dropped: vec![] };
    let own = (!own.kept.is_empty()).then_some(own);
    changed.manifest.suspects = SuspectsEntry::joined(changed.manifest.suspects.take(), own);
    Ok(())
}

/// That of the map: what neither normals of before nor the new ones exceed too often, where there are enough of these.
fn pixel_threshold(before: &Manifest, learnt: &Learnt, alpha: f64) -> Result<Option<f32>, LiveError> {
    let maxima: Vec<f32> = learnt.held.iter().map(|held| held.map_maximum).collect();
    let own = Conformal::of(&maxima, alpha)?;
    let own = own.threshold.filter(|_| maxima.len() >= crate::score::OWN_CALIBRATION_FROM);
    Ok(match (before.pixel_threshold, own) {
        (Some(old), Some(new)) => Some(old.max(new)),
        (old, _) => old,
    })
}

/// The thresholds anew, unless the user has set them.
pub(super) fn redraw(changed: &mut Contents, alpha: f64) -> Result<(), LiveError> {
    let calibration = changed.manifest.calibration.clone();
    entries::set_thresholds(changed, alpha)?;
    let now = &mut changed.manifest.calibration;
    if [convert::CONSTANT, convert::VALIDATED].contains(&calibration.method.as_str()) {
        now.chosen = calibration.chosen;
        now.global.threshold = calibration.global.threshold;
        for (name, entry) in &mut now.per_condition {
            let old = calibration.per_condition.get(name).unwrap_or(&calibration.global);
            entry.threshold = old.threshold;
        }
    }
    Ok(())
}
