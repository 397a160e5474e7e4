//! Thresholds by another rule, from the scores that a bundle has.

use super::lineage::{Step, record};
use super::{LiveError, entries};
use crate::bundle::Contents;
use crate::detect::Registry;
use crate::score::CutRule;
use std::time::SystemTime;

/// Sets the thresholds of all conditions by a rule that promises no rate of false alarms; no images are needed. The bundle says which
/// rule it was, and keeps to it when normals are added.
///
/// `at`: when it is done, for the lineage, see [`CalibratePlan::at`](super::CalibratePlan::at).
///
/// # Errors
/// [`LiveError::Bundle`] for contents that are no bundle.
pub fn set_cut(
    contents: Contents,
    rule: CutRule,
    at: Option<SystemTime>,
    registry: &Registry,
) -> Result<Contents, LiveError> {
    let before = contents.manifest.clone();
    let mut changed = contents;
    changed.manifest.calibration.method = rule.to_string();
    let alpha = changed.manifest.calibration.alpha;
    entries::set_thresholds(&mut changed, alpha)?;
    record(&mut changed.manifest, &before, Step { verb: "calibrate", ..Step::default() }, at);
    changed.check_with(registry)?;
    Ok(changed)
}
