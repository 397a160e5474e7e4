//! Where the network and the search run, chosen at run time.

use super::ModelError;
use crate::kernel::simd::Level;
use burn::tensor::Device;
use std::fmt;
use std::str::FromStr;

/// What `--device` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A graphics card if this binary can use one and the machine has one, else the CPU; never a software adapter.
    Auto,
    /// The CPU on pcore's own kernels; a network they can't compute runs on burn-flex.
    Cpu,
    /// The CPU on burn-flex, the reference that pcore's kernels are held to.
    Flex,
    /// The slower ndarray CPU backend.
    Ndarray,
    /// A GPU through Vulkan, Metal or DX12: the first of [`adapters`], or the n-th.
    Wgpu(Option<usize>),
    /// An NVIDIA GPU through CUDA: the first, or the n-th.
    Cuda(Option<usize>),
}

impl FromStr for DeviceChoice {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, ModelError> {
        let unknown = || ModelError::UnknownDevice { name: text.to_owned() };
        let (kind, index) = match text.split_once(':') {
            Some((kind, index)) => (kind, Some(index.parse::<usize>().map_err(|_not_a_number| unknown())?)),
            None => (text, None),
        };
        match (kind, index) {
            ("auto", None) => Ok(Self::Auto),
            ("cpu", None) => Ok(Self::Cpu),
            ("flex", None) => Ok(Self::Flex),
            ("ndarray", None) => Ok(Self::Ndarray),
            ("wgpu", index) => Ok(Self::Wgpu(index)),
            ("cuda", index) => Ok(Self::Cuda(index)),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Flex => f.write_str("flex"),
            Self::Ndarray => f.write_str("ndarray"),
            Self::Wgpu(None) => f.write_str("wgpu"),
            Self::Wgpu(Some(index)) => write!(f, "wgpu:{index}"),
            Self::Cuda(None) => f.write_str("cuda"),
            Self::Cuda(Some(index)) => write!(f, "cuda:{index}"),
        }
    }
}

/// A device that is ready for use.
#[derive(Clone, Debug)]
pub struct OpenDevice {
    pub(super) device: Device,
    /// Whether pcore's own kernels run what they can.
    pub(super) kernels: bool,
    description: String,
    is_gpu: bool,
}

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

    /// The CPU on pcore's own kernels, which every build has.
    #[must_use]
    pub fn cpu() -> Self {
        let description = format!("cpu ({} threads, {})", rayon::current_num_threads(), Level::best().name());
        Self { device: Device::flex(), kernels: true, description, is_gpu: false }
    }

    /// The CPU on burn-flex, which every build has.
    #[must_use]
    pub fn flex() -> Self {
        let description = format!("flex ({} threads)", rayon::current_num_threads());
        Self::on(Device::flex(), description, false)
    }

    /// A burn device.
    fn on(device: Device, description: String, is_gpu: bool) -> Self {
        Self { device, kernels: false, description, is_gpu }
    }

    /// Whether it can be lost or run out of memory of its own, as GPUs do.
    pub(super) fn can_fail(&self) -> bool {
        self.is_gpu
    }

    /// What was opened, for people.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
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
    gpu::adapters().into_iter().map(|adapter| adapter.device).collect()
}

/// The GPU path through wgpu.
#[cfg(feature = "gpu")]
mod gpu {
    use super::{DeviceChoice, ModelError, OpenDevice};
    use burn::tensor::{Device, DeviceType};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// What can be opened.
    pub(super) struct Adapter {
        pub(super) device: OpenDevice,
        /// Runs on the CPU, as Mesa's lavapipe does.
        is_software: bool,
    }

    /// Opens every adapter there is, leaving out those whose driver fails.
    pub(super) fn adapters() -> Vec<Adapter> {
        let mut adapters: Vec<Adapter> = Device::enumerate(DeviceType::Wgpu).into_iter().filter_map(open).collect();
        adapters.sort_by_key(|adapter| adapter.is_software);
        for (index, adapter) in adapters.iter_mut().enumerate() {
            let kind = if adapter.is_software { ", a software adapter" } else { "" };
            adapter.device.description = format!("wgpu:{index} ({}{kind})", adapter.device.description);
        }
        adapters
    }

    /// A device that answers, described by its name.
    fn open(device: Device) -> Option<Adapter> {
        // burn opens an adapter at first use, and panics where its driver does not play along.
        let identity = catch_unwind(AssertUnwindSafe(|| device.identity())).ok()??;
        let device = OpenDevice::on(device, identity.name, true);
        Some(Adapter { device, is_software: identity.physical.is_none() })
    }

    /// A graphics card, or the CPU and why.
    pub(super) fn auto() -> OpenDevice {
        let cpu = |reason: String| {
            let cpu = OpenDevice::cpu();
            OpenDevice { description: format!("{}, {reason}", cpu.description), ..cpu }
        };
        match adapters().into_iter().next() {
            Some(adapter) if adapter.is_software => cpu(format!("as {} is slower", adapter.device.description)),
            Some(adapter) => adapter.device,
            None => cpu("as no GPU adapter was found".to_owned()),
        }
    }

    pub(super) fn wgpu(index: Option<usize>) -> Result<OpenDevice, ModelError> {
        let adapters = adapters();
        let found: Vec<&str> = adapters.iter().map(|adapter| adapter.device.description.as_str()).collect();
        let found = if found.is_empty() {
            "no GPU adapter; it needs a driver for Vulkan, Metal or DX12".to_owned()
        } else {
            found.join(", ")
        };
        let missing = || ModelError::Device { reason: format!("no {}: found {found}", DeviceChoice::Wgpu(index)) };
        adapters.into_iter().nth(index.unwrap_or(0)).map(|adapter| adapter.device).ok_or_else(missing)
    }
}

/// The same without a GPU path.
#[cfg(not(feature = "gpu"))]
mod gpu {
    use super::{DeviceChoice, ModelError, OpenDevice};

    /// What can be opened: nothing.
    pub(super) struct Adapter {
        pub(super) device: OpenDevice,
    }

    pub(super) fn adapters() -> Vec<Adapter> {
        Vec::new()
    }

    pub(super) fn auto() -> OpenDevice {
        OpenDevice::cpu()
    }

    pub(super) fn wgpu(index: Option<usize>) -> Result<OpenDevice, ModelError> {
        Err(ModelError::DeviceNotBuilt { device: DeviceChoice::Wgpu(index).to_string(), feature: "gpu" })
    }
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
}
