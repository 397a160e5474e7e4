//! Scores of normal images that the bank does not know, or acts as if it did not.

use super::look::{Glance, check_unchanged};
use crate::condition::{Admission, Gate};
use crate::dataset::Sample;
use crate::detect::{Asked, DetectError, Detector, Drawn, Pooled, Training, View, go_on};
use crate::flow::{Decoded, Flow, Origin, in_batches};
use crate::image::Image;
use crate::progress::Progress;
use crate::train::TrainError;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// A normal image that calibrates.
pub(super) struct HeldOut {
    pub(super) image: usize,
    /// Under each view.
    pub(super) raw_scores: Vec<f32>,
    /// The largest value of its map under the first view.
    pub(super) map_maximum: f32,
    /// The condition under which it was scored.
    pub(super) condition: usize,
}

/// Scores the held-out images as new ones will be: the gate tells their condition. Where it abstains, they count to the
/// condition they were labelled with, as an image does whose condition is given.
pub(super) fn calibrate(
    detector: &dyn Detector,
    flow: &Flow,
    (samples, glances): (&[&Sample], &[Glance<'_>]),
    (held_out, label): (&[usize], &[usize]),
    (gate, views): (&Gate, &[View]),
    progress: &dyn Progress,
) -> Result<Vec<HeldOut>, TrainError> {
    let mut found = Vec::with_capacity(held_out.len());
    progress.begin("calibrating", held_out.len());
    let origins: Vec<Origin<'_>> = held_out.iter().map(|i| glances[*i].origin).collect();
    in_batches(&origins, flow, |range, decoded| {
        go_on(progress)?;
        let chunk = &held_out[range];
        let (images, _shares) = Decoded::whole(decoded).map_err(DetectError::Image)?;
        let images: Vec<&Image> = images.iter().map(|image| &**image).collect();
        let seen: Vec<_> = chunk.iter().map(|i| (samples[*i], &glances[*i])).collect();
        check_unchanged(&seen, &images)?;
        let admit = |index: usize, pooled: Pooled<'_>| {
            let own = gate.admit_by(images[index], pooled)?;
            let labelled = Admission::certain(label[chunk[index]]);
            Ok(if own.condition.is_some() { own } else { labelled })
        };
        let scored = detector.score(&images, &admit, Asked { views, ..Asked::default() })?;
        found.extend(scored.into_iter().zip(chunk).map(|(scored, image)| HeldOut {
            image: *image,
            map_maximum: scored.map.max(),
            condition: scored.admission.condition.unwrap_or(label[*image]),
            raw_scores: scored.raw_scores,
        }));
        progress.advance(chunk.len());
        Ok::<_, TrainError>(())
    })?;
    progress.end();
    Ok(found)
}

/// What would be said of the image of this index, so admitted, had it never been seen.
pub(super) type LeaveOut<'a> = &'a (dyn Fn(usize, Admission) -> Result<Option<Drawn>, DetectError> + Sync);

/// Scores each image that the detector learned from as if it had never seen any of its group. Empty where there is only one
/// group.
///
/// The gate has seen these images, so their labels take its place.
///
/// `stage`: what progress calls it.
pub(super) fn leave_each_out(
    stage: &str,
    leave_out: LeaveOut<'_>,
    training: &Training<'_>,
    progress: &dyn Progress,
) -> Result<Vec<HeldOut>, TrainError> {
    progress.begin(stage, training.images.len());
    let found: Result<Vec<Option<HeldOut>>, TrainError> = (0..training.images.len())
        .into_par_iter()
        .map(|index| {
            go_on(progress)?;
            let condition = training.condition(index);
            let found = leave_out(index, Admission::certain(condition))?;
            progress.advance(1);
            Ok(found.map(|Drawn { raw_scores, map, .. }| HeldOut {
                image: training.images[index],
                raw_scores,
                map_maximum: map.max(),
                condition,
            }))
        })
        .collect();
    progress.end();
    // An image without others is the only one, or the only one that has rows.
    Ok(found?.into_iter().flatten().collect())
}

/// One score for each group: the largest of its images', under each policy for itself. A new part is exchangeable with the
/// groups, so that an image of it exceeds their quantile at most as often as its most striking image does.
///
/// Of a group with images in several conditions, those in `home`, the condition it counts to, have a say. The first view tells
/// which image stands for the group.
pub(super) fn one_per_group(held: Vec<HeldOut>, group_of: &[usize], home: &[usize]) -> Vec<HeldOut> {
    let mut by_group: BTreeMap<usize, Vec<HeldOut>> = BTreeMap::new();
    for image in held {
        by_group.entry(group_of[image.image]).or_default().push(image);
    }
    let most = |(group, mut images): (usize, Vec<HeldOut>)| {
        if images.iter().any(|image| image.condition == home[group]) {
            images.retain(|image| image.condition == home[group]);
        }
        images.into_iter().reduce(|mut most, other| {
            if other.raw_scores[0] > most.raw_scores[0] {
                (most.image, most.condition) = (other.image, other.condition);
            }
            raise(&mut most.raw_scores, &other.raw_scores);
            most.map_maximum = most.map_maximum.max(other.map_maximum);
            most
        })
    };
    by_group.into_iter().filter_map(most).collect()
}

/// The larger of each two.
fn raise(values: &mut [f32], others: &[f32]) {
    for (value, other) in values.iter_mut().zip(others) {
        *value = value.max(*other);
    }
}
