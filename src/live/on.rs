//! Where and with which detectors bundles are opened.

use super::LiveError;
use crate::bundle::Contents;
use crate::detect::Registry;
use crate::infer::Inspector;
use crate::model::OpenDevice;

/// A device, and the detectors that a bundle may be of: a device alone stands for the built-in ones, a pair of both for a
/// registry of one's own ([`Registry::with`]).
#[derive(Clone, Copy)]
pub struct On<'a> {
    pub(super) device: &'a OpenDevice,
    pub(super) registry: &'a Registry,
}

impl<'a> From<&'a OpenDevice> for On<'a> {
    fn from(device: &'a OpenDevice) -> Self {
        Self { device, registry: Registry::built_in() }
    }
}

impl<'a> From<(&'a OpenDevice, &'a Registry)> for On<'a> {
    fn from((device, registry): (&'a OpenDevice, &'a Registry)) -> Self {
        Self { device, registry }
    }
}

impl On<'_> {
    pub(super) fn open(self, contents: Contents) -> Result<Inspector, LiveError> {
        Ok(Inspector::open_with(contents, self.device, self.registry)?)
    }
}
