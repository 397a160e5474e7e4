//! From bytes to verified contents.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::header::{self, Layout, Tensor};
use super::{
    BundleError, Contents, Defect, FORMAT_VERSION, MAX_FILE_BYTES, MAX_HEADER_BYTES, MAX_MANIFEST_BYTES, Manifest,
};

/// Bytes read, hashed and converted at a time.
const CHUNK_BYTES: usize = 1 << 16;

/// Reads and verifies a bundle file.
///
/// Every size is checked against its limit, the length of the file and the manifest before memory is
/// reserved; both checksums, the finiteness of every number and every index are checked before the
/// contents are handed out.
///
/// # Errors
/// [`BundleError::Open`] or [`BundleError::NotAFile`] where there is no file to read,
/// [`BundleError::Invalid`] where it is not a bundle, is damaged or comes from a later pcore.
pub fn read(path: &Path) -> Result<Contents, BundleError> {
    let (mut file, n_bytes) = open(path)?;
    read_from(&mut file, n_bytes).map_err(|defect| BundleError::Invalid { path: path.into(), defect: defect.into() })
}

/// The bytes of a bundle file, unverified.
pub(super) fn file_bytes(path: &Path) -> Result<Vec<u8>, BundleError> {
    let (mut file, n_bytes) = open(path)?;
    let invalid = |defect: Defect| BundleError::Invalid { path: path.into(), defect: defect.into() };
    if n_bytes > MAX_FILE_BYTES {
        return Err(invalid(Defect::FileTooLarge { found: n_bytes, limit: MAX_FILE_BYTES }));
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(n_bytes as usize).map_err(|_| invalid(Defect::OutOfMemory { name: "file", n_bytes }))?;
    bytes.resize(n_bytes as usize, 0);
    file.read_exact(&mut bytes).map_err(|error| invalid(error.into()))?;
    Ok(bytes)
}

/// The open file and its length.
fn open(path: &Path) -> Result<(File, u64), BundleError> {
    let open_failed = |source| BundleError::Open { path: path.into(), source };
    // Asked before opening: opening a pipe would wait for its writer.
    if !fs::metadata(path).map_err(open_failed)?.is_file() {
        return Err(BundleError::NotAFile { path: path.into() });
    }
    let file = File::open(path).map_err(open_failed)?;
    let n_bytes = file.metadata().map_err(open_failed)?.len();
    Ok((file, n_bytes))
}

/// Verifies the bytes of a bundle; the same as [`read`], from memory.
///
/// # Errors
/// The [`Defect`] that makes the bytes no valid bundle.
pub fn from_bytes(bytes: &[u8]) -> Result<Contents, Defect> {
    read_from(&mut &bytes[..], bytes.len() as u64)
}

/// The fields that say whether the rest can be understood; all formats have them.
#[derive(Deserialize)]
struct Versions {
    format_version: u32,
    #[serde(default)]
    pcore_version: String,
}

fn read_from(reader: &mut impl Read, n_bytes: u64) -> Result<Contents, Defect> {
    if n_bytes > MAX_FILE_BYTES {
        return Err(Defect::FileTooLarge { found: n_bytes, limit: MAX_FILE_BYTES });
    }
    let header = read_header(reader, n_bytes)?;
    let layout = Layout::parse(&header, n_bytes - 8 - header.len() as u64)?;
    let version = supported_version(&layout.manifest_json)?;
    header::verify(&header)?;
    let manifest: Manifest =
        serde_json::from_str(&layout.manifest_json).map_err(|source| Defect::Manifest { version, source })?;
    drop(header);

    let mut contents = Contents::empty(manifest);
    let mut sum = Sha256::new();
    for tensor in layout.tensors(&contents.manifest)? {
        let n_values = tensor.shape(&contents.manifest).iter().product();
        let mut source = Source { reader: &mut *reader, sum: &mut sum, tensor, n_values };
        match tensor {
            Tensor::BankRows => contents.bank_rows = source.values(f32::from_le_bytes)?,
            Tensor::RowCondition => contents.row_condition = source.values(u32::from_le_bytes)?,
            Tensor::RowSource => contents.row_source = source.values(u32::from_le_bytes)?,
            Tensor::RowPosition => contents.row_position = source.values(u32::from_le_bytes)?,
            Tensor::CalibrationScores => contents.calibration_scores = source.values(f32::from_le_bytes)?,
            Tensor::CalibrationCondition => contents.calibration_condition = source.values(u32::from_le_bytes)?,
            Tensor::OtherScores => contents.other_scores = source.values(f32::from_le_bytes)?,
            Tensor::GatePoints => contents.gate_points = source.values(f32::from_le_bytes)?,
            Tensor::GateConditions => contents.gate_conditions = source.values(u32::from_le_bytes)?,
            Tensor::RowScale => contents.row_scale = source.values(f32::from_le_bytes)?,
            Tensor::DensityScores => contents.density_scores = source.values(f32::from_le_bytes)?,
            Tensor::RowList => contents.row_list = source.values(u32::from_le_bytes)?,
        }
    }
    let found = format!("{:x}", sum.finalize());
    if found != contents.manifest.tensors_sha256 {
        let expected = header::shorten(&contents.manifest.tensors_sha256);
        return Err(Defect::TensorChecksum { expected, found });
    }
    contents.check()?;
    Ok(contents)
}

fn read_header(reader: &mut impl Read, n_bytes: u64) -> Result<String, Defect> {
    if n_bytes < 8 {
        return Err(Defect::Length { expected: 8, found: n_bytes });
    }
    let mut length = [0; 8];
    reader.read_exact(&mut length)?;
    if &length == b"version " {
        // What Git LFS leaves in place of a file that it has not fetched begins so; as a length it would be absurd.
        return Err(Defect::Header { reason: "it is a Git LFS pointer, run git lfs pull".to_owned() });
    }
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER_BYTES {
        return Err(Defect::HeaderTooLarge { found: length, limit: MAX_HEADER_BYTES });
    }
    if length > n_bytes - 8 {
        return Err(Defect::Length { expected: length + 8, found: n_bytes });
    }
    let mut header = vec![0; length as usize];
    reader.read_exact(&mut header)?;
    String::from_utf8(header).map_err(|error| Defect::Header { reason: format!("its header is no text: {error}") })
}

fn supported_version(manifest_json: &str) -> Result<u32, Defect> {
    if manifest_json.len() > MAX_MANIFEST_BYTES {
        return Err(Defect::ManifestTooLarge { found: manifest_json.len(), limit: MAX_MANIFEST_BYTES });
    }
    let versions: Versions = serde_json::from_str(manifest_json)
        .map_err(|error| Defect::Header { reason: format!("its manifest does not read: {error}") })?;
    match versions.format_version {
        0 => Err(Defect::UnknownFormat { found: 0 }),
        1..=FORMAT_VERSION => Ok(versions.format_version),
        found => Err(Defect::NewerFormat {
            found,
            supported: FORMAT_VERSION,
            writer: header::shorten(&versions.pcore_version),
        }),
    }
}

/// The data of one tensor, not yet read.
struct Source<'a, R> {
    reader: &'a mut R,
    sum: &'a mut Sha256,
    tensor: Tensor,
    n_values: usize,
}

impl<R: Read> Source<'_, R> {
    fn values<T>(&mut self, from_le_bytes: fn([u8; 4]) -> T) -> Result<Vec<T>, Defect> {
        let mut values = Vec::new();
        values
            .try_reserve_exact(self.n_values)
            .map_err(|_| Defect::OutOfMemory { name: self.tensor.name(), n_bytes: 4 * self.n_values as u64 })?;
        let mut chunk = vec![0; CHUNK_BYTES];
        while values.len() < self.n_values {
            let n_bytes = CHUNK_BYTES.min(4 * (self.n_values - values.len()));
            let bytes = &mut chunk[..n_bytes];
            self.reader.read_exact(bytes)?;
            self.sum.update(&*bytes);
            values.extend(bytes.as_chunks::<4>().0.iter().copied().map(from_le_bytes));
        }
        Ok(values)
    }
}
