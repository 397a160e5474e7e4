//! Normal images to trained autoencoders.

use super::batches::{CanvasBatches, Canvases};
use super::canvas::{CHANNELS, Range};
use super::fitted::{Autoencoders, NAME};
use super::section;
use super::settings::Settings;
use crate::bank::{BankError, RowSource};
use crate::bundle::{Section, SectionEntry};
use crate::condition::Admission;
use crate::detect::{
    DetectError, Detector, Distances, FeaturePipeline, Fit, FitSize, Method, Options, Patches, Training, TrainingEntry,
    View, kept_apart,
};
use crate::model::PIXELS;
use crate::model::reconstruction::{AutoencoderPlan, AutoencoderShape, LayerWeights, Learner};
use crate::model::training::{Batches, Plan, Task, Trainee, train};
use crate::progress::Progress;

/// Networks, each of which is trained without one of as many parts of the images.
const N_NETWORKS: usize = 2;
/// Values that tell the range of pixels, about.
const N_SAMPLED: usize = 1 << 20;
/// Values that a training holds for each pixel of a canvas: what all layers say, its gradient, and the loss.
const VALUES_BY_PIXEL: u64 = 80;

/// How autoencoders are trained.
#[derive(Clone, Debug)]
pub(super) struct Networks {
    options: Options,
    plan: Plan,
}

/// What the pixels to learn from are like.
struct Material {
    n_channels: usize,
    range: Range,
}

impl Networks {
    pub(super) fn new(options: &Options) -> Result<Self, DetectError> {
        options.scoring.check_without_bank()?;
        Ok(Self { options: options.clone(), plan: options.training.plan(&AutoencoderPlan::usual_training())? })
    }

