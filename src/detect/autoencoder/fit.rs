//! Normal images to trained autoencoders.

use super::augment::vary;
use super::canvas::{CHANNELS, Canvas, Range};
use super::fitted::{Autoencoders, NAME};
use super::section;
use super::settings::Settings;
use crate::bank::RowSource;
use crate::bundle::{Section, SectionEntry};
use crate::condition::Admission;
use crate::detect::{
    DetectError, Detector, Distances, FeaturePipeline, Fit, FitSize, MAX_STEPS, Method, Options, Patches, Training,
    View, go_on,
};
use crate::model::PIXELS;
use crate::model::reconstruction::{AutoencoderPlan, AutoencoderShape, CanvasBatch, LayerWeights, Learner};
use crate::progress::Progress;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Networks, each of which is trained without one of as many parts of the images.
const N_NETWORKS: usize = 2;
/// Images of a step.
const PER_STEP: usize = 8;
/// Values that tell the range of pixels, about.
const N_SAMPLED: usize = 1 << 20;
/// The loss that is kept is the mean over this share of the steps, the last ones.
const LAST_SHARE: usize = 20;
/// Values that a training holds for each pixel of a canvas: what all layers say, its gradient, and the loss.
const VALUES_BY_PIXEL: u64 = 80;

/// How autoencoders are trained.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    options: Options,
}

/// What the pixels to learn from are like.
struct Material {
    n_channels: usize,
    range: Range,
}

impl Plan {
    pub(super) fn new(options: &Options) -> Result<Self, DetectError> {
        options.scoring.check_without_bank()?;
        if !(1..=MAX_STEPS).contains(&options.steps) {
            let (expected, found) = (format!("1 to {MAX_STEPS}"), options.steps.to_string());
            return Err(DetectError::Setting { setting: "steps", expected, found });
        }
        Ok(Self { options: options.clone() })
    }

    /// Trains a network on images that it sees; its weights, and its loss at the end.
    fn network(
        &self,
        (training, images): (&Training<'_>, &[usize]),
        (mut learner, range, number): (Learner, Range, u64),
        progress: &dyn Progress,
    ) -> Result<(Vec<LayerWeights>, f64), DetectError> {
        let (n_steps, shape) = (self.options.steps, learner.shape());
        let n_last = n_steps.div_ceil(LAST_SHARE);
        let mut order = Order::new(images, training.seed.wrapping_add(number << 32));
        let mut loss = 0.0;
        for step in 0..n_steps {
            go_on(progress)?;
            let mut batch = CanvasBatch::default();
            for place in 0..PER_STEP.min(images.len()) {
                let at = step * PER_STEP.min(images.len()) + place;
                let index = order.at(at);
                let own = training.described.own_rows(index);
                let rows = training.described.image(index)?;
                let mut canvas = Canvas::of(training.described.patches(index, (&rows, own)), shape, range);
                if !self.options.augment.is_empty() {
                    let mut random = ChaCha8Rng::seed_from_u64(order.seed);
                    // The first streams are those of orders.
                    random.set_stream((1 << 32) + at as u64);
                    vary(&mut canvas, shape, &self.options.augment, &mut random);
                }
                batch.given.extend(canvas.values);
                batch.counts.extend(canvas.counts);
            }
            let own = learner.step(&batch)?;
            if step + n_last >= n_steps {
                loss += f64::from(own) / n_last as f64;
            }
            progress.advance(1);
        }
        Ok((learner.weights()?, loss))
    }
}

/// Images in the order in which they are learned from: all of them in one order, then in another.
struct Order<'a> {
    images: &'a [usize],
    seed: u64,
    /// The round, and its order.
    known: (usize, Vec<usize>),
}

impl<'a> Order<'a> {
    fn new(images: &'a [usize], seed: u64) -> Self {
        Self { images, seed, known: (usize::MAX, vec![]) }
    }

    fn at(&mut self, at: usize) -> usize {
        let (round, place) = (at / self.images.len(), at % self.images.len());
        if self.known.0 != round {
            let mut random = ChaCha8Rng::seed_from_u64(self.seed);
            random.set_stream(round as u64 + 1);
            let mut order = self.images.to_vec();
            order.shuffle(&mut random);
            self.known = (round, order);
        }
        self.known.1[place]
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
        // The canvas may be up to twice as large along a side.
        let pixels = 4 * size.n_patches as u64;
        pixels.saturating_mul(PER_STEP as u64 * VALUES_BY_PIXEL * size_of::<f32>() as u64).saturating_add(1 << 26)
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
        let n_folds = training.n_folds(N_NETWORKS);
        progress.begin("training", n_folds * self.options.steps);
        let (mut networks, mut loss) = (vec![], 0.0);
        for fold in 0..n_folds {
            let sees = |index: &usize| n_folds == 1 || training.group(*index) % n_folds != fold;
            let images: Vec<usize> = (0..training.images.len()).filter(sees).collect();
            let seed = training.seed.wrapping_add((fold as u64) << 32);
            let plan = AutoencoderPlan { shape, n_steps: self.options.steps, seed, ..AutoencoderPlan::new(shape) };
            let learner = Learner::new(&plan, features.device())?;
            let (weights, own) = self.network((training, &images), (learner, range, fold as u64), progress)?;
            networks.push(weights);
            loss += own / n_folds as f64;
        }
        progress.end();
        let Options { scoring, steps, augment, .. } = &self.options;
        let settings = Settings {
            n_channels,
            n_levels: shape.n_levels,
            low: range.low,
            high: range.high,
            n_networks: n_folds,
            steps: *steps,
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
