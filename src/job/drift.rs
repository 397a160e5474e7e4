//! Whether a line has drifted.

use super::export::read_rows;
use super::history::read_all;
use super::place::{prepare_folder, write_bytes, write_text};
use super::times::ordered;
use super::{Context, JobError, Opened, PartOrder};
use crate::condition::light_statistics;
use crate::dataset::{Listing, path_text};
use crate::infer::Inspecting;
use crate::infer::{Calibration, inspect_and};
use crate::live::drift::{Drift, Part};
use crate::report::HistoryRow;
use crate::report::drift::DriftReport;
use std::path::{Path, PathBuf};

/// Inspects images in their order and hands each to `drift`. What can't be read is left out, and said.
///
/// # Errors
/// What makes every image fail, or a file that tells no time.
pub fn drift_of_images(
    (opened, listing): (&Opened, &Listing),
    order: PartOrder,
    mut drift: Drift,
    context: &Context<'_>,
) -> Result<DriftReport, JobError> {
    let samples = ordered(&listing.samples, order, context.progress)?;
    let mut report = DriftReport::default();
    let what = Inspecting {
        inspector: &opened.inspector,
        samples: &samples,
        table: None,
        calibration: Calibration::default(),
        explain: None,
        pools: true,
    };
    let prepare =
        |item: &crate::infer::Item<'_>| Ok(item.outcome.as_ref().ok().map(|(image, _)| light_statistics(image)));
    inspect_and(what, &context.pace, context.progress, prepare, |item, light| {
        match &item.outcome {
            Ok((image, inspection)) => {
                let light = light.unwrap_or_else(|| light_statistics(image));
                let part = drift.part(light, inspection);
                let state = drift.push_part(&part);
                report.states.push(state.clone());
                report.paths.push(path_text(&item.sample.path));
            }
            Err(error) => context.progress.warn(&format!("left out: {error}")),
        }
        Ok::<_, JobError>(())
    })?;
    Ok(report)
}

/// Hands the scores of results, folder by folder and in the order of their rows, to `drift`; of light and features they know nothing.
///
/// # Errors
/// Results that are not there or broken.
pub fn drift_of_results(folders: &[PathBuf], mut drift: Drift) -> Result<DriftReport, JobError> {
    let mut report = DriftReport::default();
    for folder in folders {
        for row in read_rows(folder)?.into_iter().filter(|row| row.raw_score.is_some()) {
            let part = Part { raw_score: row.raw_score, condition: row.condition.as_deref(), ..Part::default() };
            report.states.push(drift.push_part(&part).clone());
            report.paths.push(row.path);
        }
    }
    Ok(report)
}

/// Hands the parts of histories ([`InspectJob::history`](super::InspectJob::history)), in the order of their times, to `drift`.
///
/// # Errors
/// A file of theirs can't be read.
pub fn drift_of_history(folders: &[PathBuf], mut drift: Drift) -> Result<DriftReport, JobError> {
    let mut report = DriftReport::default();
    for HistoryRow { row, light, alike, .. } in
        read_all(folders)?.into_iter().filter(|part| part.row.raw_score.is_some())
    {
        let part = Part { raw_score: row.raw_score, condition: row.condition.as_deref(), light, alike };
        report.states.push(drift.push_part(&part).clone());
        report.paths.push(row.path);
    }
    Ok(report)
}

/// Writes `drift.csv` and `drift.html` into a folder.
///
/// # Errors
/// They can't be written.
pub fn write_drift(out: &Path, report: &DriftReport) -> Result<(), JobError> {
    prepare_folder(out)?;
    let table = out.join("drift.csv");
    write_bytes(&table, &report.csv().map_err(JobError::report(&table))?)?;
    write_text(&out.join("drift.html"), &report.page())
}
