//! Thresholds by another rule, from the scores that a bundle has.

use super::lineage::{Step, record};
use super::{LiveError, entries};
use crate::bundle::Contents;
use crate::detect::{DetectError, Registry};
use crate::infer::convert::promises;
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

/// Sets the thresholds of all conditions for another rate of false alarms, by the held-out scores that the bundle has; no images are
/// needed. A rule of [`set_cut`] or a choice on labelled images gives way to it.
///
/// `at`: as for [`set_cut`].
///
/// # Errors
/// [`LiveError::Detect`] for a rate that too few held-out normals can vouch for, or that is none; [`LiveError::Bundle`] for contents
/// that are no bundle.
pub fn set_alpha(
    contents: Contents,
    alpha: f64,
    at: Option<SystemTime>,
    registry: &Registry,
) -> Result<Contents, LiveError> {
    let before = contents.manifest.clone();
    let mut changed = contents;
    let calibration = &mut changed.manifest.calibration;
    calibration.alpha = alpha;
    if !promises(&calibration.method) {
        "split-conformal".clone_into(&mut calibration.method);
    }
    entries::set_thresholds(&mut changed, alpha)?;
    let reached = &changed.manifest.calibration.global;
    if alpha < reached.smallest_alpha - 1e-12 {
        let (n, smallest, of) = (reached.n, reached.smallest_alpha, "all images".to_owned());
        return Err(DetectError::OutOfReach { alpha, n, smallest, of }.into());
    }
    record(&mut changed.manifest, &before, Step { verb: "calibrate", ..Step::default() }, at);
    changed.check_with(registry)?;
    Ok(changed)
}
