//! Distributions that take further images in.
//!
//! A distribution says its mean, its shrunk covariance, how much that was shrunk and of how many patches it is: from that follow
//! the sums that it was made of (lemma 3.4 of Ledoit and Wolf read backwards), and with the sums of further patches the
//! distribution of all. What was learned of one image can't be told afterwards.

use super::factor::{factorised, narrow};
use super::fit::FittedGaussian;
use super::fitted::{Gaussian, NAME};
use super::law::{Law, no_places};
use super::linear::{packed_len, unpacked};
use super::making::{N_FOLDS, POOLED_BELOW};
use super::moments::Moments;
use super::section::{self, Parts};
use super::settings::{LawEntry, Settings};
use crate::bundle::{Section, SectionEntry};
use crate::detect::{
    DetectError, Detector, FeaturePipeline, Fit, FitSize, GoingOn, Living, Merging, Method, Shape, Training, go_on,
};
use crate::kernel::inverse_of_lower;
use crate::progress::Progress;
use rayon::prelude::*;
use std::sync::Arc;

/// Distributions of this kind.
pub(super) fn of(detector: &dyn Detector) -> Option<&dyn Living> {
    detector.as_any()?.downcast_ref::<Gaussian>().map(|own| own as &dyn Living)
}

impl Living for Gaussian {
    fn going_on(&self, by: GoingOn) -> Result<Arc<dyn Method>, DetectError> {
        let settings: Settings = self.section.entry.settings().map_err(DetectError::defect)?;
        match settings.shape()? {
            Shape::Whole | Shape::Places(_) => {}
            Shape::Residual(_) => {
                let expected = "whole or places, whose sums can be told from what is kept; fit again".to_owned();
                return Err(DetectError::Setting { setting: "shape", expected, found: settings.shape });
            }
        }
        Ok(Arc::new(GoOn { section: self.section.clone(), settings, laws: self.laws.clone(), dim: self.dim, by }))
    }

    fn forget(&self, _kept: &[Option<u32>]) -> Result<Section, DetectError> {
        let expected = "a detector that keeps rows of its images: sums do not tell whose they are; take the last step back, or fit again";
        Err(DetectError::Setting { setting: "forget", expected: expected.to_owned(), found: NAME.to_owned() })
    }

    fn merge(&self, _other: &Section, _how: &Merging<'_>) -> Result<Section, DetectError> {
        let expected = "memory banks; add conditions to distributions with `train::add_to`".to_owned();
        Err(DetectError::Setting { setting: "merge", expected, found: NAME.to_owned() })
    }
}

/// Goes on from these distributions.
struct GoOn {
    section: Section,
    settings: Settings,
    laws: Vec<Arc<Law>>,
    dim: usize,
    by: GoingOn,
}

impl std::fmt::Debug for GoOn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GoOn").field("settings", &self.settings).field("by", &self.by).finish_non_exhaustive()
    }
}

/// One distribution in its parts, of each place where they have one: mean and packed factor.
type OfPlaces = Vec<(Vec<f32>, Vec<f32>)>;

/// A distribution that went on: all images, and without each fold of the new ones.
struct Grown {
    all: OfPlaces,
    folds: Vec<OfPlaces>,
    n_patches: usize,
    shrinkage: f64,
}

impl GoOn {
    fn n_values(&self) -> usize {
        match &self.laws[0].as_ref() {
            Law::Places { channels, .. } => channels.len(),
            Law::Whole { .. } | Law::Residual { .. } => self.dim,
        }
    }

    /// Mean and packed factor of each place of a condition's distribution.
    fn places(&self, condition: usize) -> Result<OfPlaces, DetectError> {
        let d = self.n_values();
        match &*self.laws[condition] {
            Law::Places { means, factors, .. } => Ok(means
                .chunks_exact(d)
                .zip(factors.chunks_exact(packed_len(d)))
                .map(|(mean, factor)| (mean.to_vec(), factor.to_vec()))
                .collect()),
            Law::Whole { mean, .. } => {
                let factor = section::factor_of(&self.section.tensors, &self.settings.conditions[condition], self.dim);
                Ok(vec![(mean.clone(), factor)])
            }
            Law::Residual { .. } => Err(no_places(self.settings.shape.clone())),
        }
    }

