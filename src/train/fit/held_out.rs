//! Scores of normal images that the bank does not know, or acts as if it did not.

use super::look::{Glance, check_unchanged};
use super::{Candidates, go_on};
use crate::bank::MemoryBank;
use crate::condition::{Admission, Gate};
use crate::dataset::Sample;
use crate::flow::{Decoded, Flow, in_batches};
use crate::image::Image;
use crate::infer::{Distances, FeaturePipeline, How, InferError, score};
use crate::progress::Progress;
use crate::train::TrainError;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// A normal image that calibrates, scored under every policy.
pub(super) struct HeldOut {
    pub(super) image: usize,
    pub(super) raw_scores: Vec<f32>,
    pub(super) density_scores: Vec<f32>,
    pub(super) map_maxima: Vec<f32>,
    /// The condition under which it was scored.
    pub(super) condition: usize,
}

/// Scores the held-out images as new ones will be: the gate tells their condition. Where it abstains, they count to the
/// condition they were labelled with, as an image does whose condition is given.
pub(super) fn calibrate(
    pipeline: &FeaturePipeline,
    bank: &MemoryBank,
    flow: &Flow,
    (samples, glances): (&[&Sample], &[Glance]),
    (held_out, label): (&[usize], &[usize]),
    (gate, how): (&Gate, &How<'_>),
    progress: &dyn Progress,
) -> Result<Vec<HeldOut>, TrainError> {
    let mut found = Vec::with_capacity(held_out.len());
    progress.begin("calibrating", held_out.len());
    let paths: Vec<&Path> = held_out.iter().map(|i| samples[*i].path.as_path()).collect();
    in_batches(&paths, flow, |range, decoded| {
        go_on(progress)?;
        let chunk = &held_out[range];
        let (images, _shares) = Decoded::whole(decoded).map_err(InferError::Image)?;
        let images: Vec<&Image> = images.iter().collect();
        let seen: Vec<_> = chunk.iter().map(|i| (samples[*i], &glances[*i])).collect();
        check_unchanged(&seen, &images)?;
        let admit = |index: usize, descriptors: &[f32]| {
            let own = gate.admit(images[index], descriptors, bank.dim());
            let labelled = Admission::certain(label[chunk[index]]);
            if own.condition.is_some() { own } else { labelled }
        };
        let scored = score(pipeline, bank, &images, how, &admit)?;
        found.extend(scored.iter().zip(chunk).map(|(by_policy, image)| HeldOut {
            image: *image,
            raw_scores: by_policy.iter().map(|s| s.raw_score).collect(),
            density_scores: by_policy.iter().filter_map(|s| s.density_score).collect(),
            map_maxima: by_policy.iter().map(|s| s.map.max()).collect(),
            condition: by_policy.first().and_then(|s| s.admission.condition).unwrap_or(label[*image]),
        }));
        progress.advance(chunk.len());
        Ok::<_, TrainError>(())
    })?;
    progress.end();
    Ok(found)
}

/// Scores each of the bank's images by the rows of the other groups: what the bank would say of it had it never seen the part.
/// Empty when there is only one group. `group_of`: the group of each image.
///
/// The rows were picked with all images in view, so this is the jackknife, not a refit; a row that only its own image
/// justifies is gone with it, which errs on the side of higher scores.
///
/// The gate has seen these images, so their labels take its place.
pub(super) fn leave_each_out(
    pipeline: &FeaturePipeline,
    bank: &MemoryBank,
    candidates: &Candidates,
    (bank_images, label, group_of): (&[usize], &[usize], &[usize]),
    how: &How<'_>,
    progress: &dyn Progress,
) -> Result<Vec<HeldOut>, TrainError> {
    progress.begin("calibrating", bank_images.len());
    let found: Result<Vec<Option<HeldOut>>, TrainError> = bank_images
        .par_iter()
        .enumerate()
        .map(|(index, image)| {
            go_on(progress)?;
            let rows = &*candidates.image(index)?;
            let condition = label[*image];
            let admission = Admission::certain(condition);
            let mut held =
                HeldOut { image: *image, raw_scores: vec![], density_scores: vec![], map_maxima: vec![], condition };
            let is_left_out = |source: u32| group_of[source as usize] == group_of[*image];
            let others = bank.nearest_by_condition_without(rows, how.scoring.map_neighbours, &is_left_out)?;
            for policy in how.policies {
                let Some(nearest) = others.under(policy.search(admission, how.n_conditions)) else { break };
                let found = Distances::of(rows, nearest, candidates.grid(), bank, how, pipeline.preprocessing())?;
                held.raw_scores.push(found.raw_score);
                held.density_scores.extend(found.density_score);
                held.map_maxima.push(found.map.max());
            }
            progress.advance(1);
            Ok((held.raw_scores.len() == how.policies.len()).then_some(held))
        })
        .collect();
    progress.end();
    // An image without others is the only one, or the only one that has rows.
    Ok(found?.into_iter().flatten().collect())
}

/// One score for each group: the largest of its images', under each policy for itself. A new part is exchangeable with the
/// groups, so that an image of it exceeds their quantile at most as often as its most striking image does.
///
/// Of a group with images in several conditions, those in `home`, the condition it counts to, have a say. `default`: the
/// policy that tells which image stands for the group.
pub(super) fn one_per_group(held: Vec<HeldOut>, group_of: &[usize], home: &[usize], default: usize) -> Vec<HeldOut> {
    let mut by_group: BTreeMap<usize, Vec<HeldOut>> = BTreeMap::new();
    for image in held {
        by_group.entry(group_of[image.image]).or_default().push(image);
    }
    let most = |(group, mut images): (usize, Vec<HeldOut>)| {
        if images.iter().any(|image| image.condition == home[group]) {
            images.retain(|image| image.condition == home[group]);
        }
        images.into_iter().reduce(|mut most, other| {
            if other.raw_scores[default] > most.raw_scores[default] {
                (most.image, most.condition) = (other.image, other.condition);
            }
            raise(&mut most.raw_scores, &other.raw_scores);
            raise(&mut most.density_scores, &other.density_scores);
            raise(&mut most.map_maxima, &other.map_maxima);
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
