//! What was done to a bundle is written into it.

use crate::bundle::{Manifest, StepEntry};
use std::time::SystemTime;

/// One step, but for what the bundles before and after tell.
#[derive(Clone, Debug, Default)]
pub(super) struct Step {
    pub(super) verb: &'static str,
    pub(super) n_added: usize,
    pub(super) n_forgotten: usize,
    pub(super) images_sha256: Option<String>,
    pub(super) other_sha256: Option<String>,
    pub(super) n_rows: Option<[usize; 2]>,
}

/// Writes the step from `before` into `manifest`; nothing without a time.
pub(super) fn record(manifest: &mut Manifest, before: &Manifest, step: Step, at: Option<SystemTime>) {
    let Some(at) = at else { return };
    let Step { verb, n_added, n_forgotten, images_sha256, other_sha256, n_rows } = step;
    let threshold_after = manifest.calibration.global.threshold;
    let mut lineage = manifest.lineage.take().unwrap_or_default();
    lineage.push(StepEntry {
        verb: verb.to_owned(),
        at: humantime::format_rfc3339_seconds(at).to_string(),
        pcore_version: env!("CARGO_PKG_VERSION").to_owned(),
        before_sha256: written(Some(before.header_sha256.clone())),
        other_sha256: written(other_sha256),
        images_sha256,
        n_added,
        n_forgotten,
        n_rows,
        threshold_before: before.calibration.global.threshold,
        threshold_after,
    });
    manifest.lineage = Some(lineage);
}

/// The sum of a bundle, which one that was never written has not.
fn written(sum: Option<String>) -> Option<String> {
    sum.filter(|sum| !sum.is_empty())
}
