//! Normal images to distributions.

use super::law::{Law, kernel};
use super::linear::{cholesky, halved, inverse_of_lower, packed, whole};
use super::moments::{Moments, Shrunk};
use super::scoring::Compared;
use super::section::{self, Parts};
use super::settings::{LawEntry, Settings};
use super::{Gaussian, NAME};
use crate::bank::RowSource;
use crate::bundle::{Section, SectionEntry};
use crate::condition::Admission;
use crate::detect::{
    DetectError, Detector, Distances, FeaturePipeline, Fit, FitSize, Method, Options, Shape, Training, View, go_on,
};
use crate::kernel::Projection;
use crate::progress::Progress;
use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::sync::Arc;

/// Parts that are left out in turn: so often all distributions are fitted without a part of the images.
const N_FOLDS: usize = 5;
/// A condition with fewer patches than this many times the values of a descriptor shares the covariance of all.
const POOLED_BELOW: usize = 5;
/// Most principal directions.
const MOST_DIRECTIONS: usize = 256;

/// How distributions are made.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    options: Options,
}

impl Plan {
    pub(super) fn new(options: &Options) -> Result<Self, DetectError> {
        let image_score = options.scoring.image_score;
        if image_score.of_patches(&[]).is_none() {
            let expected = "max or top, since this detector keeps no memory bank".to_owned();
            return Err(DetectError::Setting { setting: "image score", expected, found: image_score.to_string() });
        }
        match options.shrinkage {
            Some(share) if !(0.0..=1.0).contains(&share) => Err(DetectError::Setting {
                setting: "shrinkage",
                expected: "auto, or a share from 0 to 1".to_owned(),
                found: share.to_string(),
            }),
            Some(_) | None => Ok(Self { options: options.clone() }),
        }
    }
}

impl Method for Plan {
    fn kind(&self) -> &str {
        NAME
    }

    fn depends_on_seed(&self) -> bool {
        matches!(self.options.shape, Shape::Places(_))
    }

    fn peak_bytes(&self, size: FitSize) -> u64 {
        let square = |n: usize| (n as u64).saturating_mul(n as u64);
        let (n_laws, n_folds) = (size.n_conditions as u64 * (N_FOLDS as u64 + 1), N_FOLDS as u64 + 1);
        match self.options.shape {
            // Sums of each fold, pooled ones, and what is at work on them; a matrix for each distribution that is kept.
            Shape::Whole => square(size.dim).saturating_mul(8 * (3 * n_folds + 4) + 4 * n_laws),
            Shape::Places(channels) => {
                (size.n_patches as u64).saturating_mul(square(channels)).saturating_mul(2 * n_laws)
            }
            Shape::Residual(_) => {
                let directions = (size.dim as u64).saturating_mul(4 * MOST_DIRECTIONS as u64 * n_laws);
                square(size.dim).saturating_mul(8 * (n_folds + 8)).saturating_add(directions)
            }
        }
    }

    fn fit(
        &self,
        features: FeaturePipeline,
        training: &Training<'_>,
        progress: &dyn Progress,
    ) -> Result<Box<dyn Fit>, DetectError> {
        let (dim, grid) = (training.described.dim(), training.described.grid());
        let mut making = Making::new(self, training)?;
        progress.begin("distributions", training.n_conditions);
        for condition in 0..training.n_conditions {
            go_on(progress)?;
            making.add(condition)?;
            progress.advance(1);
        }
        progress.end();
        let Made { parts, entries, folds, channels } = making.finish()?;
        let Options { scoring, shape, .. } = &self.options;
        let settings = Settings {
            shape: shape.to_string(),
            shrinkage: self.options.shrinkage,
            image_score: scoring.image_score.to_string(),
            map_sigma_px: scoring.map_sigma_px,
            conditions: entries,
        };
        let entry = SectionEntry::new(NAME, Some(features.entry(grid, dim)), &settings).map_err(DetectError::defect)?;
        let tensors = section::gathered(parts, &channels, dim);
        // Of what the bundle will hold, so that it says the same when it is read.
        let sizes = settings.sizes(dim, grid.n_patches()).map_err(DetectError::defect)?;
        let laws = section::laws(&tensors, &settings, &sizes)?;
        let section = Section { entry, tensors };
        let detector = Gaussian { features, scoring: settings.scoring()?, laws, dim, section };
        Ok(Box::new(FittedGaussian { detector, folds, n_folds: making_folds(training) }))
    }
}