    /// The patches of an image that a place has, in the values that are compared.
    fn rows(&self, training: &Training<'_>, index: usize, place: Option<usize>) -> Result<Vec<f32>, DetectError> {
        let described = training.described;
        match (place, &*self.laws[0]) {
            (Some(place), Law::Places { channels, .. }) => {
                let at: Vec<usize> = described.row_at(index, place).into_iter().collect();
                let rows = described.gather(&at)?;
                Ok(rows.chunks_exact(self.dim).flat_map(|row| channels.iter().map(|c| row[*c])).collect())
            }
            _ => Ok(described.image(index)?.into_owned()),
        }
    }

    /// The distribution of a condition with its new images.
    fn grow(&self, training: &Training<'_>, condition: usize) -> Result<Grown, DetectError> {
        let images: Vec<usize> =
            (0..training.images.len()).filter(|index| training.condition(*index) == condition).collect();
        let n_folds = n_folds(training);
        let fold = |index: usize| training.group(index) % n_folds;
        let is_known = condition < self.laws.len();
        let entry = &self.settings.conditions[if is_known { condition } else { 0 }];
        let before = self.places(if is_known { condition } else { 0 })?;
        let n_before = entry.n_patches as f64 / before.len() as f64;
        let by_place = matches!(&*self.laws[0], Law::Places { .. });
        let grown = |(place, (mean, factor)): (usize, &(Vec<f32>, Vec<f32>))| -> Result<_, DetectError> {
            let old = Moments::of_fitted(n_before, covariance(factor, mean.len()), entry.shrinkage);
            let mut of_fold = vec![Moments::none(mean.len()); n_folds];
            for index in &images {
                let rows = self.rows(training, *index, by_place.then_some(place))?;
                if !rows.is_empty() {
                    of_fold[fold(*index)].add(&Moments::of(&rows, mean)?);
                }
            }
            let mut new = Moments::none(mean.len());
            of_fold.iter().for_each(|sum| new.add(sum));
            let of = |new: &Moments| {
                let mut all = new.clone();
                // A new condition has a mean of its own; where its patches are few, the spread of the first fills up.
                let spread = if is_known { old.clone() } else { all.filled_with(&old, POOLED_BELOW * mean.len()) };
                all.add(&spread);
                let shrunk = all.shrunk(mean, self.settings.shrinkage);
                let own = factorised(&shrunk, mean.len()).1;
                ((narrow(&shrunk.mean), own), shrunk.shrinkage)
            };
            let (all, shrinkage) = of(&new);
            let folds: Vec<_> = of_fold.iter().map(|sum| of(&new.clone().without(sum)).0).collect();
            Ok((all, shrinkage, folds))
        };
        let found: Vec<_> = before.par_iter().enumerate().map(grown).collect::<Result<_, DetectError>>()?;
        let shrinkage = found.iter().map(|(_, shrinkage, _)| shrinkage).sum::<f64>() / found.len() as f64;
        let folds = (0..n_folds).map(|fold| found.iter().map(|(_, _, folds)| folds[fold].clone()).collect()).collect();
        let n_new: usize = images.iter().map(|index| training.described.rows_of(*index).len()).sum();
        let n_patches = n_new + if is_known { entry.n_patches } else { 0 };
        Ok(Grown { all: found.into_iter().map(|(all, ..)| all).collect(), folds, n_patches, shrinkage })
    }

    fn parts(&self, of_places: &OfPlaces) -> Parts {
        match &*self.laws[0] {
            Law::Places { .. } => {
                let (means, factors): (Vec<_>, Vec<_>) = of_places.iter().cloned().unzip();
                Parts::Places { means: means.concat(), factors: factors.concat() }
            }
            Law::Whole { .. } | Law::Residual { .. } => {
                let (mean, factor) = of_places.first().cloned().unwrap_or_default();
                Parts::Whole { mean, factor }
            }
        }
    }

