//! Further images for a detector that was fitted before.

use super::describe::Pools;
use super::failure::Failure;
use super::groups::Groups;
use super::held_out::{HeldOut, leave_each_out};
use super::learn::Learning;
use super::look::{Glance, fingerprint, look};
use super::room::flow;
use super::suspects::{ByOthers, find, of_each};
use crate::bundle::{FeaturesEntry, GroupsEntry, LightImage, PooledImages, SuspectEntry};
use crate::condition::Admission;
use crate::dataset::Sample;
use crate::detect::{
    DetectError, Detector, FeaturePipeline, FittedPart, GoingOn, PartLevels, View, joined, leave_out, leave_out_of,
    open_features, pipeline_spec,
};
use crate::image::Roi;
use crate::model::OpenDevice;
use crate::progress::Progress;
use crate::train::originals::Originals;
use crate::train::split::Split;
use crate::train::{FitPlan, PartPlan, TrainError};
use std::sync::Arc;

/// A detector, and what it is to learn.
pub(crate) struct Further<'a> {
    pub(crate) detector: &'a dyn Detector,
    /// How each of its parts describes images.
    pub(crate) features: Vec<&'a FeaturesEntry>,
    pub(crate) samples: &'a [Sample],
    /// The condition of each.
    pub(crate) label: &'a [usize],
    /// All conditions, those it knows first.
    pub(crate) conditions: &'a [String],
    /// Training images that it knows.
    pub(crate) n_sources: usize,
    /// What is to be calibrated, the default view first.
    pub(crate) views: &'a [View],
    /// What the scores of parts mean, `[part][view]`; empty without parts.
    pub(crate) levels: Vec<Vec<PartLevels>>,
    pub(crate) roi: Option<Arc<Roi>>,
    /// Rows of its memory banks in all, at most.
    pub(crate) cap: Option<usize>,
    /// Condition and score of the held-out images there are, among which suspects are odd.
    pub(crate) known: &'a [(usize, f32)],
}

/// What was learned.
pub(crate) struct Learnt {
    pub(crate) detector: Box<dyn Detector>,
    /// Which of the samples, those that could be read.
    pub(crate) used: Vec<usize>,
    /// What each, or the most striking of each group, scores by all that is not of its group.
    pub(crate) held: Vec<LearntScore>,
    pub(crate) groups: Option<GroupsEntry>,
    pub(crate) failures: Vec<Failure>,
    /// Those that score unlike the others.
    pub(crate) suspects: Vec<SuspectEntry>,
    /// How each that could be read is lit.
    pub(crate) light: Vec<LightImage>,
    /// What they look like to the network.
    pub(crate) pooled: PooledImages,
    /// SHA-256 over names and pixels.
    pub(crate) fingerprint: String,
}

pub(crate) struct LearntScore {
    /// Which of the samples that could be read.
    pub(crate) image: usize,
    pub(crate) raw_scores: Vec<f32>,
    pub(crate) map_maximum: f32,
    pub(crate) condition: usize,
}

impl LearntScore {
    fn of(held: HeldOut) -> Self {
        let HeldOut { image, raw_scores, map_maximum, condition } = held;
        Self { image, raw_scores, map_maximum, condition }
    }
}

