//! What stands for the GPU path in a binary without one.

use super::choice::DeviceChoice;
use super::opened::OpenDevice;
use crate::model::ModelError;

/// No adapter.
pub(super) fn adapters() -> Vec<OpenDevice> {
    Vec::new()
}

/// The CPU.
pub(super) fn auto() -> OpenDevice {
    OpenDevice::cpu()
}

/// Names the feature that is missing.
pub(super) fn wgpu(index: Option<usize>) -> Result<OpenDevice, ModelError> {
    Err(ModelError::DeviceNotBuilt { device: DeviceChoice::Wgpu(index).to_string(), feature: "gpu" })
}
