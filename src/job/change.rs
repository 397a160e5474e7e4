//! Bundles that are changed after their fit.

use super::context::tell_left_out;
use super::place::{check_bundle, existing_folder, prepare_folder_of};
use super::{Context, JobError};
use crate::bundle::Contents;
use crate::dataset::{Listing, Sample};
use crate::detect::Registry;
use crate::live::{
    self, CalibratePlan, Calibrated, ChoosePlan, Chosen, Forgotten, LiveError, Merged, UpdatePlan, Updated, Weighed,
};
use crate::model::OpenDevice;
use crate::score::CutRule;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A bundle that is to be changed, and where the changed one goes.
#[derive(Clone, Copy)]
pub struct ChangeJob<'a> {
    /// Its contents.
    pub contents: &'a Contents,
    /// Where it lies.
    pub bundle: &'a Path,
    /// Another place for the changed one; `None` to replace it, what was there kept beside it ([`live::undo`]).
    pub out: Option<&'a Path>,
}

impl ChangeJob<'_> {
    /// Where the changed bundle goes.
    #[must_use]
    pub fn place(&self) -> &Path {
        self.out.unwrap_or(self.bundle)
    }

    pub(super) fn check(&self) -> Result<(), JobError> {
        check_bundle(self.place())
    }

    pub(super) fn failed(&self) -> impl FnOnce(LiveError) -> JobError {
        let path = self.bundle.to_owned();
        move |source| JobError::Change { path, source: Box::new(source) }
    }

    /// Writes the changed bundle.
    pub(super) fn write(&self, contents: &Contents) -> Result<(), JobError> {
        prepare_folder_of(self.place())?;
        live::write_changed(self.place(), contents)?;
        Ok(())
    }
}

/// [`live::calibrate`] by these normal images, into the bundle.
///
/// # Errors
/// [`JobError::Change`]; or the bundle can't be written: its place is looked at before the work.
pub fn calibrate(
    job: &ChangeJob<'_>,
    listing: &Listing,
    plan: &CalibratePlan,
    device: &OpenDevice,
    context: &Context<'_>,
) -> Result<Calibrated, JobError> {
    job.check()?;
    let plan = CalibratePlan { pace: context.pace, ..plan.clone() };
    let contents = job.contents.clone();
    let done = live::calibrate(contents, &listing.samples, &plan, device, context.progress).map_err(job.failed())?;
    tell_left_out(&done.failures, context.progress);
    job.write(&done.contents)?;
    Ok(done)
}

/// [`live::choose_threshold`] on these labelled images, into the bundle.
///
/// # Errors
/// As [`calibrate`].
pub fn choose_threshold(
    job: &ChangeJob<'_>,
    labelled: &[Sample],
    plan: &ChoosePlan,
    device: &OpenDevice,
    context: &Context<'_>,
) -> Result<Chosen, JobError> {
    job.check()?;
    let plan = ChoosePlan { pace: context.pace, ..plan.clone() };
    let contents = job.contents.clone();
    let done = live::choose_threshold(contents, labelled, &plan, device, context.progress).map_err(job.failed())?;
    tell_left_out(&done.failures, context.progress);
    job.write(&done.contents)?;
    Ok(done)
}

/// [`live::set_cut`], into the bundle.
///
/// # Errors
/// As [`calibrate`].
pub fn set_cut(job: &ChangeJob<'_>, rule: CutRule) -> Result<Contents, JobError> {
    job.check()?;
    let at = Some(SystemTime::now());
    let changed = live::set_cut(job.contents.clone(), rule, at, Registry::built_in()).map_err(job.failed())?;
    job.write(&changed)?;
    Ok(changed)
}

/// [`live::set_alpha`], into the bundle.
///
/// # Errors
/// As [`calibrate`].
pub fn set_alpha(job: &ChangeJob<'_>, alpha: f64) -> Result<Contents, JobError> {
    job.check()?;
    let at = Some(SystemTime::now());
    let changed = live::set_alpha(job.contents.clone(), alpha, at, Registry::built_in()).map_err(job.failed())?;
    job.write(&changed)?;
    Ok(changed)
}

