//! Normal images to trained heads.

use super::batches::HeadBatches;
use super::examples::{AT_A_TIME, Examples, MOST_DEFECTIVE, MOST_KEPT, Seen};
use super::fitted::{Discriminative, NAME};
use super::head::{Head, judged};
use super::input::Input;
use super::section;
use super::settings::Settings;
use crate::bank::{BankError, RowSource};
use crate::bundle::{Section, SectionEntry};
use crate::condition::Admission;
use crate::detect::{
    DetectError, Detector, Distances, FeaturePipeline, Fit, FitSize, MAX_VERSIONS, Method, Options, Patches, Training,
    TrainingEntry, View, kept_apart,
};
use crate::model::head::{HeadPlan, HeadWeights, Learner};
use crate::model::training::{Plan, Task, train};
use crate::progress::Progress;

/// Heads, each of which is trained without one of as many parts of the images.
const N_HEADS: usize = 4;

/// Mean variances that are added to each where descriptors are whitened for the training.
const FLOOR: f64 = 1.0;

/// How heads are trained.
#[derive(Clone, Debug)]
pub(super) struct Heads {
    options: Options,
    plan: Plan,
}

impl Heads {
    pub(super) fn new(options: &Options) -> Result<Self, DetectError> {
        options.scoring.check_without_bank()?;
        if !(1..=MAX_VERSIONS).contains(&options.versions) {
            let (expected, found) = (format!("1 to {MAX_VERSIONS}"), options.versions.to_string());
            return Err(DetectError::Setting { setting: "versions", expected, found });
        }
        Ok(Self { options: options.clone(), plan: options.training.plan(&HeadPlan::usual_training())? })
    }

