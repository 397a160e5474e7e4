//! Normal images to a bundle.

use super::context::tell_left_out;
use super::place::{check_bundle, check_folder, existing_folder, prepare_folder_of};
use super::suspects::Showing;
use super::training::check_run;
use super::{Context, JobError, Opened};
use crate::bundle::{self, Contents};
use crate::dataset::{Listing, mark_output};
use crate::model::OpenDevice;
use crate::train::{self, FitPlan, Fitted};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What to fit, and where to.
#[derive(Clone, Copy)]
pub struct FitJob<'a> {
    /// The normal images.
    pub listing: &'a Listing,
    /// How.
    pub plan: &'a FitPlan,
    /// A bundle whose conditions stay as they are, and which gets those of the images besides
    /// ([`add_to`](train::add_to)).
    pub base: Option<&'a Contents>,
    /// Where the bundle goes; one that is there is replaced.
    pub bundle: &'a Path,
    /// Folder for a page about the images that score unlike the others ([`SUSPECTS_PAGE`](super::SUSPECTS_PAGE)) and `overlays/`
    /// of them, if that is wanted.
    pub suspects: Option<&'a Path>,
}

/// A fit that was written.
#[non_exhaustive]
pub struct FitDone {
    /// What was fitted, and which images could not be read.
    pub fitted: Fitted,
    /// The page about suspects, or why there is none; `None` where it was not asked for.
    pub page: Option<Result<PathBuf, JobError>>,
    /// Time of all of it.
    pub seconds: f64,
}

/// Fits and writes the bundle. Where the plan names no place for descriptors that memory does not hold, it is the bundle's
/// folder. Batch and memory are those of `context`. A page about suspects that can't be written is no error: the bundle is there.
///
/// # Errors
/// [`JobError::Fit`]; or the bundle can't be written: its place is looked at before the work.
pub fn fit(job: &FitJob<'_>, device: &OpenDevice, context: &Context<'_>) -> Result<FitDone, JobError> {
    let FitJob { listing, bundle: path, base, suspects, .. } = *job;
    let start = Instant::now();
    check_bundle(path)?;
    check_run(job.plan)?;
    if let Some(folder) = suspects {
        check_folder(folder)?;
        mark_output(folder, &["overlays"]).map_err(JobError::file("writing into", folder))?;
    }
    let plan = FitPlan {
        scratch: Some(job.plan.scratch.clone().unwrap_or_else(|| existing_folder(path))),
        draw_suspects: suspects.is_some() || job.plan.draw_suspects,
        batch: context.pace.batch,
        memory_bytes: context.pace.memory_bytes,
        ..job.plan.clone()
    };
    let fitted = match base {
        Some(base) => train::add_to(base, &listing.samples, &plan, device, context.progress),
        None => train::fit(&listing.samples, &plan, device, context.progress),
    };
    let fitted = fitted.map_err(|source| JobError::Fit { root: listing.root.clone(), source: Box::new(source) })?;
    tell_left_out(&fitted.failures, context.progress);
    prepare_folder_of(path)?;
    bundle::write(path, &fitted.contents, &job.plan.registry)?;
    // The bundle is there, whatever becomes of its page.
    let page = suspects.map(|folder| {
        let opened = Opened::open(fitted.contents.clone(), path, "just fitted", device.clone())?;
        Showing { folder, listing, opened, context }.write(&fitted)
    });
    Ok(FitDone { fitted, page, seconds: start.elapsed().as_secs_f64() })
}
