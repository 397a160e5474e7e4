//! Scores and maps of parts become one.

use super::fitted::{Combined, Level, PartLevels};
use crate::condition::Policy;
use crate::detect::{DetectError, PartScored, Scored, View, strongest};
use crate::image::Placement;
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
    fn scores(
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
    fn scales(&self, views: &[View], condition: Option<usize>) -> Result<Vec<f32>, DetectError> {
        (0..self.levels.len()).map(|part| Ok(self.level(part, views[0], condition)?.std)).collect()
    }
}

/// What parts say of one image, as one.
pub(super) struct Joined {
    pub(super) raw_scores: Vec<f32>,
    /// What each part adds to the first of them.
    pub(super) shares: Vec<f32>,
    pub(super) map: AnomalyMap,
    /// The part whose map has most pixels: the others are drawn onto it.
    pub(super) finest: usize,
    /// The part that says most.
    pub(super) strongest: usize,
}

impl Joining<'_> {
    /// Joins the scores of each part under `views`, and its map with where the image lies in it.
    pub(super) fn join(
        &self,
        parts: &[(&[f32], &AnomalyMap, &Placement)],
        views: &[View],
        condition: Option<usize>,
    ) -> Result<Joined, DetectError> {
        let raw: Vec<&[f32]> = parts.iter().map(|(raw, ..)| *raw).collect();
        let (raw_scores, shares) = self.scores(&raw, views, condition)?;
        let scales = self.scales(views, condition)?;
        let size = |part: usize| parts[part].1.height_px * parts[part].1.width_px;
        let finest = (0..parts.len()).rev().max_by_key(|part| size(*part)).unwrap_or(0);
        let (_, onto, placement) = parts[finest];
        let placed = parts.iter().zip(&scales).map(|((_, map, placement), scale)| (*map, *placement, *scale));
        let map = AnomalyMap::summed(placed, placement, (onto.height_px, onto.width_px));
        let strongest = strongest(shares.iter().copied()).unwrap_or(0);
        Ok(Joined { raw_scores, shares, map, finest, strongest })
    }
}

impl Combined {
    pub(super) fn join(&self, parts: Vec<Scored>, views: &[View]) -> Result<Scored, DetectError> {
        let admission = parts[0].admission;
        let said: Vec<_> = parts.iter().map(|part| (&*part.raw_scores, &part.map, &part.placement)).collect();
        let joining = Joining { levels: &self.levels, views: &self.views };
        let joined = joining.join(&said, views, admission.condition)?;
        let placement = parts[joined.finest].placement.clone();
        let (patches, grid) = (parts[joined.strongest].patches.clone(), parts[joined.strongest].grid);
        let inside = parts[joined.finest].inside.clone();
        let descriptors = parts[0].descriptors.clone();
        let Joined { raw_scores, shares, mut map, .. } = joined;
        inside.iter().for_each(|inside| inside.clear(&mut map));
        let parts = parts.into_iter().zip(shares).map(|(scored, share)| PartScored { scored, share }).collect();
        Ok(Scored { raw_scores, patches, grid, inside, map, placement, admission, descriptors, parts })
    }
}
