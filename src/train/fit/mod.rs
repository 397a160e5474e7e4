//! The fit itself.

mod again;
mod contents;
mod cross_fit;
mod defects;
mod describe;
mod failure;
mod going_on;
mod groups;
mod held_out;
mod learn;
mod look;
mod room;
mod round;
mod suspects;

use super::group::groups_by_rule;
use super::originals::Originals;
use super::plan::MOST_ROUNDS;
use super::products::check_one_product;
use super::{FitPlan, PartPlan, TileRule, TrainError};
use crate::bundle::Contents;
use crate::bundle::MAX_COPIES;
use crate::condition::{ConditionError, ConditionRule, GateKind, Policy, condition_of};
use crate::dataset::Sample;
use crate::detect::{FeaturePipeline, Options, PipelineSpec};
use crate::flow::Flow;
use crate::image::{Image, Resize, Tiles};
use crate::model::OpenDevice;
use crate::progress::Progress;
use crate::score::Conformal;
pub use failure::Failure;
pub(crate) use going_on::{Further, Learnt, LearntScore, go_on_with};
pub use suspects::FittedSuspect;

use look::{all_named, look};
pub(crate) use look::{digest, fingerprint_of, joined_fingerprint};
use room::flow;
use round::{Round, named, verb};
use std::borrow::Borrow;
use std::sync::Arc;

/// What a fit made.
#[derive(Debug)]
#[non_exhaustive]
pub struct Fitted {
    /// The bundle.
    pub contents: Contents,
    /// Images left out because they could not be read.
    pub failures: Vec<Failure>,
    /// Names of the images that calibrate, in the order of [`Contents::scores`].
    pub calibrating: Vec<String>,
    /// Training images whose score by the others lies far above theirs: those that stay, then those that were left out.
    pub suspects: Vec<FittedSuspect>,
}

/// Fits a detector to normal images.
///
/// ```no_run
/// use pcore::{FitPlan, OpenDevice, Silent};
///
/// let normals = pcore::dataset::normals("train/good".as_ref(), None)?;
/// let plan = FitPlan { alpha: 0.05, conditions: "folder".parse()?, ..FitPlan::default() };
/// let fitted = pcore::fit(&normals.samples, &plan, &OpenDevice::cpu(), &Silent)?;
/// println!("threshold {:?}", fitted.contents.manifest.calibration.global.threshold);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`TrainError`], for one where `progress` says that the work is to stop; images that can't be read are no error as long as enough are left, see [`Fitted::failures`].
pub fn fit(
    samples: &[Sample],
    plan: &FitPlan,
    device: &OpenDevice,
    progress: &dyn Progress,
) -> Result<Fitted, TrainError> {
    fit_originals(&Originals::files(samples), plan, device, progress)
}

/// As [`fit`], of images in memory, each with its name: the bundle is that of files of one product with these names
/// and pixels, bit for bit.
/// Pixels are as [`image::read`](crate::image::read) gives them, 0 to 1 for integers, so that a range of values
/// ([`Preprocessing::range`](crate::image::Preprocessing)) has been applied already.
///
/// A name is what a path below the folder of a data set is, `cold/17.png`: rules for conditions and groups that look at
/// folders, names and the order see it. A rule by a table needs files. The images stay where they are; what the plan allows of
/// memory counts them as taken.
///
/// ```no_run
/// use pcore::{FitPlan, Image, OpenDevice, Silent};
///
/// # fn grab() -> Vec<f32> { vec![0.5; 480 * 640] }
/// let shot = |number: usize| Ok((format!("{number}.png"), Image::new(grab(), 480, 640, 1)?));
/// let normals = (0..40).map(shot).collect::<Result<Vec<_>, pcore::image::ImageError>>()?;
/// let fitted = pcore::fit_images(&normals, &FitPlan::default(), &OpenDevice::cpu(), &Silent)?;
/// fitted.contents.write("part.pcore".as_ref())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`fit`], and [`TrainError::SameName`] for two images of one name.
pub fn fit_images<N: AsRef<str>, I: Borrow<Image>>(
    images: &[(N, I)],
    plan: &FitPlan,
    device: &OpenDevice,
    progress: &dyn Progress,
) -> Result<Fitted, TrainError> {
    fit_originals(&Originals::in_memory(images)?, plan, device, progress)
}