/// Teaches a detector further images, and scores each by all that is not of its group.
///
/// # Errors
/// [`TrainError::CannotGrow`] for a detector that does not go on learning, and as [`fit`](super::fit()).
pub(crate) fn go_on_with(
    further: &Further<'_>,
    plan: &FitPlan,
    device: &OpenDevice,
    progress: &dyn Progress,
) -> Result<Learnt, TrainError> {
    let leaves = leaves(further.detector);
    let (parts, pipelines) = parts_of(further, &leaves, plan, device)?;
    let originals = Originals::files(further.samples);
    let first = flow(plan, &parts[0], &pipelines[0], (further.samples.len(), &[]))?;
    let (samples, mut glances, failures, peaks) = look(&originals, plan, &first, progress)?;
    let index_of = |sample: &&Sample| further.samples.iter().position(|own| std::ptr::eq(own, *sample));
    let used: Vec<usize> = samples.iter().filter_map(index_of).collect();
    let label: Vec<usize> = used.iter().map(|index| further.label[*index]).collect();
    let fingerprint = fingerprint(&samples, &glances);
    let lit = |(glance, label): (&Glance<'_>, &usize)| LightImage { condition: *label, values: glance.light.to_vec() };
    let light = glances.iter().zip(&label).map(lit).collect();
    // One image, or shots of one part, are enough: there is more to compare with.
    let lenient = FitPlan { threshold: Some(0.0), ..plan.clone() };
    let groups = Groups::of(&lenient, &samples, &mut glances, (&label, further.conditions.len()), progress)?;
    let split = Split { bank: (0..samples.len()).collect(), held_out: vec![] };
    let size_px: Vec<(usize, usize)> = glances.iter().map(|glance| glance.size_px).collect();
    let learning = Learning {
        plan,
        samples: &samples,
        glances: &glances,
        roi: further.roi.clone(),
        size_px,
        label: &label,
        n_before: further.n_sources,
        conditions: further.conditions,
        groups,
        split,
        screens: false,
    };
    let (mut fitted, mut pooled) = (vec![], PooledImages::default());
    for (part, features) in parts.iter().zip(pipelines) {
        let mut flow = flow(plan, part, &features, (samples.len(), &learning.size_px))?;
        // As much room as these images need, and no more: the rest is for what is learned.
        peaks.limit(&mut flow);
        let pools = if fitted.is_empty() { Pools::Few } else { Pools::None };
        let (own, values) = learning.fit(part, features, (&flow, pools), progress)?;
        if fitted.is_empty() {
            pooled = learning.pooled(pools, &values);
        }
        fitted.push(own);
    }
    let held = leave_out_each(&learning, &fitted, further, progress)?;
    let suspects = suspects(&learning, &fitted, (&of_each(&held), further))?;
    let groups = learning.groups.entry();
    let held = learning.one_per_group(held).into_iter().map(LearntScore::of).collect();
    let detector = match <[FittedPart; 1]>::try_from(fitted) {
        Ok([part]) => part.fit.into_detector(),
        Err(parts) => joined(parts, further.levels.clone(), further.views),
    };
    Ok(Learnt { detector, used, held, groups, failures, suspects, light, pooled, fingerprint })
}

/// The detectors that learn: the parts, or the detector itself.
fn leaves(detector: &dyn Detector) -> Vec<&dyn Detector> {
    match detector.parts() {
        [] => vec![detector],
        parts => parts.iter().map(|part| &**part).collect(),
    }
}

/// Each part as a method that goes on, with its pipeline.
fn parts_of(
    further: &Further<'_>,
    leaves: &[&dyn Detector],
    plan: &FitPlan,
    device: &OpenDevice,
) -> Result<(Vec<PartPlan>, Vec<FeaturePipeline>), TrainError> {
    let n_rows: Vec<usize> = leaves.iter().map(|leaf| leaf.memory_bank().map_or(0, |bank| bank.n_rows())).collect();
    let all: usize = n_rows.iter().sum();
    let (mut parts, mut pipelines) = (vec![], vec![]);
    for ((leaf, entry), own) in leaves.iter().zip(&further.features).zip(&n_rows) {
        let cannot = || TrainError::CannotGrow { what: format!("the detector {}", leaf.kind()) };
        let living = plan.registry.living(*leaf).ok_or_else(cannot)?;
        // Each bank keeps its share of the rows.
        let share = |cap: usize| ((cap as f64 * *own as f64 / all.max(1) as f64).floor() as usize).max(1);
        let by = GoingOn {
            n_sources: further.n_sources,
            n_conditions: further.conditions.len(),
            cap: further.cap.map(share),
        };
        let mut features = open_features(entry, device)?;
        features.set_roi(further.roi.clone());
        parts.push(PartPlan { pipeline: pipeline_spec(entry)?, method: living.going_on(by)? });
        pipelines.push(features);
    }
    Ok((parts, pipelines))
}

fn leave_out_each(
    learning: &Learning<'_>,
    fitted: &[FittedPart],
    further: &Further<'_>,
    progress: &dyn Progress,
) -> Result<Vec<HeldOut>, TrainError> {
    let Some(described) = fitted.first().and_then(|part| part.described.as_ref()) else {
        return Err(TrainError::NoParts);
    };
    let training = learning.training(described);
    let views = further.views;
    let leave = |index, admission: Admission| match fitted {
        [only] => leave_out_of(&*only.fit, &training, index, admission, views),
        parts => leave_out(parts, (&further.levels, views), &training, index, admission),
    };
    leave_each_out("calibrating", &leave, &training, progress)
}

/// Those of the further images that are odd among all.
fn suspects(
    learning: &Learning<'_>,
    fitted: &[FittedPart],
    (scored, further): (&[ByOthers], &Further<'_>),
) -> Result<Vec<SuspectEntry>, DetectError> {
    let n_own = learning.samples.len();
    let known = further.known.iter().enumerate();
    let known =
        known.map(|(at, (condition, score))| ByOthers { image: n_own + at, condition: *condition, raw_score: *score });
    let all: Vec<ByOthers> = scored.iter().copied().chain(known).collect();
    let mut found = find(&all, learning.conditions.len());
    found.retain(|suspect| suspect.image < n_own);
    for suspect in &mut found {
        let admission = Admission::certain(learning.label[suspect.image]);
        for FittedPart { fit, described, .. } in fitted {
            if let (Some(described), None) = (described, suspect.nearest) {
                let training = learning.training(described);
                let nearest = fit.nearest_other(&training, suspect.image, admission, further.views[0])?;
                // Images from before have no name here.
                suspect.nearest = nearest.and_then(|source| source.checked_sub(further.n_sources));
            }
        }
    }
    Ok(found.iter().map(|suspect| suspect.entry(learning.samples)).collect())
}
