//! Cross-fitting: every image is scored by a detector that was fitted without its part of the images.

use super::describe::Pools;
use super::groups::Groups;
use super::held_out::{HeldOut, calibrate, one_per_group};
use super::learn::{Learned, Learning};
use super::look::n_ahead;
use crate::detect::{DetectError, Detector, FeaturePipeline, FittedPart, go_on, joined};
use crate::flow::Flow;
use crate::progress::Progress;
use crate::train::TrainError;
use crate::train::split::{Split, fold_of};

/// Pipelines for one more fit.
pub(super) type Afresh<'a> = &'a mut dyn FnMut() -> Result<Vec<FeaturePipeline>, TrainError>;

/// Fits `n_folds` times, each time without one part of the groups of each condition, and has each fit score the images of its
/// part as new ones will be. What scores of parts of a detector mean is told by the fit to all images, so that scores of
/// different fits compare.
pub(super) fn cross_fit(
    whole: &Learning<'_>,
    learned: &Learned,
    (n_folds, afresh): (usize, Afresh<'_>),
    flows: &[Flow],
    progress: &dyn Progress,
) -> Result<Vec<HeldOut>, TrainError> {
    let Groups { units, .. } = &whole.groups;
    let fold_of = fold_of(units, whole.conditions.len(), n_folds, whole.plan.seed);
    let mut held = vec![];
    for fold in 0..n_folds {
        go_on(progress)?;
        let of = |is_own: bool| {
            let images = whole.split.bank.iter().copied();
            images.filter(|image| (fold_of[*image] == fold) == is_own).collect::<Vec<usize>>()
        };
        let split = Split { bank: of(false), held_out: of(true) };
        if split.held_out.is_empty() || split.bank.is_empty() {
            continue;
        }
        let own = whole.with(split);
        let mut parts = vec![];
        for ((part, features), flow) in own.plan.parts.iter().zip(afresh()?).zip(flows) {
            let flow = as_roomy_as(&flows[0], flow);
            parts.push(own.fit(part, features, (&flow, Pools::None), progress)?.0);
        }
        let detector = detector_of(parts, learned)?;
        let flow = flows.iter().min_by_key(|flow| flow.batch).ok_or(TrainError::NoParts)?;
        let held_out = (&*own.split.held_out, own.label);
        let told = (&learned.gate.gate, &*learned.views);
        held.extend(calibrate(&*detector, flow, (own.samples, own.glances), held_out, told, progress)?);
    }
    held.sort_by_key(|held| held.image);
    let groups = &whole.groups;
    Ok(if groups.are_used() { one_per_group(held, &groups.of_image, &groups.units.condition) } else { held })
}

/// A part's flow with the room of the first one's, which is what the images need, and what its own input takes more.
fn as_roomy_as(first: &Flow, flow: &Flow) -> Flow {
    let more_bytes = flow.image_bytes.saturating_sub(first.image_bytes) * n_ahead(flow);
    Flow { room_bytes: flow.room_bytes.min(first.room_bytes.saturating_add(more_bytes)), ..*flow }
}

fn detector_of(parts: Vec<FittedPart>, learned: &Learned) -> Result<Box<dyn Detector>, DetectError> {
    match <[FittedPart; 1]>::try_from(parts) {
        Ok([part]) => Ok(part.fit.into_detector()),
        Err(parts) => {
            let missing =
                || DetectError::NoView { view: learned.views.first().map(ToString::to_string).unwrap_or_default() };
            let (levels, views) = learned.detector.joining().ok_or_else(missing)?;
            Ok(joined(parts, levels.to_vec(), views))
        }
    }
}
