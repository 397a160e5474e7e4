//! Why an image got its score: its most anomalous patches, and the normal patches they were compared with.

mod normals;
mod place;

pub use normals::{NormalImages, NormalPatch, SAME_PATCH};
pub use place::PatchPlace;

use super::inspector::Keeps;
use super::{Calibration, Inspection, Inspector};
use crate::bank::{MemoryBank, Neighbours, Search};
use crate::bundle::UNKNOWN;
use crate::condition::{Condition, Policy};
use crate::detect::{DetectError, Detector, Inside, PartScored, Patches, Scored, StageClock, strongest};
use crate::image::Image;
use crate::model::Grid;

/// How much is explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExplainPlan {
    /// Patches of the image, the most anomalous first.
    pub n_patches: usize,
    /// Nearest normal patches of each.
    pub n_matches: usize,
}

impl Default for ExplainPlan {
    fn default() -> Self {
        Self { n_patches: 5, n_matches: 3 }
    }
}

/// An inspection with its reasons.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// What pcore says of the image.
    pub inspection: Inspection,
    /// The policy that chose which rows of the bank counted.
    pub policy: Policy,
    /// The patch grid of the image.
    pub grid: Grid,
    /// Its most anomalous patches, the worst first.
    pub patches: Vec<ExplainedPatch>,
    /// What each part says, of a detector that has parts.
    pub parts: Vec<PartShare>,
    /// The part that says most, whose grid and patches these are; `None` for a detector without parts.
    pub shown_part: Option<usize>,
}

/// What one part of a detector says of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct PartShare {
    /// Its name in the registry.
    pub kind: String,
    /// Rows and columns of its network's input.
    pub input_px: (usize, usize),
    /// Its own score.
    pub raw_score: f32,
    /// What it adds to the score of the whole: standard deviations above the mean of held-out normals.
    pub share: f32,
}

impl Explanation {
    /// Patches that lie nearer to a normal patch of another condition than to any of the image's own; `None` where the
    /// image has no condition or there is only one.
    #[must_use]
    pub fn n_nearer_in_another(&self) -> Option<usize> {
        let own = self.inspection.condition.as_ref()?;
        let several = self.patches.iter().any(|p| p.by_condition.len() > 1);
        several.then(|| self.patches.iter().filter(|p| p.nearest_condition().is_some_and(|c| c != own)).count())
    }
}

/// One patch of the image, and what it was compared with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExplainedPatch {
    /// Where it lies.
    pub place: PatchPlace,
    /// Its distance as it counts in the score.
    pub distance: f32,
    /// The nearest rows among those that the policy considers, nearest first; none where the detector keeps no rows.
    pub matches: Vec<Match>,
    /// The nearest row of every condition that has rows, whatever the policy; in the order of the bundle.
    pub by_condition: Vec<Match>,
}

impl ExplainedPatch {
    /// The condition of the nearest row of the whole bank.
    #[must_use]
    pub fn nearest_condition(&self) -> Option<&Condition> {
        self.by_condition.iter().min_by(|a, b| a.distance.total_cmp(&b.distance)).map(|m| &m.condition)
    }
}

/// A row of the bank, seen from a patch.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// Which row.
    pub row: usize,
    /// Name of the training image it comes from; `None` in an imported bank.
    pub source: Option<String>,
    /// Index of its patch in the grid of that image, row-major; `None` in an imported bank.
    pub position: Option<usize>,
    /// The condition of that image.
    pub condition: Condition,
    /// The distance in feature space.
    pub distance: f32,
    /// The distance as the policy counts it: larger than the other where it penalises the row's condition.
    pub counted: f32,
}

impl Inspector {
    /// Inspects one image and says why: see [`Explanation`]. The patches are the most anomalous ones that do not overlap:
    /// of two whose neighbourhoods (the squares of patches that a descriptor averages) meet, the worse is taken.
    ///
    /// # Errors
    /// As [`Inspector::inspect`].
    pub fn explain(
        &self,
        image: &Image,
        condition: Option<&str>,
        calibration: Calibration,
        plan: &ExplainPlan,
    ) -> Result<Explanation, DetectError> {
        let explained = self.explain_each(&[image], &[condition], calibration, plan, None)?;
        explained.into_iter().next().ok_or(DetectError::NoThreshold)
    }

    /// The same for several images, each of which is described once.
    pub(crate) fn explain_each(
        &self,
        images: &[&Image],
        conditions: &[Option<&str>],
        calibration: Calibration,
        plan: &ExplainPlan,
        clock: Option<&StageClock>,
    ) -> Result<Vec<Explanation>, DetectError> {
        let keeps = Keeps { descriptors: true, pooled: true, clock };
        let scored = self.score_under(images, conditions, calibration, keeps)?;
        scored.into_iter().zip(images).map(|(scored, image)| self.reasons(scored, image, calibration, plan)).collect()
    }

