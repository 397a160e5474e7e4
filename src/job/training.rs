//! Trainings of a fit: where they are recorded, and whether there are any.

use super::JobError;
use super::place::{prepare_folder, refuse_link};
use crate::detect::Options;
use crate::model::training::Journal;
use crate::report::training::{RECORD_FILES, TrainingRecord};
use crate::train::FitPlan;
use std::path::Path;
use std::sync::Arc;

/// A record of trainings in a folder, which is made. `goes_on` keeps the rows of an interrupted run.
///
/// # Errors
/// The folder can't be written into.
pub fn record_trainings(folder: &Path, goes_on: bool) -> Result<Arc<dyn Journal>, JobError> {
    prepare_folder(folder)?;
    RECORD_FILES.iter().try_for_each(|name| refuse_link(&folder.join(name)))?;
    let record = TrainingRecord::open(folder, goes_on).map_err(JobError::file("writing into", folder))?;
    Ok(Arc::new(record))
}

/// Refuses `setting`, one of a training, where nothing of the plan trains.
///
/// # Errors
/// [`JobError::NothingTrains`].
pub fn check_trains(plan: &FitPlan, setting: &'static str) -> Result<(), JobError> {
    if plan.parts.iter().any(|part| part.method.trains()) {
        return Ok(());
    }
    let detectors = plan.parts.iter().map(|part| part.method.kind()).collect::<Vec<_>>().join(", ");
    let trains = |kind: &&str| plan.registry.method(kind, &Options::default()).is_ok_and(|method| method.trains());
    let known = plan.registry.methods().filter(trains).collect::<Vec<_>>().join(", ");
    Err(JobError::NothingTrains { setting, detectors, known })
}

/// Refuses checkpoints and records of what trains nothing, and checkpoints in the way.
pub(super) fn check_run(plan: &FitPlan) -> Result<(), JobError> {
    let run = &plan.training_run;
    if run.journal.is_some() {
        check_trains(plan, "`TrainingRun::journal`")?;
    }
    let Some(own) = &run.checkpoints else { return Ok(()) };
    check_trains(plan, "`TrainingRun::checkpoints`")?;
    super::place::check_folder(&own.folder)?;
    own.check().map_err(|error| JobError::Detect(error.into()))
}