/// The number of folds: groups are left out whole.
fn making_folds(training: &Training<'_>) -> usize {
    let n_groups = training.group_of.iter().max().map_or(1, |last| last + 1);
    N_FOLDS.min(n_groups).max(1)
}

/// What was made of all conditions.
struct Made {
    parts: Vec<Parts>,
    entries: Vec<LawEntry>,
    /// For each fold the distributions without it.
    folds: Vec<Vec<Option<Arc<Law>>>>,
    channels: Arc<[usize]>,
}

/// The distributions while they are made.
struct Making<'a> {
    plan: &'a Plan,
    training: &'a Training<'a>,
    dim: usize,
    n_folds: usize,
    channels: Arc<[usize]>,
    parts: Vec<Parts>,
    entries: Vec<LawEntry>,
    folds: Vec<Vec<Option<Arc<Law>>>>,
    /// Spread within the conditions: of all images, then without each fold.
    pooled: Vec<Moments>,
    /// Conditions that wait for it, with their means likewise.
    waiting: Vec<(usize, Vec<Option<Vec<f32>>>)>,
}

impl<'a> Making<'a> {
    fn new(plan: &'a Plan, training: &'a Training<'a>) -> Result<Self, DetectError> {
        let dim = training.described.dim();
        let n_folds = making_folds(training);
        let channels = match plan.options.shape {
            Shape::Places(n) if n > dim => {
                let expected = format!("at most {dim} channels, as many as a descriptor has values");
                return Err(DetectError::Setting { setting: "shape", expected, found: plan.options.shape.to_string() });
            }
            Shape::Places(n) => {
                let mut chosen = sample(&mut ChaCha8Rng::seed_from_u64(training.seed), dim, n).into_vec();
                chosen.sort_unstable();
                chosen
            }
            Shape::Whole | Shape::Residual(_) => vec![],
        };
        let pooled = match plan.options.shape {
            Shape::Whole => vec![Moments::none(dim); n_folds + 1],
            Shape::Places(_) | Shape::Residual(_) => vec![],
        };
        let folds = vec![vec![]; n_folds];
        let (parts, entries, waiting) = (vec![], vec![], vec![]);
        Ok(Self { plan, training, dim, n_folds, channels: channels.into(), parts, entries, folds, pooled, waiting })
    }

    fn fold(&self, index: usize) -> usize {
        self.training.group(index) % self.n_folds
    }

    /// The images of a condition, as indices into the described ones.
    fn images(&self, condition: usize) -> Vec<usize> {
        (0..self.training.images.len()).filter(|index| self.training.condition(*index) == condition).collect()
    }

    /// Those of them that are not of a fold; all for `None`.
    fn without(&self, images: &[usize], fold: Option<usize>) -> Vec<usize> {
        images.iter().copied().filter(|index| Some(self.fold(*index)) != fold).collect()
    }

    fn add(&mut self, condition: usize) -> Result<(), DetectError> {
        let images = self.images(condition);
        match self.plan.options.shape {
            Shape::Whole | Shape::Residual(_) => self.add_by_sums(condition, &images),
            Shape::Places(_) => self.add_places(&images),
        }
    }

    fn add_places(&mut self, images: &[usize]) -> Result<(), DetectError> {
        let (parts, entry, law) = self.places(images)?;
        for fold in 0..self.n_folds {
            let left = self.without(images, Some(fold));
            let without = match left.len() {
                0 => None,
                n if n == images.len() => Some(Arc::clone(&law)),
                _ => Some(self.places(&left)?.2),
            };
            self.folds[fold].push(without);
        }
        self.parts.push(parts);
        self.entries.push(entry);
        Ok(())
    }

