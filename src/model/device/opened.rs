//! A device that is open.

use crate::kernel::simd::Level;
use crate::model::{ModelError, Precision};
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

/// A device that is ready for use.
#[derive(Clone, Debug)]
pub struct OpenDevice {
    pub(in crate::model) device: Device,
    /// Whether pcore's own kernels run what they can.
    pub(in crate::model) kernels: bool,
    pub(super) precision: Precision,
    pub(super) description: String,
    pub(super) is_gpu: bool,
}

impl OpenDevice {
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
    pub(super) fn on(device: Device, description: String, is_gpu: bool) -> Self {
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
    pub(in crate::model) fn tensor<const D: usize>(&self, data: TensorData) -> Tensor<D> {
        Tensor::from_data(data, (&self.device, self.precision.dtype()))
    }

    /// A module there, its parameters in the device's precision.
    pub(in crate::model) fn in_precision<M: Module>(&self, module: M) -> M {
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
