//! Distances to scores and maps.

use super::fitted::Gaussian;
use super::law::Law;
use crate::bank::Search;
use crate::condition::Admission;
use crate::detect::{DetectError, Distances, Patches, View};
use crate::score::ImageScore;
use std::sync::Arc;

/// The distributions that an image is compared with.
#[derive(Clone, Copy)]
pub(super) struct Compared<'a> {
    /// Of each condition; `None` where nothing is left of it.
    pub(super) laws: &'a [Option<Arc<Law>>],
    pub(super) dim: usize,
    pub(super) image_score: ImageScore,
}

impl Gaussian {
    pub(super) fn score_patches(
        &self,
        patches: Patches<'_>,
        admission: Admission,
        views: &[View],
    ) -> Result<Distances, DetectError> {
        let laws: Vec<Option<Arc<Law>>> = self.laws.iter().cloned().map(Some).collect();
        let compared = Compared { laws: &laws, dim: self.dim, image_score: self.scoring.image_score };
        compared.score(patches, admission, views)?.ok_or(DetectError::Bank(crate::bank::BankError::Empty))
    }
}

impl Compared<'_> {
    /// What the distances of one image come to; `None` where a view has nothing to compare with.
    pub(super) fn score(
        &self,
        patches: Patches<'_>,
        admission: Admission,
        views: &[View],
    ) -> Result<Option<Distances>, DetectError> {
        let mut known: Vec<Option<Vec<f32>>> = vec![None; self.laws.len()];
        let (mut raw_scores, mut in_maps) = (vec![], vec![]);
        for view in views {
            if view.by_density {
                return Err(DetectError::NoView { view: view.to_string() });
            }
            let search = Search::under(view.policy, admission, self.laws.len());
            let Some(distances) = self.nearest(patches, search, &mut known)? else { return Ok(None) };
            let score = self.image_score.of_patches(&distances);
            raw_scores.push(score.ok_or(DetectError::NoView { view: view.to_string() })?);
            in_maps.push(distances);
        }
        Ok((!in_maps.is_empty()).then(|| Distances { raw_scores, patches: in_maps.clone(), in_maps }))
    }

    /// The smallest distance of each patch among the conditions that count. `known`: distances to each condition so far.
    fn nearest(
        &self,
        patches: Patches<'_>,
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
                none => none.insert(law.distances(patches, self.dim)?),
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