    /// Sums of the images of each fold around their common mean, from which all distributions of the condition follow.
    fn add_by_sums(&mut self, condition: usize, images: &[usize]) -> Result<(), DetectError> {
        let centre = self.mean(images)?;
        let mut of_fold = vec![Moments::none(self.dim); self.n_folds];
        let described = self.training.described;
        // A few images at a time: their sums are large. Added in order, so that threads change nothing.
        for some in images.chunks(2 * rayon::current_num_threads()) {
            let sums: Vec<Moments> = some
                .par_iter()
                .map(|index| Moments::of(&described.image(*index)?, &centre))
                .collect::<Result<_, DetectError>>()?;
            for (index, sum) in some.iter().zip(&sums) {
                of_fold[self.training.group(*index) % self.n_folds].add(sum);
            }
        }
        let mut all = Moments::none(self.dim);
        of_fold.iter().for_each(|sum| all.add(sum));
        let is_whole = self.plan.options.shape == Shape::Whole;
        let is_pooled = is_whole && all.n() < POOLED_BELOW * self.dim;
        let (mut means, mut own) = (vec![], None);
        for without in std::iter::once(None).chain((0..self.n_folds).map(Some)) {
            let is_same = without.is_some_and(|fold| of_fold[fold].n() == 0);
            let left = match without {
                Some(fold) => all.clone().without(&of_fold[fold]),
                None => all.clone(),
            };
            let is_none = left.n() == 0;
            let variant = without.map_or(0, |fold| fold + 1);
            if is_pooled {
                means.push((!is_none).then(|| narrow(&left.shrunk(&centre, Some(0.0)).mean)));
            } else {
                let shrunk = left.shrunk(&centre, self.plan.options.shrinkage);
                match without {
                    None => own = Some(self.keep(&shrunk, all.n())?),
                    Some(fold) if is_none => self.folds[fold].push(None),
                    Some(fold) if is_same => self.folds[fold].push(own.clone()),
                    Some(fold) => {
                        let law = self.law(&shrunk)?.2;
                        self.folds[fold].push(Some(law));
                    }
                }
            }
            if is_whole {
                self.pooled[variant].add(&left.around_mean());
            }
        }
        if is_pooled {
            self.parts.push(Parts::Whole { mean: vec![], factor: vec![] });
            let n_patches = all.n();
            self.entries.push(LawEntry { n_patches, shrinkage: 0.0, factor: 0, n_directions: 0 });
            self.folds.iter_mut().for_each(|fold| fold.push(None));
            self.waiting.push((condition, means));
        }
        Ok(())
    }

    /// Keeps the distribution of a condition, with a factor of its own.
    fn keep(&mut self, shrunk: &Shrunk, n_patches: usize) -> Result<Arc<Law>, DetectError> {
        let (parts, n_directions, law) = self.law(shrunk)?;
        let (factor, shrinkage) = match self.plan.options.shape {
            Shape::Whole => (self.n_factors(), shrunk.shrinkage),
            Shape::Places(_) | Shape::Residual(_) => (0, 0.0),
        };
        self.parts.push(parts);
        self.entries.push(LawEntry { n_patches, shrinkage, factor, n_directions });
        Ok(law)
    }

    fn n_factors(&self) -> usize {
        self.parts.iter().filter(|part| matches!(part, Parts::Whole { factor, .. } if !factor.is_empty())).count()
    }

    /// The distribution with this mean and covariance, and its number of directions.
    fn law(&self, shrunk: &Shrunk) -> Result<(Parts, usize, Arc<Law>), DetectError> {
        let mean = narrow(&shrunk.mean);
        if let Shape::Residual(share) = self.plan.options.shape {
            let directions = principal(shrunk, self.dim, share)?;
            let (columns, n) = (directions.columns(), directions.to());
            let law = Law::Residual { mean: mean.clone(), directions };
            return Ok((Parts::Residual { mean, directions: columns }, n, Arc::new(law)));
        }
        let factor = factorised(shrunk, self.dim).1;
        let whitening = Arc::new(super::law::whitening(&factor, self.dim)?);
        let law = Law::Whole { mean: mean.clone(), whitening };
        Ok((Parts::Whole { mean, factor }, 0, Arc::new(law)))
    }

