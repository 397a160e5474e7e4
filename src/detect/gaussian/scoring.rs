//! Distances to scores and maps.

use super::fitted::Gaussian;
use super::law::Law;
use crate::bank::{Describer, Search};
use crate::condition::Admission;
use crate::detect::{Admit, Asked, DetectError, Distances, FeaturePipeline, Scored, Scoring, View};
use crate::image::Image;
use crate::model::Grid;
use crate::score::AnomalyMap;
use rayon::prelude::*;
use std::sync::Arc;

/// The distributions that an image is compared with.
#[derive(Clone, Copy)]
pub(super) struct Compared<'a> {
    /// Of each condition; `None` where nothing is left of it.
    pub(super) laws: &'a [Option<Arc<Law>>],
    pub(super) dim: usize,
    pub(super) scoring: Scoring,
    pub(super) features: &'a FeaturePipeline,
}

impl Gaussian {
    /// See [`Detector::score`](crate::detect::Detector::score).
    pub(super) fn score_images(
        &self,
        images: &[&Image],
        admit: Admit<'_>,
        Asked { views, keep_descriptors }: Asked<'_>,
    ) -> Result<Vec<Scored>, DetectError> {
        let features = self.features.features(images)?;
        let describer = Describer::new(&features, self.features.descriptor())?;
        let (grid, input) = (describer.grid, self.features.preprocessing());
        let one = |(i, image): (usize, &&Image)| {
            let mut rows = vec![0.0; describer.image_len()];
            describer.describe(i, &mut rows);
            let admission = admit(i, &rows);
            let Distances { raw_scores, patches, map } = self.score_rows(&rows, grid, admission, views)?;
            let placement = input.placement(image.height_px(), image.width_px());
            let descriptors = keep_descriptors.then_some(rows);
            Ok(Scored { raw_scores, patches, grid, map, placement, admission, descriptors, parts: vec![] })
        };
        images.par_iter().enumerate().map(one).collect()
    }

    pub(super) fn score_rows(
        &self,
        rows: &[f32],
        grid: Grid,
        admission: Admission,
        views: &[View],
    ) -> Result<Distances, DetectError> {
        let laws: Vec<Option<Arc<Law>>> = self.laws.iter().cloned().map(Some).collect();
        let compared = Compared { laws: &laws, dim: self.dim, scoring: self.scoring, features: &self.features };
        compared.score(rows, grid, admission, views)?.ok_or(DetectError::Bank(crate::bank::BankError::Empty))
    }
}

impl Compared<'_> {
    /// What the distances of one image come to; `None` where a view has nothing to compare with.
    pub(super) fn score(
        &self,
        rows: &[f32],
        grid: Grid,
        admission: Admission,
        views: &[View],
    ) -> Result<Option<Distances>, DetectError> {
        let mut known: Vec<Option<Vec<f32>>> = vec![None; self.laws.len()];
        let (mut raw_scores, mut first) = (vec![], None);
        for view in views {
            if view.by_density {
                return Err(DetectError::NoView { view: view.to_string() });
            }
            let search = Search::under(view.policy, admission, self.laws.len());
            let Some(patches) = self.nearest(rows, search, &mut known)? else { return Ok(None) };
            let score = self.scoring.image_score.of_patches(&patches);
            raw_scores.push(score.ok_or(DetectError::NoView { view: view.to_string() })?);
            first = first.or(Some(patches));
        }
        let input = self.features.preprocessing();
        let (height_px, width_px) = (input.height_px, input.width_px);
        Ok(first.map(|patches| {
            let map = AnomalyMap::draw(&patches, grid, height_px, width_px, self.scoring.map_sigma_px);
            Distances { raw_scores, patches, map }
        }))
    }

    /// The smallest distance of each patch among the conditions that count. `known`: distances to each condition so far.
    fn nearest(
        &self,
        rows: &[f32],
        search: Search,
        known: &mut [Option<Vec<f32>>],
    ) -> Result<Option<Vec<f32>>, DetectError> {
        let mut nearest: Option<Vec<f32>> = None;
        for (condition, law) in self.laws.iter().enumerate() {
            let factor = match search {
                Search::Only { condition: own } if own != condition => continue,
                Search::Penalised { condition: own, factor } if own != condition => factor,
                Search::All | Search::Only { .. } | Search::Penalised { .. } => 1.0,
            };
            let Some(law) = law else { continue };
            let distances = match &mut known[condition] {
                Some(distances) => distances,
                none => none.insert(law.distances(rows, self.dim)?),
            };
            let counted = distances.iter().map(|d| d * factor);
            nearest = Some(match nearest {
                None => counted.collect(),
                Some(so_far) => so_far.into_iter().zip(counted).map(|(a, b)| a.min(b)).collect(),
            });
        }
        Ok(nearest)
    }
}