    /// Trains a network on the images of the groups that it sees; its weights, and its loss of the last steps.
    fn network(
        &self,
        (features, training): (&FeaturePipeline, &Training<'_>),
        (shape, range, sees): (AutoencoderShape, Range, &dyn Fn(usize) -> bool),
        (number, start): (usize, &str),
        progress: &dyn Progress,
    ) -> Result<(Vec<LayerWeights>, f64), DetectError> {
        let groups = (0..training.images.len()).map(|index| training.group(index)).filter(|group| sees(*group));
        let apart = kept_apart(&groups.collect(), self.plan.watch);
        let of = |wanted: &dyn Fn(usize) -> bool| -> Vec<usize> {
            (0..training.images.len()).filter(|index| wanted(training.group(*index))).collect()
        };
        let seen = of(&|group| sees(group) && !apart.contains(&group));
        let watched = of(&|group| apart.contains(&group));
        if seen.is_empty() {
            return Err(DetectError::Bank(BankError::Empty));
        }
        let seed = training.seed.wrapping_add((number as u64) << 32);
        let Plan { weight_decay, clip_norm, batch, steps, .. } = self.plan;
        let plan = AutoencoderPlan { weight_decay, clip_norm, seed, ..AutoencoderPlan::new(shape) };
        let inputs = self.inputs((features, training), (&plan, range));
        let mut learner = Learner::new(&plan, features.device())?;
        let augment = &*self.options.augment;
        let canvases = Canvases { training, shape, range, augment, seed };
        let mut batches = CanvasBatches::new(canvases, (seen, watched), batch);
        let name = &*format!("{start}autoencoder-{number}");
        train(
            &Task { name, plan: &self.plan, inputs: &inputs, run: training.run },
            &mut learner,
            &mut batches,
            progress,
        )?;
        // The loss that is kept is of images, not of a step, so that it is the same after an interruption.
        let loss = learner.loss(&batches.batch(steps)?)?;
        Ok((learner.weights()?, f64::from(loss)))
    }

    /// All that decides a network's weights beside its name and [`Self::plan`].
    fn inputs(
        &self,
        (features, training): (&FeaturePipeline, &Training<'_>),
        (plan, range): (&AutoencoderPlan, Range),
    ) -> String {
        let described = features.entry(training.described.grid(), CHANNELS);
        let groups: Vec<usize> = (0..training.images.len()).map(|index| training.group(index)).collect();
        format!(
            "{NAME} {} {plan:?} {range:?} {:?} {described:?} {:?} {:?} {groups:?} {}",
            env!("CARGO_PKG_VERSION"),
            self.options.augment,
            features.roi,
            training.images,
            training.fingerprint
        )
    }
}

impl Method for Networks {
    fn kind(&self) -> &str {
        NAME
    }

    fn depends_on_seed(&self) -> bool {
        true
    }

    fn trains(&self) -> bool {
        true
    }

    fn peak_bytes(&self, size: FitSize) -> u64 {
        // Inputs are square, all but always; one that is too large is refused by name.
        let side = size.n_patches.isqrt();
        let shape = AutoencoderShape::holding(CHANNELS, side, side);
        let pixels = shape.map_or(0, |shape| shape.side_px().pow(2) as u64);
        pixels
            .saturating_mul(self.plan.batch as u64 * VALUES_BY_PIXEL * size_of::<f32>() as u64)
            .saturating_add(1 << 26)
    }

    fn fit(
        &self,
        features: FeaturePipeline,
        training: &Training<'_>,
        progress: &dyn Progress,
    ) -> Result<Box<dyn Fit>, DetectError> {
        let refused = |setting, expected: &str, found: String| {
            Err(DetectError::Setting { setting, expected: expected.to_owned(), found })
        };
        let name = &features.backbone().name;
        if name != PIXELS || features.descriptor().neighbourhood != 1 || training.described.dim() != CHANNELS {
            return refused("backbone", "`pixels`, with a neighbourhood of 1 and no context", name.clone());
        }
        if training.described.is_in_tiles() {
            return refused("tiles", "none: an autoencoder draws whole images", "tiles".to_owned());
        }
        if training.described.has_turned_copies() {
            return refused("rotate", "1: an autoencoder learns how parts lie", "turned copies".to_owned());
        }
        let grid = training.described.grid();
        let Material { n_channels, range } = material(training)?;
        let Some(shape) = AutoencoderShape::holding(n_channels, grid.n_rows, grid.n_cols) else {
            let most = AutoencoderShape { n_channels, n_levels: AutoencoderShape::MOST_LEVELS }.side_px();
            let found = format!("{} x {}", grid.n_rows, grid.n_cols);
            return refused("image size", &format!("at most {most} pixels"), found);
        };
        let (n_folds, start) = (training.n_folds(N_NETWORKS), training.run.next_fit());
        progress.begin("training", n_folds * self.plan.steps);
        let (mut networks, mut loss) = (vec![], 0.0);
        for fold in 0..n_folds {
            let sees = |group: usize| n_folds == 1 || group % n_folds != fold;
            let (weights, own) =
                self.network((&features, training), (shape, range, &sees), (fold, &start), progress)?;
            networks.push(weights);
            loss += own / n_folds as f64;
        }
        progress.end();
        let Options { scoring, augment, .. } = &self.options;
        let settings = Settings {
            n_channels,
            n_levels: shape.n_levels,
            low: range.low,
            high: range.high,
            n_networks: n_folds,
            steps: self.plan.steps,
            training: TrainingEntry::of(&self.plan, &AutoencoderPlan::usual_training()),
            augment: augment.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
            loss: loss as f32,
            image_score: scoring.image_score.to_string(),
            map_sigma_px: scoring.map_sigma_px,
        };
        let entry = features.entry(grid, CHANNELS);
        let entry = SectionEntry::new(NAME, Some(entry), &settings).map_err(DetectError::defect)?;
        let tensors = section::gathered(shape, &networks);
        let judge = section::judge(&tensors, &settings)?;
        let section = Section { entry, tensors };
        Ok(Box::new(Fitted(Autoencoders { features, scoring: settings.scoring()?, judge, section })))
    }
}

/// Looks at all pixels.
fn material(training: &Training<'_>) -> Result<Material, DetectError> {
    let described = training.described;
    let every = described.n_images().saturating_mul(described.grid().n_patches() * CHANNELS).div_ceil(N_SAMPLED).max(1);
    let (mut is_grey, mut sample) = (true, vec![]);
    for index in 0..described.n_images() {
        let rows = described.image(index)?;
        is_grey &= rows.chunks_exact(CHANNELS).all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]);
        sample.extend(rows.iter().skip(index % every).step_by(every).copied());
    }
    Ok(Material { n_channels: if is_grey { 1 } else { CHANNELS }, range: Range::of(sample) })
}

/// Trained autoencoders, each of which has not seen some of the images.
struct Fitted(Autoencoders);

impl Fit for Fitted {
    fn detector(&self) -> &dyn Detector {
        &self.0
    }

    /// By the network that was trained without the image's fold: a half of the groups (cross-fitting).
    fn leave_out(
        &self,
        training: &Training<'_>,
        index: usize,
        patches: Patches<'_>,
        _admission: Admission,
        views: &[View],
    ) -> Result<Option<Distances>, DetectError> {
        let Autoencoders { judge, scoring, .. } = &self.0;
        let n = judge.networks.len();
        if n == 1 {
            return Ok(None);
        }
        judge.judged(Some(training.group(index) % n), scoring.image_score, patches, views).map(Some)
    }

    fn into_detector(self: Box<Self>) -> Box<dyn Detector> {
        Box::new(self.0)
    }
}
