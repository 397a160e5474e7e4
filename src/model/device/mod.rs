//! Where the network and the search run, chosen at run time.

#[cfg(feature = "gpu")]
mod gpu;
#[cfg(not(feature = "gpu"))]
#[path = "no_gpu.rs"]
mod gpu;

mod choice;
mod opened;
mod rows;

pub use choice::DeviceChoice;
pub use opened::OpenDevice;

use super::ModelError;
#[cfg(any(feature = "cuda", feature = "ndarray"))]
use burn::tensor::Device;

impl OpenDevice {
    /// Opens what was chosen.
    ///
    /// # Errors
    /// [`ModelError::DeviceNotBuilt`] where this binary lacks the backend, [`ModelError::Device`] where the machine
    /// lacks the device.
    pub fn open(choice: DeviceChoice) -> Result<Self, ModelError> {
        match choice {
            DeviceChoice::Auto => Ok(gpu::auto()),
            DeviceChoice::Cpu => Ok(Self::cpu()),
            DeviceChoice::Flex => Ok(Self::flex()),
            DeviceChoice::Ndarray => ndarray(),
            DeviceChoice::Wgpu(index) => gpu::wgpu(index),
            DeviceChoice::Cuda(index) => cuda(index),
        }
    }
}

#[cfg(feature = "ndarray")]
#[allow(deprecated, reason = "burn prefers its flex backend; the users named ndarray, so it stays selectable")]
fn ndarray() -> Result<OpenDevice, ModelError> {
    Ok(OpenDevice::on(Device::ndarray(), "ndarray".to_owned(), false))
}

#[cfg(not(feature = "ndarray"))]
fn ndarray() -> Result<OpenDevice, ModelError> {
    Err(ModelError::DeviceNotBuilt { device: DeviceChoice::Ndarray.to_string(), feature: "ndarray" })
}

/// The adapters of this machine that `wgpu:N` counts: graphics cards first, software adapters after them. Empty where this
/// binary has no GPU path.
#[must_use]
pub fn adapters() -> Vec<OpenDevice> {
    gpu::adapters()
}

#[cfg(feature = "cuda")]
fn cuda(index: Option<usize>) -> Result<OpenDevice, ModelError> {
    let device = Device::cuda(index.unwrap_or(0));
    let name = device.identity().map_or_else(|| "GPU".to_owned(), |identity| identity.name);
    Ok(OpenDevice::on(device, format!("cuda ({name})"), true))
}

#[cfg(not(feature = "cuda"))]
fn cuda(index: Option<usize>) -> Result<OpenDevice, ModelError> {
    Err(ModelError::DeviceNotBuilt { device: DeviceChoice::Cuda(index).to_string(), feature: "cuda" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Precision;

    #[test]
    fn device_names_round_trip() {
        for name in ["auto", "cpu", "flex", "ndarray", "wgpu", "wgpu:1", "cuda", "cuda:0"] {
            assert_eq!(name.parse::<DeviceChoice>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn unknown_devices_are_refused_with_the_choices() {
        for name in ["", "gpu", "cpu:1", "flex:0", "wgpu:x", "wgpu:-1"] {
            let message = name.parse::<DeviceChoice>().unwrap_err().to_string();
            assert!(message.contains("expected auto, cpu, flex, wgpu"), "{name}: {message}");
        }
    }

    #[test]
    fn half_precision_is_refused_on_a_cpu_with_the_way_out() {
        let text = OpenDevice::cpu().with_precision(Precision::F16).unwrap_err().to_string();
        assert!(text.contains("only GPUs") && text.contains("leave out `Precision::F16`"), "{text}");
        assert_eq!(OpenDevice::cpu().with_precision(Precision::F32).unwrap().precision(), Precision::F32);
    }
}
