//! A bundle, ready for work.

use super::JobError;
use crate::bundle::Contents;
use crate::infer::{Calibration, Inspector};
use crate::model::OpenDevice;
use crate::report::Used;
use std::path::{Path, PathBuf};

/// A bundle on a device.
pub struct Opened {
    /// The detector.
    pub inspector: Inspector,
    /// What computes.
    pub device: OpenDevice,
    /// The bundle's file.
    pub path: PathBuf,
    /// Why this one, for the facts of a run.
    pub chosen_by: String,
}

impl Opened {
    /// Opens the contents of the bundle at `path`.
    ///
    /// # Errors
    /// [`JobError::Open`]: its network is not at hand, or it can't be used.
    pub fn open(contents: Contents, path: &Path, chosen_by: &str, device: OpenDevice) -> Result<Self, JobError> {
        let failed = |source| JobError::Open { path: path.to_owned(), source: Box::new(source) };
        let inspector = Inspector::open(contents, &device).map_err(failed)?;
        Ok(Self { inspector, device, path: path.to_owned(), chosen_by: chosen_by.to_owned() })
    }

    /// Values of maps above it are in regions, where there is such a limit: there is none for distances by local density.
    pub(super) fn pixel_threshold(&self, calibration: Calibration) -> Option<f32> {
        let limit = self.inspector.manifest().pixel_threshold;
        limit.filter(|_| calibration != Calibration::Density)
    }

    /// For the facts of a run.
    pub(super) fn used(&self) -> Used<'_> {
        let Self { inspector, device, path, chosen_by } = self;
        Used { inspector, device, path, chosen_by }
    }
}
