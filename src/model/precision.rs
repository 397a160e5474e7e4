//! The numbers a network computes with.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, FloatDType, Tensor};
use std::fmt;
use std::str::FromStr;

/// The numbers a network computes with. Feature maps leave it as `f32` either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Precision {
    /// 32 bits (IEEE 754 binary32), on every device.
    #[default]
    F32,
    /// 16 bits (IEEE 754 binary16), on GPUs that compute with them: weights and activations take half the memory, and a
    /// value has 11 significant bits instead of 24. Normalisations add up in 32 bits.
    F16,
}

/// A precision name that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown precision '{0}': expected f32 or f16")]
pub struct UnknownPrecision(pub String);

impl FromStr for Precision {
    type Err = UnknownPrecision;

    fn from_str(text: &str) -> Result<Self, UnknownPrecision> {
        match text {
            "f32" => Ok(Self::F32),
            "f16" => Ok(Self::F16),
            _ => Err(UnknownPrecision(text.to_owned())),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        })
    }
}

impl Precision {
    /// burn's name for it.
    pub(super) fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
        }
    }

    /// A module with its parameters in this precision.
    pub(super) fn of<M: Module>(self, module: M) -> M {
        match self {
            Self::F32 => module,
            Self::F16 => module.map(&mut Halve),
        }
    }
}

/// Rounds parameters to 16 bits.
struct Halve;

impl ModuleMapper for Halve {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| tensor.cast(FloatDType::F16))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_refused_with_the_choices() {
        for name in ["f32", "f16"] {
            assert_eq!(name.parse::<Precision>().unwrap().to_string(), name);
        }
        for name in ["", "half", "F16", "bf16"] {
            let message = name.parse::<Precision>().unwrap_err().to_string();
            assert!(message.contains("f32 or f16"), "{name}: {message}");
        }
    }
}
