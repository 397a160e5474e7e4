//! Named tensors in a weight file, whatever its format.

use std::collections::BTreeMap;
use std::path::Path;

use data_encoding::HEXLOWER;

use super::onnx::Graph;
use super::source::Source;
use super::stored::{Dtype, MAX_ELEMENTS, StoredTensor};
use super::{WeightsError, onnx, pytorch, safetensors};

/// Bytes by which a format is recognised.
const HEAD_BYTES: usize = 16;
/// How the text begins that Git LFS keeps in place of a file.
const LFS_START: &[u8] = b"version https://git-lfs.github.com/spec/v1";
/// Bytes read and converted at a time.
const CHUNK_BYTES: usize = 1 << 18;

/// The tensors of one weight file by name.
///
/// Opening reads and checks only names, types and shapes. The values of a tensor are read when asked for.
#[derive(Debug)]
pub struct NamedTensors {
    source: Source,
    tensors: BTreeMap<String, StoredTensor>,
    graph: Option<Graph>,
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