    /// Trains a head on the groups that it sees.
    fn head(
        &self,
        (examples, sees): (&Examples<'_>, &dyn Fn(usize) -> bool),
        (features, training): (&FeaturePipeline, &Training<'_>),
        (number, start, input): (usize, &str, &Input),
        progress: &dyn Progress,
    ) -> Result<HeadWeights, DetectError> {
        let groups = (0..training.images.len()).map(|index| training.group(index)).filter(|group| sees(*group));
        let apart = kept_apart(&groups.collect(), self.plan.watch);
        let seen = examples.seen_by(|group| sees(group) && !apart.contains(&group));
        let seen = seen.ok_or(DetectError::Bank(BankError::Empty))?;
        let watched = examples.seen_by(|group| apart.contains(&group)).filter(|_| !apart.is_empty());
        let watched = watched.map(Seen::of_pasted);
        let seed = training.seed.wrapping_add((number as u64) << 32);
        let Plan { weight_decay, clip_norm, batch, .. } = self.plan;
        let plan = HeadPlan { seed, weight_decay, clip_norm, ..HeadPlan::default() };
        let inputs = self.inputs((features, training), &plan);
        let mut learner = Learner::new(plan, training.described.dim(), features.device())?;
        let mut batches = HeadBatches::new((seen, watched), batch, seed);
        let name = &*format!("{start}head-{number}");
        let task = Task { name, plan: &self.plan, inputs: &inputs, run: training.run };
        train(&task, &mut learner, &mut batches, progress)?;
        input.joined(learner.weights()?)
    }

    /// All that decides a head's weights beside its name and [`Self::plan`].
    fn inputs(&self, (features, training): (&FeaturePipeline, &Training<'_>), plan: &HeadPlan) -> String {
        let described = features.entry(training.described.grid(), training.described.dim());
        let Options { faults, versions, .. } = self.options;
        let groups: Vec<usize> = (0..training.images.len()).map(|index| training.group(index)).collect();
        format!(
            "{NAME} {} {plan:?} {faults} {versions} {FLOOR} {described:?} {:?} {:?} {groups:?} {}",
            env!("CARGO_PKG_VERSION"),
            features.roi,
            training.images,
            training.fingerprint
        ) + training.defects.map_or("", |defects| defects.fingerprint())
    }
}

impl Method for Heads {
    fn kind(&self) -> &str {
        NAME
    }

    fn depends_on_seed(&self) -> bool {
        true
    }

    fn trains(&self) -> bool {
        true
    }

    fn learns_from_defects(&self) -> bool {
        true
    }

    fn peak_bytes(&self, size: FitSize) -> u64 {
        let n_kept = (MOST_DEFECTIVE + MOST_KEPT.min(size.n_rows.saturating_mul(self.options.versions))) as u64;
        let plan = HeadPlan::default();
        // Weights, their gradients and two moments of each, of which a copy is changed; the descriptors of some versions, whose pixels
        // are those of few images.
        let weights = (size.dim as u64).saturating_mul((size.dim + 2 * plan.n_hidden) as u64).saturating_mul(4 * 8);
        // What a step sees, and what is made of it on the way to the loss and back.
        let batch = (self.plan.batch as u64).saturating_mul(64);
        let spoiled = (size.n_patches as u64).saturating_mul(self.options.versions.min(AT_A_TIME) as u64);
        (2 * n_kept + spoiled + batch).saturating_mul(4 * size.dim as u64).saturating_add(weights)
    }

    fn fit(
        &self,
        features: FeaturePipeline,
        training: &Training<'_>,
        progress: &dyn Progress,
    ) -> Result<Box<dyn Fit>, DetectError> {
        let (dim, grid) = (training.described.dim(), training.described.grid());
        let Options { scoring, faults, versions, .. } = &self.options;
        let input = Input::measure(training.described, FLOOR)?;
        let examples = Examples::make((&features, training, &input), (*faults, *versions), progress)?;
        let (n_folds, start) = (training.n_folds(N_HEADS), training.run.next_fit());
        progress.begin("training", n_folds * self.plan.steps);
        let mut heads = vec![];
        for fold in 0..n_folds {
            // A head of one fold alone sees all.
            let sees = |group: usize| n_folds == 1 || group % n_folds != fold;
            heads.push(self.head((&examples, &sees), (&features, training), (fold, &start, &input), progress)?);
        }
        progress.end();
        let [n_anomalous, n_defective] = examples.n_anomalous();
        let settings = Settings {
            faults: faults.to_string(),
            versions: *versions,
            n_anomalous,
            n_defects: training.defects.map_or(0, |defects| defects.n()),
            n_defective,
            steps: self.plan.steps,
            training: TrainingEntry::of(&self.plan, &HeadPlan::usual_training()),
            n_heads: n_folds,
            n_hidden: HeadPlan::default().n_hidden,
            image_score: scoring.image_score.to_string(),
            map_sigma_px: scoring.map_sigma_px,
        };
        let entry = SectionEntry::new(NAME, Some(features.entry(grid, dim)), &settings).map_err(DetectError::defect)?;
        let tensors = section::gathered(input.mean(), &heads);
        let heads: Vec<Head> = section::heads(&tensors, &settings)?;
        let section = Section { entry, tensors };
        Ok(Box::new(FittedHeads(Discriminative { features, scoring: settings.scoring()?, heads, section })))
    }
}

/// Trained heads, each of which has not seen some of the images.
struct FittedHeads(Discriminative);

impl Fit for FittedHeads {
    fn detector(&self) -> &dyn Detector {
        &self.0
    }

    /// By the head that was trained without the image's fold: a fourth of the groups (cross-fitting).
    fn leave_out(
        &self,
        training: &Training<'_>,
        index: usize,
        patches: Patches<'_>,
        _admission: Admission,
        views: &[View],
    ) -> Result<Option<Distances>, DetectError> {
        let Discriminative { heads, scoring, .. } = &self.0;
        if heads.len() == 1 {
            return Ok(None);
        }
        let head = &heads[training.group(index) % heads.len()];
        judged(std::iter::once(head), scoring.image_score, (patches, self.0.dim()), views).map(Some)
    }

    fn into_detector(self: Box<Self>) -> Box<dyn Detector> {
        Box::new(self.0)
    }
}