fn fit_originals(
    originals: &Originals<'_>,
    plan: &FitPlan,
    device: &OpenDevice,
    progress: &dyn Progress,
) -> Result<Fitted, TrainError> {
    fit_on(originals, plan, &mut |spec| Ok(FeaturePipeline::open(spec, device)?), (&Policy::ALL, true), progress)
}

/// Opens the pipeline of a part.
pub(crate) type OpenPipeline<'a> = &'a mut dyn FnMut(&PipelineSpec) -> Result<FeaturePipeline, TrainError>;

/// As [`fit`], on the pipelines that `open` gives, calibrated under these policies alone; [`Policy::Mixed`] must be one. Without
/// `screens`, suspects are looked for only among the images that calibrate.
pub(crate) fn fit_on(
    originals: &Originals<'_>,
    plan: &FitPlan,
    open: OpenPipeline<'_>,
    (policies, screens): (&[Policy], bool),
    progress: &dyn Progress,
) -> Result<Fitted, TrainError> {
    check(&originals.samples, plan)?;
    let mut open = |part: &PartPlan| open(&part.pipeline);
    let mut pipelines = plan.parts.iter().map(&mut open).collect::<Result<Vec<_>, _>>()?;
    let mut flows = flows_of(plan, &pipelines, (originals.samples.len(), &[]))?;
    let (mut samples, mut glances, failures, peaks) = look(originals, plan, &flows[0], progress)?;
    let sizes: Vec<(usize, usize)> = glances.iter().map(|glance| glance.size_px).collect();
    let tiles = tiles_of(plan, &sizes, progress);
    cut(&mut pipelines, tiles)?;
    if tiles.is_some() {
        flows = flows_of(plan, &pipelines, (samples.len(), &sizes))?;
    }
    peaks.limit(&mut flows[0]);
    let roi = plan.region_of_interest(glances[0].size_px)?.map(Arc::new);
    pipelines.iter_mut().for_each(|features| features.set_roi(roi.clone()));
    let mut afresh = || {
        let mut pipelines = plan.parts.iter().map(&mut open).collect::<Result<Vec<_>, _>>()?;
        cut(&mut pipelines, tiles)?;
        pipelines.iter_mut().for_each(|features| features.set_roi(roi.clone()));
        Ok(pipelines)
    };
    let (mut dropped, mut n_rounds): (Vec<FittedSuspect>, usize) = (vec![], 0);
    loop {
        let round = Round::fit(
            (plan, &roi),
            (&samples, &mut glances),
            (pipelines, flows.clone(), &mut afresh),
            (policies, screens, &dropped),
            progress,
        )?;
        let found: Vec<FittedSuspect> = round.suspects.iter().map(|suspect| suspect.fitted(&samples)).collect();
        if !plan.drop_suspects || round.suspects.is_empty() || n_rounds == MOST_ROUNDS {
            round.warn(progress);
            let Round { contents, calibrating, .. } = round;
            return Ok(Fitted { contents, failures, calibrating, suspects: [found, dropped].concat() });
        }
        n_rounds += 1;
        progress.note(&format!(
            "{} of {} training images {} far above the others ({}): it is fitted again without",
            found.len(),
            samples.len(),
            verb(found.len()),
            named(found.iter().map(|suspect| &suspect.entry))
        ));
        dropped.extend(found.into_iter().map(|suspect| FittedSuspect { is_dropped: true, ..suspect }));
        let is_kept = |sample: &Sample| dropped.iter().all(|suspect| suspect.entry.name != sample.name);
        let mut keep = samples.iter().map(|sample| is_kept(sample)).collect::<Vec<_>>().into_iter();
        glances.retain(|_| keep.next().unwrap_or(true));
        samples.retain(|sample| is_kept(sample));
        pipelines = afresh()?;
    }
}

