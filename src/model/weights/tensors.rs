//! Named tensors in a weight file, whatever its format.

use std::collections::BTreeMap;
use std::path::Path;

use data_encoding::HEXLOWER;

use burn::tensor::{bf16, f16};

use super::onnx::Graph;
use super::source::Source;
use super::{WeightsError, onnx, pytorch, safetensors};

/// Most tensors accepted in one file.
pub(crate) const MAX_TENSORS: usize = 65_536;
/// Most dimensions of a tensor.
pub(crate) const MAX_RANK: usize = 8;
/// Most elements of one tensor (4 GiB of float32; the largest of ViT-L/14 has 4.2 million).
pub(crate) const MAX_ELEMENTS: u64 = 1 << 30;
/// Longest tensor name in bytes.
pub(crate) const MAX_NAME_BYTES: usize = 1024;
/// Bytes by which a format is recognised.
const HEAD_BYTES: usize = 16;
/// How the text begins that Git LFS keeps in place of a file.
const LFS_START: &[u8] = b"version https://git-lfs.github.com/spec/v1";
/// Bytes read and converted at a time.
const CHUNK_BYTES: usize = 1 << 18;

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

/// The tensors of one weight file by name.
///
/// Opening reads and checks only names, types and shapes. The values of a tensor are read when asked for.
#[derive(Debug)]
pub struct NamedTensors {
    source: Source,
    tensors: BTreeMap<String, StoredTensor>,
    graph: Option<Graph>,
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
    fn convert(self, bytes: &[u8], out: &mut Vec<f32>) -> bool {
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

impl NamedTensors {
    /// Opens a weight file. The format follows from its content, not from its name.
    ///
    /// # Errors
    /// Where the file cannot be read, is damaged, exceeds a limit, or asks for code to be run.
    pub fn read(path: &Path) -> Result<Self, WeightsError> {
        let source = Source::open(path)?;
        Self::from_source(source)
            .map_err(|source| WeightsError::InFile { path: path.to_path_buf(), source: Box::new(source) })
    }

    /// The same for a file that is already in memory.
    ///
    /// # Errors
    /// As for [`NamedTensors::read`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, WeightsError> {
        Self::from_source(Source::Memory(bytes))
    }

    /// The same for a source that is open.
    pub(super) fn from_source(source: Source) -> Result<Self, WeightsError> {
        let mut head = vec![0; source.len().min(LFS_START.len() as u64) as usize];
        source.read_at(0, &mut head)?;
        if head == LFS_START {
            return Err(WeightsError::LfsPointer);
        }
        head.truncate(HEAD_BYTES);
        // A header of 128 bytes starts as a pickle does, one of 264 as ONNX does, and ONNX may have a brace anywhere: the
        // brace decides, and against ONNX also that the length before it is one.
        let is_short = head.get(5..8) == Some(&[0; 3]);
        if head.get(8) == Some(&b'{') && (is_short || !onnx::looks_like(&head)) {
            let tensors = safetensors::read(&source)?;
            return Ok(Self { source, tensors, graph: None });
        }
        if head.starts_with(b"PK\x03\x04") || head.starts_with(b"\x80") {
            let tensors = pytorch::read(&source, &head)?;
            return Ok(Self { source, tensors, graph: None });
        }
        if onnx::looks_like(&head) {
            let (source, tensors, graph) = onnx::read(source)?;
            return Ok(Self { source, tensors, graph: Some(graph) });
        }
        Err(WeightsError::UnknownFormat { found: describe(&head) })
    }

    /// Names in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Number of tensors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether the file holds no tensor.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// Extent of each dimension of a tensor.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|t| t.shape.as_slice())
    }

    /// Element type of a tensor.
    #[must_use]
    pub fn dtype(&self, name: &str) -> Option<Dtype> {
        self.tensors.get(name).map(|t| t.dtype)
    }

    /// The computation, where the format holds one (ONNX).
    pub(crate) fn graph(&self) -> Option<&Graph> {
        self.graph.as_ref()
    }

    /// Values of a tensor in row-major order, converted to float32.
    ///
    /// # Errors
    /// Where there is no such tensor, it holds no floating point numbers or a value is not finite.
    pub fn values(&self, name: &str) -> Result<Vec<f32>, WeightsError> {
        let tensor = self.tensors.get(name).ok_or_else(|| WeightsError::NoSuchTensor { name: name.to_owned() })?;
        let count = StoredTensor::count(&tensor.shape)? as usize;
        let strides = tensor.strides.as_ref().filter(|strides| **strides != StoredTensor::contiguous(&tensor.shape));
        let span = match strides {
            None => count as u64,
            Some(strides) => StoredTensor::span(&tensor.shape, strides)
                .filter(|span| *span <= MAX_ELEMENTS)
                .ok_or_else(|| WeightsError::malformed("weight", format!("the strides of \"{name}\" reach too far")))?,
        };
        let stored = self.read_run(name, tensor, span as usize)?;
        let values = match strides {
            None => stored,
            Some(strides) => gather(&stored, &tensor.shape, strides, count),
        };
        match values.iter().position(|v| !v.is_finite()) {
            Some(index) => Err(WeightsError::NotFinite { name: name.to_owned(), index, value: values[index] }),
            None => Ok(values),
        }
    }

    /// `count` neighbouring elements from the first element of a tensor.
    fn read_run(&self, name: &str, tensor: &StoredTensor, count: usize) -> Result<Vec<f32>, WeightsError> {
        if let Dtype::Other { name: found, .. } = tensor.dtype {
            return Err(WeightsError::NotFloat { name: name.to_owned(), found });
        }
        let size = tensor.dtype.size();
        let bytes = count as u64 * size as u64;
        if tensor.start.checked_add(bytes).is_none_or(|end| end > self.source.len()) {
            return Err(WeightsError::malformed(
                "weight",
                format!("tensor \"{name}\" reaches past the end of the file"),
            ));
        }
        let mut out = Vec::with_capacity(count);
        let mut chunk = vec![0; CHUNK_BYTES.min(bytes as usize)];
        let mut at = 0;
        while at < bytes {
            let n = (bytes - at).min(CHUNK_BYTES as u64) as usize;
            self.source.read_at(tensor.start + at, &mut chunk[..n])?;
            tensor.dtype.convert(&chunk[..n], &mut out);
            at += n as u64;
        }
        Ok(out)
    }
}

/// Row-major copy of a strided tensor.
fn gather(stored: &[f32], shape: &[usize], strides: &[usize], count: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(count);
    let mut index = vec![0; shape.len()];
    for _ in 0..count {
        out.push(stored[index.iter().zip(strides).map(|(i, s)| i * s).sum::<usize>()]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    out
}

/// Short description of the first bytes of an unknown file.
fn describe(head: &[u8]) -> String {
    if head.is_empty() {
        return "the file is empty".to_owned();
    }
    let bytes: Vec<String> = head.chunks(1).take(8).map(|byte| HEXLOWER.encode(byte)).collect();
    format!("it starts with bytes {}", bytes.join(" "))
}
