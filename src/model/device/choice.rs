//! The choice of a device, by name.

use crate::model::ModelError;
use std::fmt;
use std::str::FromStr;

/// What `--device` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceChoice {
    /// A graphics card if this binary can use one and the machine has one with a gigabyte to spare, else the CPU; never a
    /// software adapter. [`OpenDevice::description`](super::OpenDevice::description) says which, and why.
    Auto,
    /// The CPU on pcore's own kernels; a network they can't compute runs on burn-flex.
    Cpu,
    /// The CPU on burn-flex, the reference that pcore's kernels are held to.
    Flex,
    /// The slower ndarray CPU backend.
    Ndarray,
    /// A GPU through Vulkan, Metal or DX12: the first of [`adapters`](super::adapters), or the n-th.
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
