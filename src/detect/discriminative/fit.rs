//! Normal images to trained heads.

use super::examples::{AT_A_TIME, Examples, MOST_KEPT};
use super::fitted::{Discriminative, NAME};
use super::head::{Head, judged};
use super::input::Input;
use super::section;
use super::settings::Settings;
use crate::bank::{BankError, RowSource};
use crate::bundle::{Section, SectionEntry};
use crate::condition::Admission;
use crate::detect::{
    DetectError, Detector, Distances, FeaturePipeline, Fit, FitSize, MAX_STEPS, MAX_VERSIONS, Method, Options, Patches,
    Training, View, go_on,
};
use crate::model::head::{HeadPlan, HeadWeights, Learner};
use crate::progress::Progress;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Heads, each of which is trained without one of as many parts of the images.
const N_HEADS: usize = 4;

/// Mean variances that are added to each where descriptors are whitened for the training.
const FLOOR: f64 = 1.0;

/// How heads are trained.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    options: Options,
}

impl Plan {
    pub(super) fn new(options: &Options) -> Result<Self, DetectError> {
        options.scoring.check_without_bank()?;
        let refused = |setting, expected: String, found: String| Err(DetectError::Setting { setting, expected, found });
        if !(1..=MAX_STEPS).contains(&options.steps) {
            return refused("steps", format!("1 to {MAX_STEPS}"), options.steps.to_string());
        }
        if !(1..=MAX_VERSIONS).contains(&options.versions) {
            return refused("versions", format!("1 to {MAX_VERSIONS}"), options.versions.to_string());
        }
        Ok(Self { options: options.clone() })
    }

    /// Trains a head on what it sees.
    fn head(
        &self,
        (examples, sees): (&Examples<'_>, &dyn Fn(usize) -> bool),
        (features, training): (&FeaturePipeline, &Training<'_>),
        (number, input): (usize, &Input),
        progress: &dyn Progress,
    ) -> Result<HeadWeights, DetectError> {
        let seen = examples.seen_by(sees).ok_or(DetectError::Bank(BankError::Empty))?;
        let seed = training.seed.wrapping_add((number as u64) << 32);
        let plan = HeadPlan { n_steps: self.options.steps, seed, ..HeadPlan::default() };
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(1);
        let mut learner = Learner::new(plan, training.described.dim(), features.device())?;
        for step in 0..self.options.steps {
            if step % 16 == 0 {
                go_on(progress)?;
            }
            learner.step(&seen.batch(&mut random)?)?;
            progress.advance(1);
        }
        input.joined(learner.weights()?)
    }
}

impl Method for Plan {
    fn kind(&self) -> &str {
        NAME
    }

    fn depends_on_seed(&self) -> bool {
        true
    }

    fn peak_bytes(&self, size: FitSize) -> u64 {
        let n_kept = MOST_KEPT.min(size.n_rows.saturating_mul(self.options.versions)) as u64;
        let plan = HeadPlan::default();
        // Weights, their gradients and two moments of each, of which a copy is changed; the descriptors of some versions, whose pixels
        // are those of few images.
        let weights = (size.dim as u64).saturating_mul((size.dim + 2 * plan.n_hidden) as u64).saturating_mul(4 * 8);
        let spoiled = (size.n_patches as u64).saturating_mul(self.options.versions.min(AT_A_TIME) as u64);
        (2 * n_kept + spoiled + 16_384).saturating_mul(4 * size.dim as u64).saturating_add(weights)
    }

    fn fit(
        &self,
        features: FeaturePipeline,
        training: &Training<'_>,
        progress: &dyn Progress,
    ) -> Result<Box<dyn Fit>, DetectError> {
        let (dim, grid) = (training.described.dim(), training.described.grid());
        let Options { scoring, faults, versions, steps, .. } = &self.options;
        let input = Input::measure(training.described, FLOOR)?;
        let examples = Examples::make((&features, training, &input), (*faults, *versions), progress)?;
        let n_folds = training.n_folds(N_HEADS);
        progress.begin("training", n_folds * steps);
        let mut heads = vec![];
        for fold in 0..n_folds {
            // A head of one fold alone sees all.
            let sees = |group: usize| n_folds == 1 || group % n_folds != fold;
            heads.push(self.head((&examples, &sees), (&features, training), (fold, &input), progress)?);
        }
        progress.end();
        let settings = Settings {
            faults: faults.to_string(),
            versions: *versions,
            n_anomalous: examples.n_anomalous(),
            steps: *steps,
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