    fn reasons(
        &self,
        mut scored: Scored,
        image: &Image,
        calibration: Calibration,
        plan: &ExplainPlan,
    ) -> Result<Explanation, DetectError> {
        let shown_part = strongest(scored.parts.iter().map(|part| part.share));
        let detector = self.part(shown_part);
        let parts = self.detector.parts().iter().zip(&scored.parts).map(|(part, said)| PartShare::of(&**part, said));
        let parts = parts.collect();
        let own = match shown_part {
            Some(index) => &mut scored.parts[index].scored,
            None => &mut scored,
        };
        let (rows, grid) = (own.descriptors.take().unwrap_or_default(), own.grid);
        let dim = rows.len() / grid.n_patches().max(1);
        let search = Search::under(self.policy, own.admission, self.conditions.len());
        let neighbourhood = detector.features().descriptor().neighbourhood;
        let chosen = top_patches(&own.patches, (grid, own.inside.as_deref()), neighbourhood, plan.n_patches);
        let size = (image.height_px(), image.width_px());
        let mut patches = Vec::with_capacity(chosen.len());
        for index in chosen {
            let query = &rows[index * dim..][..dim];
            let (mut matches, mut by_condition) = (vec![], vec![]);
            if let Some(bank) = detector.memory_bank() {
                let found = bank.nearest_in(query, plan.n_matches.max(1), search)?;
                matches = self.matches(bank, &found, search);
                for condition in (0..self.conditions.len()).filter(|of| bank.has_rows_of(*of)) {
                    let nearest = bank.nearest_in(query, 1, Search::Only { condition })?;
                    by_condition.extend(self.matches(bank, &nearest, Search::All));
                }
            }
            patches.push(ExplainedPatch {
                place: PatchPlace::of(index, grid, &own.placement, size),
                distance: own.patches[index],
                matches,
                by_condition,
            });
        }
        let inspection = self.decide(scored, calibration)?;
        Ok(Explanation { inspection, policy: self.policy, grid, patches, parts, shown_part })
    }

    /// A part of the detector; the detector itself for `None`.
    pub(super) fn part(&self, index: Option<usize>) -> &dyn Detector {
        index.and_then(|index| self.detector.parts().get(index)).map_or(&*self.detector, |part| &**part)
    }

    fn matches(&self, bank: &MemoryBank, found: &Neighbours, search: Search) -> Vec<Match> {
        let matched = |(row, counted): (&u32, &f32)| {
            let origin = bank.origins()[*row as usize];
            let penalty = match search {
                Search::Penalised { condition, factor } if origin.condition as usize != condition => factor,
                Search::Penalised { .. } | Search::All | Search::Only { .. } => 1.0,
            };
            Match {
                row: *row as usize,
                source: self.manifest.sources.get(origin.source as usize).cloned(),
                position: (origin.position != UNKNOWN).then_some(origin.position as usize),
                condition: self.conditions[origin.condition as usize].clone(),
                distance: counted / penalty,
                counted: *counted,
            }
        };
        found.indices.iter().zip(&found.distances).map(matched).collect()
    }
}

impl PartShare {
    fn of(part: &dyn Detector, said: &PartScored) -> Self {
        let input = part.features().preprocessing();
        Self {
            kind: part.kind().to_owned(),
            input_px: (input.height_px, input.width_px),
            raw_score: said.scored.raw_score(),
            share: said.share,
        }
    }
}

/// The `n` largest distances, no two nearer than `neighbourhood` patches in both directions; ties to the lower index.
fn top_patches(
    distances: &[f32],
    (grid, inside): (Grid, Option<&Inside>),
    neighbourhood: usize,
    n: usize,
) -> Vec<usize> {
    let mut order: Vec<usize> = Patches { rows: &[], grid, places: inside.map(Inside::patches) }.places().collect();
    order.sort_by(|a, b| distances[*b].total_cmp(&distances[*a]).then(a.cmp(b)));
    let at = |index: usize| (index / grid.n_cols, index % grid.n_cols);
    let mut chosen: Vec<usize> = vec![];
    for index in order {
        if chosen.len() >= n {
            break;
        }
        let meets = |other: &usize| {
            let ((row, col), (other_row, other_col)) = (at(index), at(*other));
            row.abs_diff(other_row).max(col.abs_diff(other_col)) < neighbourhood
        };
        if !chosen.iter().any(meets) {
            chosen.push(index);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn overlapping_patches_are_shown_once() {
        let grid = Grid { n_rows: 3, n_cols: 5 };
        let distances = [9.0, 8.0, 7.0, 6.0, 5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 10.0];
        assert_eq!(top_patches(&distances, (grid, None), 1, 3), [14, 0, 1]);
        assert_eq!(top_patches(&distances, (grid, None), 3, 9), [14, 0]);
        assert_eq!(top_patches(&distances, (grid, None), 2, 4), [14, 0, 2, 4]);
        assert!(top_patches(&distances, (grid, None), 3, 0).is_empty());
    }

    proptest! {
        #[test]
        fn the_worst_comes_first_and_nothing_worse_is_left_out(
            distances in prop::collection::vec(0u8..20, 24), neighbourhood in 1usize..4, n in 1usize..8,
        ) {
            let distances: Vec<f32> = distances.into_iter().map(f32::from).collect();
            let grid = Grid { n_rows: 4, n_cols: 6 };
            let apart = |a: usize, b: usize| {
                (a / 6).abs_diff(b / 6).max((a % 6).abs_diff(b % 6)) >= neighbourhood
            };
            let found = top_patches(&distances, (grid, None), neighbourhood, n);
            prop_assert!(found.windows(2).all(|w| distances[w[0]] >= distances[w[1]]));
            for (i, a) in found.iter().enumerate() {
                prop_assert!(found[..i].iter().all(|b| apart(*a, *b)));
            }
            // Whatever is not shown overlaps something at least as bad, or would have come later.
            let last = found.last().map_or(0.0, |i| distances[*i]);
            for i in (0..24).filter(|i| !found.contains(i)) {
                let covered = found.iter().any(|a| !apart(*a, i) && distances[*a] >= distances[i]);
                prop_assert!(covered || (found.len() == n && distances[i] <= last));
            }
        }
    }
}
