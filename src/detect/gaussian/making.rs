//! The distributions while they are made, condition by condition.

use super::factor::{factorised, narrow, principal};
use super::law::{Law, whitening};
use super::moments::{Moments, Shrunk};
use super::section::Parts;
use super::settings::LawEntry;
use crate::bank::RowSource;
use crate::detect::{DetectError, Options, Shape, Training};
use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::sync::Arc;

/// Parts that are left out in turn: so often all distributions are fitted without a part of the images.
pub(super) const N_FOLDS: usize = 5;
/// A condition with fewer patches than this many times the values of a descriptor shares the covariance of all.
pub(super) const POOLED_BELOW: usize = 5;

/// What was made of all conditions.
pub(super) struct Made {
    pub(super) parts: Vec<Parts>,
    pub(super) entries: Vec<LawEntry>,
    /// For each fold the distributions without it.
    pub(super) folds: Vec<Vec<Option<Arc<Law>>>>,
    pub(super) channels: Arc<[usize]>,
}

/// The distribution of a place of the grid.
struct Place {
    mean: Vec<f32>,
    factor: Vec<f32>,
    /// `None` where no image looks at it.
    shrinkage: Option<f64>,
}

/// The distributions while they are made.
pub(super) struct Making<'a> {
    options: &'a Options,
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
    pub(super) fn new(options: &'a Options, training: &'a Training<'a>) -> Result<Self, DetectError> {
        let dim = training.described.dim();
        let n_folds = making_folds(training);
        let channels = match options.shape {
            Shape::Places(n) if n > dim => {
                let expected = format!("at most {dim} channels, as many as a descriptor has values");
                return Err(DetectError::Setting { setting: "shape", expected, found: options.shape.to_string() });
            }
            Shape::Places(n) => {
                let mut chosen = sample(&mut ChaCha8Rng::seed_from_u64(training.seed), dim, n).into_vec();
                chosen.sort_unstable();
                chosen
            }
            Shape::Whole | Shape::Residual(_) => vec![],
        };
        let pooled = match options.shape {
            Shape::Whole => vec![Moments::none(dim); n_folds + 1],
            Shape::Places(_) | Shape::Residual(_) => vec![],
        };
        let folds = vec![vec![]; n_folds];
        let (parts, entries, waiting) = (vec![], vec![], vec![]);
        Ok(Self { options, training, dim, n_folds, channels: channels.into(), parts, entries, folds, pooled, waiting })
    }

    fn fold(&self, index: usize) -> usize {
        self.training.group(index) % self.n_folds
    }

    /// The images of a condition, as indices into the described ones.
    fn images(&self, condition: usize) -> Vec<usize> {
        (0..self.training.images.len()).filter(|index| self.training.condition(*index) == condition).collect()
    }

    /// Those of them that are not of a fold.
    fn without(&self, images: &[usize], fold: usize) -> Vec<usize> {
        images.iter().copied().filter(|index| self.fold(*index) != fold).collect()
    }

    pub(super) fn add(&mut self, condition: usize) -> Result<(), DetectError> {
        let images = self.images(condition);
        match self.options.shape {
            Shape::Whole | Shape::Residual(_) => self.add_by_sums(condition, &images),
            Shape::Places(_) => self.add_places(&images),
        }
    }

    fn add_places(&mut self, images: &[usize]) -> Result<(), DetectError> {
        let (parts, entry, law) = self.places(images)?;
        for fold in 0..self.n_folds {
            let left = self.without(images, fold);
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
                of_fold[self.fold(*index)].add(sum);
            }
        }
        let mut all = Moments::none(self.dim);
        of_fold.iter().for_each(|sum| all.add(sum));
        let is_whole = self.options.shape == Shape::Whole;
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
                let shrunk = left.shrunk(&centre, self.options.shrinkage);
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
        let shrinkage = match self.options.shape {
            Shape::Whole => shrunk.shrinkage,
            Shape::Places(_) | Shape::Residual(_) => 0.0,
        };
        self.parts.push(parts);
        self.entries.push(LawEntry { n_patches, shrinkage, factor: 0, n_directions });
        Ok(law)
    }

    /// The distribution with this mean and covariance, and its number of directions.
    fn law(&self, shrunk: &Shrunk) -> Result<(Parts, usize, Arc<Law>), DetectError> {
        let mean = narrow(&shrunk.mean);
        if let Shape::Residual(share) = self.options.shape {
            let directions = principal(shrunk, self.dim, share)?;
            let (columns, n) = (directions.columns(), directions.to());
            let law = Law::Residual { mean: mean.clone(), directions };
            return Ok((Parts::Residual { mean, directions: columns }, n, Arc::new(law)));
        }
        let factor = factorised(shrunk, self.dim).1;
        let whitening = Arc::new(whitening(&factor, self.dim)?);
        let law = Law::Whole { mean: mean.clone(), whitening };
        Ok((Parts::Whole { mean, factor }, 0, Arc::new(law)))
    }

    /// The conditions that were waiting get the covariance of all.
    pub(super) fn finish(mut self) -> Result<Made, DetectError> {
        let waiting = std::mem::take(&mut self.waiting);
        let first_waiting = waiting.first().map(|(condition, _)| *condition);
        if !waiting.is_empty() {
            let zero = vec![0.0; self.dim];
            for (variant, pooled) in std::mem::take(&mut self.pooled).into_iter().enumerate() {
                let shrunk = pooled.shrunk(&zero, self.options.shrinkage);
                let factor = factorised(&shrunk, self.dim).1;
                let whitening = Arc::new(whitening(&factor, self.dim)?);
                for (condition, means) in &waiting {
                    let mean = means[variant].clone();
                    if variant > 0 {
                        let law = mean.map(|mean| Arc::new(Law::Whole { mean, whitening: Arc::clone(&whitening) }));
                        self.folds[variant - 1][*condition] = law;
                        continue;
                    }
                    let own = if first_waiting == Some(*condition) { factor.clone() } else { vec![] };
                    self.entries[*condition].shrinkage = shrunk.shrinkage;
                    self.parts[*condition] = Parts::Whole { mean: mean.unwrap_or_default(), factor: own };
                }
            }
        }
        self.number_factors(first_waiting);
        let Self { parts, entries, folds, channels, .. } = self;
        Ok(Made { parts, entries, folds, channels })
    }

    /// The factors' numbers, in the order of the conditions; that of the first which waited is of all that did.
    fn number_factors(&mut self, first_waiting: Option<usize>) {
        let (mut n_factors, mut shared) = (0, 0);
        for (condition, (part, entry)) in self.parts.iter().zip(&mut self.entries).enumerate() {
            let Parts::Whole { factor, .. } = part else { continue };
            if factor.is_empty() {
                entry.factor = shared;
                continue;
            }
            if first_waiting == Some(condition) {
                shared = n_factors;
            }
            entry.factor = n_factors;
            n_factors += 1;
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
        // A place that no image looks at has a distribution that nothing is compared with.
        let of_place = |place: usize| -> Result<Place, DetectError> {
            let at: Vec<usize> = images.iter().filter_map(|index| described.row_at(*index, place)).collect();
            let rows = described.gather(&at)?;
            let own: Vec<f32> =
                rows.chunks_exact(self.dim).flat_map(|row| self.channels.iter().map(|c| row[*c])).collect();
            let n = at.len().max(1) as f64;
            let centre: Vec<f32> = (0..d)
                .map(|k| (own.iter().skip(k).step_by(d).map(|v| f64::from(*v)).sum::<f64>() / n) as f32)
                .collect();
            let moments = if at.is_empty() { Moments::none(d) } else { Moments::of(&own, &centre)? };
            let shrunk = moments.shrunk(&centre, self.options.shrinkage);
            let shrinkage = (!at.is_empty()).then_some(shrunk.shrinkage);
            Ok(Place { mean: narrow(&shrunk.mean), factor: factorised(&shrunk, d).1, shrinkage })
        };
        let found: Vec<_> = (0..n_patches).into_par_iter().map(of_place).collect::<Result<_, DetectError>>()?;
        let n_used = found.iter().filter(|place| place.shrinkage.is_some()).count();
        let shrinkage = found.iter().filter_map(|place| place.shrinkage).sum::<f64>() / n_used.max(1) as f64;
        let (mut means, mut factors) = (Vec::with_capacity(n_patches * d), vec![]);
        for Place { mean, factor, .. } in found {
            means.extend(mean);
            factors.extend(factor);
        }
        let law = Law::Places { channels: Arc::clone(&self.channels), means: means.clone(), factors: factors.clone() };
        let n_patches = images.iter().map(|index| described.rows_of(*index).len()).sum();
        let entry = LawEntry { n_patches, shrinkage, factor: 0, n_directions: 0 };
        Ok((Parts::Places { means, factors }, entry, Arc::new(law)))
    }
}

/// The number of folds: groups are left out whole.
fn making_folds(training: &Training<'_>) -> usize {
    let n_groups = training.group_of.iter().max().map_or(1, |last| last + 1);
    N_FOLDS.min(n_groups).max(1)
}