    fn law(&self, of_places: &OfPlaces) -> Result<Arc<Law>, DetectError> {
        Ok(Arc::new(match (self.parts(of_places), &*self.laws[0]) {
            (Parts::Places { means, factors }, Law::Places { channels, .. }) => {
                Law::Places { channels: Arc::clone(channels), means, factors }
            }
            (Parts::Whole { mean, factor }, _) => {
                Law::Whole { mean, whitening: Arc::new(super::law::whitening(&factor, self.dim)?) }
            }
            _ => return Err(no_places(self.settings.shape.clone())),
        }))
    }
}

impl Method for GoOn {
    fn kind(&self) -> &str {
        NAME
    }

    fn peak_bytes(&self, size: FitSize) -> u64 {
        let square = (self.n_values() as u64).saturating_mul(self.n_values() as u64);
        let n_laws = size.n_conditions as u64 * (N_FOLDS as u64 + 1);
        let n_places = if self.n_values() < self.dim { size.n_patches as u64 } else { 1 };
        square.saturating_mul(n_places).saturating_mul(4 * n_laws).saturating_add(square * 8 * 32)
    }

    fn fit(
        &self,
        features: FeaturePipeline,
        training: &Training<'_>,
        progress: &dyn Progress,
    ) -> Result<Box<dyn Fit>, DetectError> {
        let (described, dim) = (training.described, self.dim);
        let by_place = matches!(&*self.laws[0], Law::Places { .. });
        if by_place && (described.is_in_tiles() || described.has_turned_copies()) {
            return Err(no_places(self.settings.shape.clone()));
        }
        let (mut parts, mut entries) = (vec![], vec![]);
        let mut folds: Vec<Vec<Option<Arc<Law>>>> = vec![vec![]; n_folds(training)];
        progress.begin("distributions", self.by.n_conditions);
        for condition in 0..self.by.n_conditions {
            go_on(progress)?;
            let is_seen = (0..training.images.len()).any(|index| training.condition(index) == condition);
            let factor = entries.len();
            if is_seen {
                let grown = self.grow(training, condition)?;
                for (fold, without) in folds.iter_mut().zip(&grown.folds) {
                    fold.push(Some(self.law(without)?));
                }
                parts.push(self.parts(&grown.all));
                let Grown { n_patches, shrinkage, .. } = grown;
                entries.push(LawEntry { n_patches, shrinkage, factor, n_directions: 0 });
            } else {
                folds.iter_mut().for_each(|fold| fold.push(self.laws.get(condition).cloned()));
                parts.push(self.parts(&self.places(condition)?));
                entries.push(LawEntry { factor, ..self.settings.conditions[condition].clone() });
            }
            progress.advance(1);
        }
        progress.end();
        if by_place {
            entries.iter_mut().for_each(|entry| entry.factor = 0);
        }
        let settings = Settings { conditions: entries, ..self.settings.clone() };
        let entry = SectionEntry::new(NAME, self.section.entry.features.clone(), &settings);
        let entry = entry.map_err(DetectError::defect)?;
        let channels = section::channels_of(&self.section.tensors);
        let tensors = section::gathered(parts, &channels, dim);
        let sizes = settings.sizes(dim, described.grid().n_patches()).map_err(DetectError::defect)?;
        let laws = section::laws(&tensors, &settings, &sizes)?;
        let section = Section { entry, tensors };
        let detector = Gaussian { features, scoring: settings.scoring()?, laws, dim, section };
        Ok(Box::new(FittedGaussian { detector, folds }))
    }
}

/// Parts that are left out in turn: whole groups of the new images.
fn n_folds(training: &Training<'_>) -> usize {
    N_FOLDS.min(training.group_of.iter().max().map_or(1, |last| last + 1)).max(1)
}

/// The covariance whose Cholesky factor has this packed inverse.
fn covariance(factor: &[f32], d: usize) -> Vec<f64> {
    let inverse: Vec<f64> = unpacked(factor, d).into_iter().map(f64::from).collect();
    let lower = inverse_of_lower(&inverse, d);
    let mut covariance = vec![0.0; d * d];
    for i in 0..d {
        for j in 0..=i {
            let dot: f64 = lower[i * d..=i * d + j].iter().zip(&lower[j * d..=j * d + j]).map(|(a, b)| a * b).sum();
            (covariance[i * d + j], covariance[j * d + i]) = (dot, dot);
        }
    }
    covariance
}
