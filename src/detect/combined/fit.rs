//! Fitted detectors become one.

use super::fitted::Combined;
use super::joining::{Joining, Part};
use super::levels::{Level, PartLevels};
use crate::bundle::LEAST_SCORE_DEVIATION;
use crate::condition::Admission;
use crate::detect::{
    Described, DetectError, Detector, Distances, Drawn, Fit, Inside, Training, View, distances_without, draw_without,
    leave_out_of,
};
use crate::image::Placement;
use crate::score::{Conformal, OWN_CALIBRATION_FROM};
use std::sync::OnceLock;

/// A part with the descriptors that it was fitted to, as long as its images are left out in turn.
pub(crate) struct FittedPart {
    pub(crate) fit: Box<dyn Fit>,
    pub(crate) described: Option<Described>,
    /// What was said of its images, each without those of its group, as far as that is kept.
    pub(crate) said: Said,
}

/// What a part says of images that are left out in turn, so that it need not be asked twice: once for what its own scores mean, and
/// once for what all parts say together. Each image is asked of under the same views and admission, or under the first ones.
#[derive(Default)]
pub(crate) struct Said(Vec<OnceLock<Distances>>);

/// Values that are kept of what all parts say, at most: 64 MiB.
const MOST_SAID: usize = 1 << 24;

impl FittedPart {
    /// Has each part keep what it says under so many views, as long as that is little.
    pub(crate) fn keep_said(parts: &mut [Self], n_views: usize) {
        let mut n_values = 0;
        for Self { described, said, .. } in parts {
            let Some(described) = described else { continue };
            let own = (0..described.n_images()).map(|index| described.own_rows(index).len()).sum::<usize>();
            n_values += 2 * own * n_views;
            if n_values <= MOST_SAID {
                said.0 = (0..described.n_images()).map(|_| OnceLock::new()).collect();
            }
        }
    }

    /// As [`leave_out_of`], which is asked where nothing is kept.
    pub(crate) fn leave_out(
        &self,
        training: &Training<'_>,
        index: usize,
        admission: Admission,
        views: &[View],
    ) -> Result<Option<Drawn>, DetectError> {
        let Some(room) = self.said.0.get(index) else {
            return leave_out_of(&*self.fit, training, index, admission, views);
        };
        let found = match room.get() {
            Some(known) => Some(known.clone()),
            None => distances_without(&*self.fit, training, index, admission, views)?,
        };
        let Some(found) = found else { return Ok(None) };
        Ok(draw_without(&*self.fit, training, index, room.get_or_init(|| found).clone()))
    }
}

/// What the scores of held-out normals say, all of them and those of each condition: `(condition, score)` of each image.
///
/// # Errors
/// [`DetectError::Score`].
pub(crate) fn levels_of(held_out: &[(usize, f32)], n_conditions: usize) -> Result<PartLevels, DetectError> {
    let of = |scores: &[f32]| -> Result<Level, DetectError> {
        // Any rate will do: no threshold is drawn here.
        let Conformal { mean, std, .. } = Conformal::of(scores, 0.5)?;
        Ok(Level { mean, std: std.max(LEAST_SCORE_DEVIATION) })
    };
    let all: Vec<f32> = held_out.iter().map(|(_, score)| *score).collect();
    let all = of(&all)?;
    let own = |condition: usize| -> Result<Level, DetectError> {
        let own: Vec<f32> = held_out.iter().filter(|(c, _)| *c == condition).map(|(_, score)| *score).collect();
        if own.len() < OWN_CALIBRATION_FROM { Ok(all) } else { of(&own) }
    };
    Ok(PartLevels { all, per_condition: (0..n_conditions).map(own).collect::<Result<_, _>>()? })
}

/// What parts would say of the `index`-th image that they learned from, had they never seen any of its group. `None` where one
/// of them has nothing else left to compare with.
///
/// # Errors
/// As [`Fit::leave_out`].
pub(crate) fn leave_out(
    parts: &[FittedPart],
    (levels, views): (&[Vec<PartLevels>], &[View]),
    training: &Training<'_>,
    index: usize,
    admission: Admission,
) -> Result<Option<Drawn>, DetectError> {
    let mut found: Vec<(Drawn, Placement, Option<&Inside>)> = vec![];
    let (height_px, width_px) = training.size_px[training.images[index]];
    for part in parts {
        let Some(described) = &part.described else { return Ok(None) };
        let own = Training { described, ..*training };
        let Some(drawn) = part.leave_out(&own, index, admission, views)? else { return Ok(None) };
        let placement = part.fit.detector().features().preprocessing().placement(height_px, width_px);
        found.push((drawn, placement, described.inside(index)));
    }
    let said: Vec<Part<'_>> = found
        .iter()
        .map(|(own, placement, inside)| Part::new((&own.map, &own.other_maps), placement, *inside))
        .collect();
    let joined = Joining { levels, views }.join(&said, views, admission.condition)?;
    let patches = found.swap_remove(joined.strongest).0.patches;
    Ok(Drawn::of(joined.raw_scores, patches, joined.maps))
}

/// The sum of parts' standardised scores under the first view.
pub(crate) fn standardised(levels: &[Vec<PartLevels>], raw_scores: &[f32], condition: usize) -> f32 {
    let share = |(levels, raw): (&Vec<PartLevels>, &f32)| {
        levels.first().map_or(0.0, |levels| (raw - levels.of(Some(condition)).mean) / levels.of(Some(condition)).std)
    };
    levels.iter().zip(raw_scores).map(share).sum()
}

/// The parts as one detector.
pub(crate) fn joined(parts: Vec<FittedPart>, levels: Vec<Vec<PartLevels>>, views: &[View]) -> Box<dyn Detector> {
    let parts = parts.into_iter().map(|part| part.fit.into_detector()).collect();
    Box::new(Combined { parts, levels, views: views.to_vec() })
}