    /// The conditions that were waiting get the covariance of all.
    fn finish(mut self) -> Result<Made, DetectError> {
        if !self.waiting.is_empty() {
            let zero = vec![0.0; self.dim];
            let mut shared: Option<usize> = None;
            let waiting = std::mem::take(&mut self.waiting);
            for (variant, pooled) in std::mem::take(&mut self.pooled).into_iter().enumerate() {
                let shrunk = pooled.shrunk(&zero, self.plan.options.shrinkage);
                let factor = factorised(&shrunk, self.dim).1;
                let whitening = Arc::new(super::law::whitening(&factor, self.dim)?);
                for (condition, means) in &waiting {
                    let mean = means[variant].clone();
                    if variant > 0 {
                        let law = mean.map(|mean| Arc::new(Law::Whole { mean, whitening: Arc::clone(&whitening) }));
                        self.folds[variant - 1][*condition] = law;
                        continue;
                    }
                    let next = self.n_factors();
                    let own = if shared.is_none() { factor.clone() } else { vec![] };
                    self.entries[*condition].factor = *shared.get_or_insert(next);
                    self.entries[*condition].shrinkage = shrunk.shrinkage;
                    self.parts[*condition] = Parts::Whole { mean: mean.unwrap_or_default(), factor: own };
                }
            }
            self.in_order_of_factors();
        }
        let Self { parts, entries, folds, channels, .. } = self;
        Ok(Made { parts, entries, folds, channels })
    }

    /// Factors stand in the order of the conditions that bring them.
    fn in_order_of_factors(&mut self) {
        let mut order = vec![];
        for (part, entry) in self.parts.iter().zip(&self.entries) {
            if matches!(part, Parts::Whole { factor, .. } if !factor.is_empty()) {
                order.push(entry.factor);
            }
        }
        for entry in &mut self.entries {
            entry.factor = order.iter().position(|factor| *factor == entry.factor).unwrap_or(0);
        }
    }

    /// The mean of all patches of these images.
    fn mean(&self, images: &[usize]) -> Result<Vec<f32>, DetectError> {
        let mut sum = vec![0.0f64; self.dim];
        let mut n = 0.0f64;
        for index in images {
            for row in self.training.described.image(*index)?.chunks_exact(self.dim) {
                sum.iter_mut().zip(row).for_each(|(s, v)| *s += f64::from(*v));
                n += 1.0;
            }
        }
        Ok(sum.iter().map(|s| (s / n.max(1.0)) as f32).collect())
    }

    /// One distribution for each place of the grid.
    fn places(&self, images: &[usize]) -> Result<(Parts, LawEntry, Arc<Law>), DetectError> {
        let (described, d) = (self.training.described, self.channels.len());
        let n_patches = described.grid().n_patches();
        let of_place = |place: usize| -> Result<(Vec<f32>, Vec<f32>, f64), DetectError> {
            let at: Vec<usize> = images.iter().map(|index| index * n_patches + place).collect();
            let rows = described.gather(&at)?;
            let own: Vec<f32> =
                rows.chunks_exact(self.dim).flat_map(|row| self.channels.iter().map(|c| row[*c])).collect();
            let n = images.len() as f64;
            let centre: Vec<f32> = (0..d)
                .map(|k| (own.iter().skip(k).step_by(d).map(|v| f64::from(*v)).sum::<f64>() / n) as f32)
                .collect();
            let shrunk = Moments::of(&own, &centre)?.shrunk(&centre, self.plan.options.shrinkage);
            Ok((narrow(&shrunk.mean), factorised(&shrunk, d).1, shrunk.shrinkage))
        };
        let found: Vec<_> = (0..n_patches).into_par_iter().map(of_place).collect::<Result<_, DetectError>>()?;
        let shrinkage = found.iter().map(|(_, _, shrinkage)| shrinkage).sum::<f64>() / n_patches as f64;
        let (mut means, mut factors) = (Vec::with_capacity(n_patches * d), vec![]);
        for (mean, factor, _) in found {
            means.extend(mean);
            factors.extend(factor);
        }
        let law = Law::Places { channels: Arc::clone(&self.channels), means: means.clone(), factors: factors.clone() };
        let n_patches = images.len() * n_patches;
        let entry = LawEntry { n_patches, shrinkage, factor: 0, n_directions: 0 };
        Ok((Parts::Places { means, factors }, entry, Arc::new(law)))
    }
}