/// What an update is told beside its normal images.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Images that were false alarms: learned as well, each weighed against the known defects.
    pub false_alarms: Vec<Sample>,
    /// Known defects.
    pub defects: Vec<Sample>,
    /// Whether false alarms are learned even where known defects are missed for it.
    pub keeps_costly: bool,
}

/// An update that was written.
#[derive(Debug)]
#[non_exhaustive]
pub struct UpdateDone {
    /// What was learned.
    pub updated: Updated,
    /// What each false alarm costs, where defects are known.
    pub weighed: Vec<Weighed>,
    /// Names of false alarms that were forgotten again, since known defects are missed for them.
    pub left_out: Vec<String>,
}

/// [`live::update`] by these normal images, into the bundle. Where the plan names no place for descriptors that memory does not hold, it
/// is the bundle's folder. A false alarm for whose sake known defects are missed is not learned, unless that is asked for.
///
/// # Errors
/// As [`calibrate`].
pub fn update(
    job: &ChangeJob<'_>,
    (normals, evidence): (&[Sample], &Evidence),
    plan: &UpdatePlan,
    device: &OpenDevice,
    context: &Context<'_>,
) -> Result<UpdateDone, JobError> {
    job.check()?;
    let scratch = Some(plan.scratch.clone().unwrap_or_else(|| existing_folder(job.place())));
    let plan = UpdatePlan { pace: context.pace, scratch, ..plan.clone() };
    let samples: Vec<Sample> = normals.iter().chain(&evidence.false_alarms).cloned().collect();
    let contents = job.contents.clone();
    let mut updated = live::update(contents, &samples, &plan, device, context.progress).map_err(job.failed())?;
    tell_left_out(&updated.failures, context.progress);
    let is_alarm = |path: &PathBuf| evidence.false_alarms.iter().any(|sample| sample.path == *path);
    let alarms = updated.names.iter().zip(&updated.paths).filter(|(_, path)| is_alarm(path));
    let alarms: Vec<String> = alarms.map(|(name, _)| name.clone()).collect();
    let mut done = vec![];
    if !alarms.is_empty() && !evidence.defects.is_empty() {
        let on = (device, &context.pace);
        done =
            live::weigh(&updated.contents, &alarms, &evidence.defects, on, context.progress).map_err(job.failed())?;
    }
    let mut left_out: Vec<String> = vec![];
    if !evidence.keeps_costly {
        left_out.extend(done.iter().filter(|weighed| weighed.is_costly()).map(|weighed| weighed.name.clone()));
    }
    if left_out.len() == updated.names.len() {
        return Err(JobError::AllCostly { n_images: left_out.len() });
    }
    if !left_out.is_empty() {
        // As if they had never been there: thresholds and lineage are those of the others.
        let kept = |path: &PathBuf| {
            updated.paths.iter().zip(&updated.names).any(|(own, name)| own == path && !left_out.contains(name))
        };
        let samples: Vec<Sample> = samples.iter().filter(|sample| kept(&sample.path)).cloned().collect();
        let contents = job.contents.clone();
        updated = live::update(contents, &samples, &plan, device, context.progress).map_err(job.failed())?;
    }
    job.write(&updated.contents)?;
    Ok(UpdateDone { updated, weighed: done, left_out })
}

/// [`live::forget`] the images of these names, in the bundle.
///
/// # Errors
/// As [`calibrate`].
pub fn forget(
    job: &ChangeJob<'_>,
    names: &[String],
    device: &OpenDevice,
    at: Option<SystemTime>,
) -> Result<Forgotten, JobError> {
    job.check()?;
    let done = live::forget(job.contents.clone(), names, device, at).map_err(job.failed())?;
    job.write(&done.contents)?;
    Ok(done)
}

/// [`live::merge`] another bundle into this one.
///
/// # Errors
/// As [`calibrate`].
pub fn merge(
    job: &ChangeJob<'_>,
    second: &Contents,
    cap: Option<usize>,
    device: &OpenDevice,
    (context, at): (&Context<'_>, Option<SystemTime>),
) -> Result<Merged, JobError> {
    job.check()?;
    let (first, second) = (job.contents.clone(), second.clone());
    let done = live::merge(first, second, cap, device, (context.progress, at)).map_err(job.failed())?;
    job.write(&done.contents)?;
    Ok(done)
}