/// Has all parts see images in these tiles.
fn cut(pipelines: &mut [FeaturePipeline], tiles: Option<Tiles>) -> Result<(), TrainError> {
    let mut other = pipelines.iter_mut().filter(|features| features.preprocessing().tiles.is_some() || tiles.is_some());
    Ok(other.try_for_each(|features| features.set_tiles(tiles))?)
}

/// How the images of each part are read.
fn flows_of(
    plan: &FitPlan,
    pipelines: &[FeaturePipeline],
    images: (usize, &[(usize, usize)]),
) -> Result<Vec<Flow>, TrainError> {
    plan.parts.iter().zip(pipelines).map(|(part, features)| flow(plan, part, features, images)).collect()
}

/// How images of these sizes are cut; said where nobody asked for it.
fn tiles_of(plan: &FitPlan, sizes: &[(usize, usize)], progress: &dyn Progress) -> Option<Tiles> {
    let inputs = plan.parts.iter().map(|part| &part.pipeline.preprocessing);
    let can_cut = inputs.clone().all(|input| input.resize == Resize::StretchBilinear);
    if plan.tiles == TileRule::Auto && !can_cut {
        return None;
    }
    let inputs_px: Vec<(usize, usize)> = inputs.map(|input| (input.height_px, input.width_px)).collect();
    let tiles = plan.tiles.tiles(&inputs_px, sizes)?;
    if plan.tiles == TileRule::Auto {
        let (height_px, width_px) = inputs_px.into_iter().max_by_key(|(h, w)| h * w)?;
        progress.note(&format!(
            "the images are much larger than the network's input of {height_px} x {width_px}: they are cut into tiles of {} pixels that overlap by {}; `FitPlan::tiles` none shrinks them",
            tiles.size_px, tiles.overlap_px
        ));
    }
    Some(tiles)
}

/// Refuses what can be told before any image is read.
fn check(samples: &[Sample], plan: &FitPlan) -> Result<(), TrainError> {
    if plan.parts.is_empty() {
        return Err(TrainError::NoParts);
    }
    if !plan.defects.is_empty() && !plan.parts.iter().any(|part| part.method.learns_from_defects()) {
        let learns =
            |kind: &&str| plan.registry.method(kind, &Options::default()).is_ok_and(|m| m.learns_from_defects());
        let known = plan.registry.methods().filter(learns).collect::<Vec<_>>().join(", ");
        return Err(TrainError::NoDefects { kind: plan.parts[0].method.kind().to_owned(), known });
    }
    if !(1..=MAX_COPIES).contains(&plan.rotate) {
        return Err(TrainError::Rotate { expected: "1 to 360 copies of each image", found: plan.rotate });
    }
    if plan.rotate > 1 && !(plan.roi.is_empty() && plan.ignore.is_empty()) {
        let expected = "1 with a region of interest, which lies elsewhere in a turned image";
        return Err(TrainError::Rotate { expected, found: plan.rotate });
    }
    if plan.shots == Some(0) {
        return Err(TrainError::NoShots);
    }
    if plan.conditions == ConditionRule::None {
        check_one_product(samples)?;
    }
    // A wrong rate is refused before the work, not after.
    Conformal::of(&[], plan.alpha)?;
    check_names(samples, plan)
}

/// Refuses what names alone tell before any image is read: tables and patterns that leave images out.
fn check_names(samples: &[Sample], plan: &FitPlan) -> Result<(), TrainError> {
    let samples: Vec<&Sample> = samples.iter().collect();
    if !matches!(plan.conditions, ConditionRule::P90 { .. }) {
        let names = all_named(condition_of(&plan.conditions, &samples, None)?, &samples)?;
        if plan.gate == GateKind::P90 && names.iter().any(|name| *name != names[0]) {
            return Err(ConditionError::NoLevel.into());
        }
    }
    groups_by_rule(&plan.group, &samples).map(|_| ())
}

#[cfg(test)]
mod tests;