/// The first principal directions of a covariance, which hold `share` of the variance.
fn principal(shrunk: &Shrunk, dim: usize, share: f64) -> Result<Projection, DetectError> {
    let (lower, _) = factorised(shrunk, dim);
    // The columns of its Cholesky factor and their opposites are as many rows with mean 0 and this covariance.
    let mut rows = vec![0.0f32; 2 * dim * dim];
    for (at, value) in lower.iter().enumerate() {
        let value = *value as f32;
        let place = at % dim * dim + at / dim;
        (rows[place], rows[dim * dim + place]) = (value, -value);
    }
    Projection::principal(&rows, dim, share, MOST_DIRECTIONS).map_err(kernel)
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|v| *v as f32).collect()
}

/// The covariance's Cholesky factor, and its packed inverse. A covariance without full rank, as that of a single colour, gets a
/// floor that is small beside its mean variance.
fn factorised(shrunk: &Shrunk, dim: usize) -> (Vec<f64>, Vec<f32>) {
    /// Share of the mean variance that is added to the diagonal, growing until there is a factor.
    const FLOORS: [f64; 4] = [0.0, 1e-7, 1e-5, 1e-3];
    /// Variance of patches that do not vary at all.
    const LEAST: f64 = 1e-12;
    let scale = ((0..dim).map(|i| shrunk.covariance[i * dim + i]).sum::<f64>() / dim as f64).max(LEAST);
    for floor in FLOORS {
        let mut matrix = shrunk.covariance.clone();
        (0..dim).for_each(|i| matrix[i * dim + i] += floor * scale);
        if let Some(lower) = cholesky(matrix, dim) {
            // As a bundle holds it, so that every image is compared with the same.
            let (diagonal, shares) = halved(&packed(&inverse_of_lower(&lower, dim), dim), dim);
            let factor = whole(&diagonal, &shares);
            if factor.iter().all(|v| v.abs() <= crate::bundle::MAX_MAGNITUDE) {
                return (lower, factor);
            }
        }
    }
    // Nothing varies: any difference is as large as the least variance makes it.
    let diagonal = |value: f64| {
        let mut matrix = vec![0.0; dim * dim];
        (0..dim).for_each(|i| matrix[i * dim + i] = value);
        matrix
    };
    (diagonal(scale.sqrt()), packed(&diagonal(1.0 / scale.sqrt()), dim))
}

/// Distributions, and the same without each fold of the images.
struct FittedGaussian {
    detector: Gaussian,
    folds: Vec<Vec<Option<Arc<Law>>>>,
    n_folds: usize,
}

impl Fit for FittedGaussian {
    fn detector(&self) -> &dyn Detector {
        &self.detector
    }

    /// By distributions that were fitted without the image's fold: a fifth of the groups (cross-fitting).
    fn leave_out(
        &self,
        training: &Training<'_>,
        index: usize,
        admission: Admission,
        views: &[View],
    ) -> Result<Option<Distances>, DetectError> {
        let laws = &self.folds[training.group(index) % self.n_folds];
        let Gaussian { scoring, features, dim, .. } = &self.detector;
        let compared = Compared { laws, dim: *dim, scoring: *scoring, features };
        compared.score(&training.described.image(index)?, training.described.grid(), admission, views)
    }

    fn into_detector(self: Box<Self>) -> Box<dyn Detector> {
        Box::new(self.detector)
    }
}
