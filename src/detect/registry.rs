//! The detectors there are.

use super::{DetectError, Detector, FeaturePipeline, patchcore};
use crate::bundle::{Contents, Manifest};

/// Their names.
pub const KINDS: [&str; 1] = [patchcore::KIND];

/// The detector that a bundle holds, on features that are open already, and what the bundle says besides.
///
/// # Errors
/// What the detector's own reader refuses.
pub(crate) fn open(
    contents: Contents,
    features: FeaturePipeline,
) -> Result<(Box<dyn Detector>, Manifest), DetectError> {
    let (detector, manifest) = patchcore::open(contents, features)?;
    Ok((Box::new(detector), manifest))
}
