//! Where the network and the search run, chosen at run time.

#[cfg(feature = "gpu")]
mod gpu;
#[cfg(not(feature = "gpu"))]
#[path = "no_gpu.rs"]
mod gpu;

mod rows;

use super::{ModelError, Precision};
use crate::kernel::simd::Level;
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use std::fmt;
use std::str::FromStr;

/// Which device is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceChoice {
    /// A graphics card if this binary can use one and the machine has one with a gigabyte to spare, else the CPU; never a
    /// software adapter. [`OpenDevice::description`] says which, and why.
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
    precision: Precision,
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
        Self { kernels: true, ..Self::on(Device::flex(), description, false) }
    }

    /// The CPU on burn-flex, which every build has.
    #[must_use]
    pub fn flex() -> Self {
        let description = format!("flex ({} threads)", rayon::current_num_threads());
        Self::on(Device::flex(), description, false)
    }

    /// A burn device.
    fn on(device: Device, description: String, is_gpu: bool) -> Self {
        Self { device, kernels: false, precision: Precision::F32, description, is_gpu }
    }

    /// The same device, its networks computing in `precision`.
    ///
    /// # Errors
    /// [`ModelError::Precision`] for half precision on a CPU, or on a GPU that does not compute with 16 bits.
    pub fn with_precision(self, precision: Precision) -> Result<Self, ModelError> {
        let refused = |reason: &str| Err(ModelError::Precision { reason: format!("{}: {reason}", self.description) });
        match precision {
            Precision::F32 => Ok(self),
            Precision::F16 if !self.is_gpu => refused("only GPUs compute in half precision"),
            Precision::F16 if !self.device.supports_dtype(precision.dtype()) => {
                refused("this adapter, or its driver, does not compute with 16 bits")
            }
            Precision::F16 => {
                let description = format!("{} in half precision", self.description);
                Ok(Self { precision, description, ..self })
            }
        }
    }

    /// The numbers its networks compute with.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// A tensor there, in the device's precision.
    pub(super) fn tensor<const D: usize>(&self, data: TensorData) -> Tensor<D> {
        Tensor::from_data(data, (&self.device, self.precision.dtype()))
    }

    /// A module there, its parameters in the device's precision.
    pub(super) fn in_precision<M: Module>(&self, module: M) -> M {
        self.precision.of(module)
    }

    /// Whether it is a GPU (or stands for one, as software adapters do), with memory of its own that can run out.
    #[must_use]
    pub fn is_gpu(&self) -> bool {
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
