//! Scores and maps of parts become one.

use super::fitted::{Combined, Level, PartLevels};
use crate::condition::Policy;
use crate::detect::{DetectError, PartScored, Scored, View};
use crate::score::AnomalyMap;

/// Scores and maps of the parts, to become one.
pub(super) struct Joining<'a> {
    pub(super) levels: &'a [Vec<PartLevels>],
    pub(super) views: &'a [View],
}

impl Joining<'_> {
    /// The level of a part under a view; an image of no known condition was compared with everything, whatever the view.
    fn level(&self, part: usize, view: View, condition: Option<usize>) -> Result<Level, DetectError> {
        let mixed = View { policy: Policy::Mixed, ..view };
        let wanted = if condition.is_none() && self.views.contains(&mixed) { mixed } else { view };
        let missing = || DetectError::NoView { view: view.to_string() };
        let at = self.views.iter().position(|known| *known == wanted).ok_or_else(missing)?;
        self.levels.get(part).and_then(|views| views.get(at)).map(|levels| levels.of(condition)).ok_or_else(missing)
    }

    /// The sum of the parts' standardised scores under each view, and each part's share under the first.
    pub(super) fn scores(
        &self,
        raw: &[&[f32]],
        views: &[View],
        condition: Option<usize>,
    ) -> Result<(Vec<f32>, Vec<f32>), DetectError> {
        let (mut sums, mut shares) = (vec![0.0f32; views.len()], vec![]);
        for (part, raw) in raw.iter().enumerate() {
            for (at, view) in views.iter().enumerate() {
                let Level { mean, std } = self.level(part, *view, condition)?;
                let share = (raw[at] - mean) / std;
                sums[at] += share;
                if at == 0 {
                    shares.push(share);
                }
            }
        }
        Ok((sums, shares))
    }

    /// What each part's map is divided by, under the first view.
    pub(super) fn scales(&self, views: &[View], condition: Option<usize>) -> Result<Vec<f32>, DetectError> {
        (0..self.levels.len()).map(|part| Ok(self.level(part, views[0], condition)?.std)).collect()
    }
}

/// The part whose map has most pixels: the others are drawn onto it.
pub(super) fn finest(maps: &[&AnomalyMap]) -> usize {
    let size = |map: &AnomalyMap| map.height_px * map.width_px;
    (0..maps.len()).rev().max_by_key(|part| size(maps[*part])).unwrap_or(0)
}

/// The part that says most.
pub(super) fn strongest(shares: &[f32]) -> usize {
    (0..shares.len()).rev().max_by(|a, b| shares[*a].total_cmp(&shares[*b])).unwrap_or(0)
}

impl Combined {
    fn joining(&self) -> Joining<'_> {
        Joining { levels: &self.levels, views: &self.views }
    }

    pub(super) fn join(&self, mut parts: Vec<Scored>, views: &[View]) -> Result<Scored, DetectError> {
        let joining = self.joining();
        let condition = parts[0].admission.condition;
        let raw: Vec<&[f32]> = parts.iter().map(|part| &*part.raw_scores).collect();
        let (raw_scores, shares) = joining.scores(&raw, views, condition)?;
        let scales = joining.scales(views, condition)?;
        let maps: Vec<&AnomalyMap> = parts.iter().map(|part| &part.map).collect();
        let onto = finest(&maps);
        let placement = parts[onto].placement.clone();
        let placed = parts.iter().zip(&scales).map(|(part, scale)| (&part.map, &part.placement, *scale));
        let map = AnomalyMap::summed(placed, &placement, (parts[onto].map.height_px, parts[onto].map.width_px));
        let top = strongest(&shares);
        let (patches, grid) = (parts[top].patches.clone(), parts[top].grid);
        let (admission, descriptors) = (parts[0].admission, parts[0].descriptors.clone());
        let parts = parts.drain(..).zip(shares).map(|(scored, share)| PartScored { scored, share }).collect();
        Ok(Scored { raw_scores, patches, grid, map, placement, admission, descriptors, parts })
    }
}
