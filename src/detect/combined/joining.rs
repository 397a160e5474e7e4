//! Scores and maps of parts become one.

use super::fitted::Combined;
use super::levels::{Level, PartLevels};
use crate::bank::BankError;
use crate::condition::Policy;
use crate::detect::{DetectError, Drawn, Inside, PartScored, Scored, View, strongest};
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

    /// Joins what the parts say under each of `views`: the maps, each divided by the deviation of its part's scores, are added,
    /// and the score is the largest value of their sum, less what the parts' means come to.
    pub(super) fn join(
        &self,
        parts: &[Part<'_>],
        views: &[View],
        condition: Option<usize>,
    ) -> Result<Joined, DetectError> {
        let size = |part: usize| parts[part].maps[0].height_px * parts[part].maps[0].width_px;
        let finest = (0..parts.len()).rev().max_by_key(|part| size(*part)).unwrap_or(0);
        let onto = parts[finest].placement;
        let (mut raw_scores, mut shares, mut maps) = (vec![], vec![], vec![]);
        for (at, view) in views.iter().enumerate() {
            let (mut scaled, mut means) = (vec![], vec![]);
            for (part, said) in parts.iter().enumerate() {
                let Level { mean, std } = self.level(part, *view, condition)?;
                scaled.push((said.maps[at], said.placement, std));
                means.push(mean / std);
            }
            let size = (parts[finest].maps[at].height_px, parts[finest].maps[at].width_px);
            let mut map = AnomalyMap::summed(scaled.iter().copied(), onto, size);
            parts[finest].inside.iter().for_each(|inside| inside.clear(&mut map));
            if at == 0 {
                let added = AnomalyMap::added_at(&scaled, onto, map.peak());
                shares = added.iter().zip(&means).map(|(added, mean)| added - mean).collect();
            }
            raw_scores.push(map.max() - means.iter().sum::<f32>());
            maps.push(map);
        }
        let strongest = strongest(shares.iter().copied()).unwrap_or(0);
        Ok(Joined { raw_scores, shares, maps, finest, strongest })
    }
}

/// What one part says.
pub(super) struct Part<'a> {
    /// Under each view.
    maps: Vec<&'a AnomalyMap>,
    /// Where the image lies in them.
    placement: &'a Placement,
    /// What is looked at, where that is a part of the image.
    inside: Option<&'a Inside>,
}

impl<'a> Part<'a> {
    pub(super) fn new(
        (first, others): (&'a AnomalyMap, &'a [AnomalyMap]),
        placement: &'a Placement,
        inside: Option<&'a Inside>,
    ) -> Self {
        Self { maps: std::iter::once(first).chain(others).collect(), placement, inside }
    }
}

/// What parts say of one image, as one.
pub(super) struct Joined {
    pub(super) raw_scores: Vec<f32>,
    /// What each part adds to the first of them.
    pub(super) shares: Vec<f32>,
    /// Under each view, at least one.
    pub(super) maps: Vec<AnomalyMap>,
    /// The part whose maps have most pixels: the others are drawn onto them.
    pub(super) finest: usize,
    /// The part that says most.
    pub(super) strongest: usize,
}

impl Combined {
    pub(super) fn join(&self, mut parts: Vec<Scored>, views: &[View]) -> Result<Scored, DetectError> {
        let admission = parts[0].admission;
        let said: Vec<Part<'_>> =
            parts.iter().map(|p| Part::new((&p.map, &p.other_maps), &p.placement, p.inside.as_deref())).collect();
        let joining = Joining { levels: &self.levels, views: &self.views };
        let Joined { raw_scores, shares, maps, finest, strongest } = joining.join(&said, views, admission.condition)?;
        let placement = parts[finest].placement.clone();
        let inside = parts[finest].inside.clone();
        let (patches, grid) = (parts[strongest].patches.clone(), parts[strongest].grid);
        let (descriptors, pooled) = (parts[0].descriptors.clone(), parts[0].pooled.take());
        let parts = parts.into_iter().zip(shares).map(|(scored, share)| PartScored { scored, share }).collect();
        let joined = Drawn::of(raw_scores, patches, maps);
        let Drawn { raw_scores, patches, map, other_maps } = joined.ok_or(DetectError::Bank(BankError::Empty))?;
        Ok(Scored {
            raw_scores,
            patches,
            grid,
            inside,
            map,
            other_maps,
            placement,
            admission,
            descriptors,
            pooled,
            parts,
        })
    }
}
