//! Distances to scores and maps.

use super::fitted::PatchCore;
use crate::bank::{ByCondition, LocalDensity, Neighbours, Search};
use crate::condition::Admission;
use crate::detect::{DetectError, Distances, View};

impl PatchCore {
    /// See [`Detector::score_described`](crate::detect::Detector::score_described).
    pub(super) fn score_rows(
        &self,
        rows: &[f32],
        admission: Admission,
        views: &[View],
    ) -> Result<Distances, DetectError> {
        let k = self.scoring.map_neighbours;
        // One search answers for all policies; for one policy a search of its own reads fewer rows.
        let is_one = views.iter().all(|view| view.policy == views[0].policy);
        let all = if is_one { None } else { Some(self.bank.nearest_by_condition(rows, k, None)?) };
        let nearest = |search| match all.as_ref().and_then(|all| all.under(search)) {
            Some(nearest) => Ok(nearest),
            None => self.bank.nearest_in(rows, k, search),
        };
        let found = self.distances(rows, admission, views, &|search| Ok(Some(nearest(search)?)))?;
        found.ok_or(DetectError::Bank(crate::bank::BankError::Empty))
    }

    /// The same by the rows of other images than those that are left out; `None` where a view has no rows then.
    pub(super) fn score_without(
        &self,
        rows: &[f32],
        admission: Admission,
        views: &[View],
        is_left_out: &(dyn Fn(u32) -> bool + Sync),
    ) -> Result<Option<Distances>, DetectError> {
        let others = self.bank.nearest_by_condition_without(rows, self.scoring.map_neighbours, is_left_out)?;
        self.score_found(rows, admission, views, &others)
    }

    /// The same by what was found of each condition already.
    pub(super) fn score_found(
        &self,
        rows: &[f32],
        admission: Admission,
        views: &[View],
        found: &ByCondition,
    ) -> Result<Option<Distances>, DetectError> {
        self.distances(rows, admission, views, &|search| Ok(found.under(search)))
    }

    fn distances(
        &self,
        rows: &[f32],
        admission: Admission,
        views: &[View],
        nearest: &dyn Fn(Search) -> Result<Option<Neighbours>, DetectError>,
    ) -> Result<Option<Distances>, DetectError> {
        let (mut raw_scores, mut patches, mut in_maps) = (Vec::with_capacity(views.len()), vec![], vec![]);
        let mut searched: Vec<(Search, Neighbours)> = vec![];
        for view in views {
            let search = Search::under(view.policy, admission, self.n_conditions);
            let plain = match searched.iter().find(|(known, _)| *known == search) {
                Some((_, found)) => found,
                None => {
                    let Some(found) = nearest(search)? else { return Ok(None) };
                    searched.push((search, found));
                    &searched[searched.len() - 1].1
                }
            };
            let normalised = if view.by_density { Some(normalised(plain, self.density(*view)?)) } else { None };
            let distances = normalised.as_ref().unwrap_or(plain);
            raw_scores.push(self.scoring.image_score.of(rows, distances, &self.bank)?);
            let (distance, in_map) = of_patches(distances);
            in_maps.push(in_map);
            patches.push(distance);
        }
        Ok((!in_maps.is_empty()).then_some(Distances { raw_scores, patches, in_maps }))
    }

    fn density(&self, view: View) -> Result<&LocalDensity, DetectError> {
        self.density.as_ref().ok_or(DetectError::NoView { view: view.to_string() })
    }
}

fn normalised(nearest: &Neighbours, density: &LocalDensity) -> Neighbours {
    let mut nearest = nearest.clone();
    density.normalise(&mut nearest);
    nearest
}

/// The distance of each patch, and its value in the map.
fn of_patches(nearest: &Neighbours) -> (Vec<f32>, Vec<f32>) {
    let mean = |distances: &[f32]| distances.iter().sum::<f32>() / distances.len() as f32;
    let in_map = nearest.distances.chunks_exact(nearest.k).map(mean).collect();
    (nearest.distances.iter().step_by(nearest.k).copied().collect(), in_map)
}
