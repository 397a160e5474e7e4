//! Where a tensor lies in its file, and how its values are read.

use super::WeightsError;
use burn::tensor::{bf16, f16};

/// Most tensors accepted in one file.
pub(crate) const MAX_TENSORS: usize = 65_536;

/// Most dimensions of a tensor.
pub(crate) const MAX_RANK: usize = 8;

/// Most elements of one tensor (4 GiB of float32; the largest of ViT-L/14 has 4.2 million).
pub(crate) const MAX_ELEMENTS: u64 = 1 << 30;

/// Longest tensor name in bytes.
pub(crate) const MAX_NAME_BYTES: usize = 1024;

/// Element type of a stored tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dtype {
    /// IEEE 754 binary64.
    F64,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of binary32.
    BF16,
    /// Anything that is no floating point number, with its size in bytes.
    Other {
        /// Name in the file's format.
        name: &'static str,
        /// Bytes per element.
        bytes: usize,
    },
}

/// Where one tensor lies in its file and how to read it.
#[derive(Debug, Clone)]
pub(crate) struct StoredTensor {
    /// Element type.
    pub(crate) dtype: Dtype,
    /// Extent of each dimension.
    pub(crate) shape: Vec<usize>,
    /// Distance in elements between neighbours along each dimension; `None` for row-major without gaps.
    pub(crate) strides: Option<Vec<usize>>,
    /// Byte of the first element.
    pub(crate) start: u64,
}

impl Dtype {
    /// Bytes per element.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Other { bytes, .. } => bytes,
        }
    }

    /// Name as in safetensors.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F64 => "F64",
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
            Self::Other { name, .. } => name,
        }
    }

    /// Appends the little-endian values in `bytes` to `out`; `false` where they are no floating point numbers.
    pub(super) fn convert(self, bytes: &[u8], out: &mut Vec<f32>) -> bool {
        match self {
            Self::F64 => out.extend(bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b) as f32)),
            Self::F32 => out.extend(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b))),
            Self::F16 => out.extend(bytes.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b).to_f32())),
            Self::BF16 => out.extend(bytes.as_chunks::<2>().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32())),
            Self::Other { .. } => return false,
        }
        true
    }
}

impl StoredTensor {
    /// Number of elements, checked against [`MAX_ELEMENTS`] and [`MAX_RANK`].
    pub(crate) fn count(shape: &[usize]) -> Result<u64, WeightsError> {
        if shape.len() > MAX_RANK {
            return Err(WeightsError::TooLarge {
                what: "number of dimensions",
                limit: MAX_RANK as u64,
                found: shape.len() as u64,
            });
        }
        let count = shape.iter().try_fold(1_u64, |n, d| n.checked_mul(*d as u64)).unwrap_or(u64::MAX);
        if count > MAX_ELEMENTS {
            return Err(WeightsError::TooLarge {
                what: "number of elements of a tensor",
                limit: MAX_ELEMENTS,
                found: count,
            });
        }
        Ok(count)
    }

    /// Elements from the first to one past the last that strides reach, `None` on overflow.
    pub(crate) fn span(shape: &[usize], strides: &[usize]) -> Option<u64> {
        if shape.contains(&0) {
            return Some(0);
        }
        shape
            .iter()
            .zip(strides)
            .try_fold(1_u64, |span, (d, s)| (*d as u64 - 1).checked_mul(*s as u64)?.checked_add(span))
    }

    /// Strides of a row-major tensor without gaps.
    pub(crate) fn contiguous(shape: &[usize]) -> Vec<usize> {
        let mut strides = vec![1_usize; shape.len()];
        for i in (1..shape.len()).rev() {
            strides[i - 1] = strides[i].saturating_mul(shape[i]);
        }
        strides
    }
}
