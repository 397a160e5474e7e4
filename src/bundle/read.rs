//! From bytes to verified contents.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use data_encoding::HEXLOWER;
use half::f16;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::contents::specs;
use super::header::{self, Layout};
use super::shown::shorten;
use super::unique::{UniqueMap, UniqueValue};
use super::{
    BundleError, Contents, Defect, FORMAT_VERSION, Holds, MAX_FILE_BYTES, MAX_HEADER_BYTES, MAX_MANIFEST_BYTES,
    Manifest, Sections, TensorSpec, Upgraded, Values,
};

/// Bytes read, hashed and converted at a time.
const CHUNK_BYTES: usize = 1 << 16;

/// Reads and verifies a bundle file of one of the detectors in `sections`.
///
/// Every size is checked against its limit, the length of the file and the manifest before memory is
/// reserved; both checksums, the finiteness of every number and every index are checked before the
/// contents are handed out.
///
/// # Errors
/// [`BundleError::Open`] or [`BundleError::NotAFile`] where there is no file to read,
/// [`BundleError::Invalid`] where it is not a bundle, is damaged or comes from a later pcore.
pub fn read(path: &Path, sections: &dyn Sections) -> Result<Contents, BundleError> {
    let (mut file, n_bytes) = open(path)?;
    read_from(&mut file, n_bytes, sections)
        .map_err(|defect| BundleError::Invalid { path: path.into(), defect: defect.into() })
}

/// The bytes of a bundle file, unverified.
pub(super) fn file_bytes(path: &Path) -> Result<Vec<u8>, BundleError> {
    let (mut file, n_bytes) = open(path)?;
    let invalid = |defect: Defect| BundleError::Invalid { path: path.into(), defect: defect.into() };
    if n_bytes > MAX_FILE_BYTES {
        return Err(invalid(Defect::FileTooLarge { found: n_bytes, limit: MAX_FILE_BYTES }));
    }
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(n_bytes as usize)
        .map_err(|_| invalid(Defect::OutOfMemory { name: "file".to_owned(), n_bytes }))?;
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
pub fn from_bytes(bytes: &[u8], sections: &dyn Sections) -> Result<Contents, Defect> {
    read_from(&mut &bytes[..], bytes.len() as u64, sections)
}

/// The fields that say whether the rest can be understood; all formats have them.
#[derive(Deserialize)]
struct Versions {
    format_version: u32,
    #[serde(default)]
    pcore_version: String,
}

fn read_from(reader: &mut impl Read, n_bytes: u64, sections: &dyn Sections) -> Result<Contents, Defect> {
    if n_bytes > MAX_FILE_BYTES {
        return Err(Defect::FileTooLarge { found: n_bytes, limit: MAX_FILE_BYTES });
    }
    let header = read_header(reader, n_bytes)?;
    let layout = Layout::parse(&header, n_bytes - 8 - header.len() as u64)?;
    let version = supported_version(&layout.manifest_json)?;
    header::verify(&header)?;
    drop(header);
    let Called { manifest, tensors, n_always } = called_for(&layout.manifest_json, version, sections)?;
    let (in_file, today): (Vec<TensorSpec>, Vec<String>) = tensors.into_iter().unzip();

    let mut found: Vec<Option<Values>> = vec![None; in_file.len()];
    let mut sum = Sha256::new();
    for spec in layout.tensors(&in_file, n_always)? {
        let n_values = spec.n_values().unwrap_or(usize::MAX);
        let mut source = Source { reader: &mut *reader, sum: &mut sum, name: &spec.name, n_values };
        let values = match spec.holds {
            Holds::Numbers { .. } => Values::Numbers(source.values(f32::from_le_bytes)?),
            Holds::Halves => Values::Halves(source.values(f16::from_le_bytes)?),
            Holds::Indices { .. } => Values::Indices(source.values(u32::from_le_bytes)?),
        };
        if let Some(index) = in_file.iter().position(|other| other.name == spec.name) {
            found[index] = Some(values);
        }
    }
    let digest = HEXLOWER.encode(&sum.finalize());
    if digest != manifest.tensors_sha256 {
        let expected = shorten(&manifest.tensors_sha256);
        return Err(Defect::TensorChecksum { expected, found: digest });
    }
    let mut contents = Contents::empty(manifest);
    place(&mut contents, today, found);
    contents.check_with(sections)?;
    // As it would be written today.
    contents.manifest.format_version = version;
    Ok(contents)
}

/// Puts each tensor where its name of today says; of several with one name, one behind the other.
fn place(contents: &mut Contents, today: Vec<String>, found: Vec<Option<Values>>) {
    let mut by_name: BTreeMap<String, Values> = BTreeMap::new();
    for (name, values) in today.into_iter().zip(found).filter_map(|(name, values)| Some((name, values?))) {
        match (by_name.get_mut(&name), values) {
            (Some(Values::Numbers(all)), Values::Numbers(more)) => all.extend(more),
            (_, values) => drop(by_name.insert(name, values)),
        }
    }
    for (name, values) in by_name {
        contents.set(&name, values);
    }
}

/// What a manifest calls for.
struct Called {
    manifest: Manifest,
    /// The tensors of the file, and what each is called today.
    tensors: Vec<(TensorSpec, String)>,
    /// So many of them are in the file even when they are empty.
    n_always: usize,
}

fn called_for(json: &str, version: u32, sections: &dyn Sections) -> Result<Called, Defect> {
    let bad = |source| Defect::Manifest { version, source };
    if version == FORMAT_VERSION {
        let manifest: Manifest = serde_json::from_str(json).map_err(bad)?;
        let tensors = specs(&manifest, sections)?;
        let tensors = tensors.into_iter().map(|spec| (spec.clone(), spec.name)).collect();
        return Ok(Called { manifest, tensors, n_always: 0 });
    }
    let old: UniqueMap<UniqueValue> = serde_json::from_str(json).map_err(bad)?;
    let Upgraded { manifest, tensors, n_always } = sections.upgrade(old.into_map())?;
    let manifest: Manifest = serde_json::from_value(manifest).map_err(bad)?;
    // What stands there today is checked as it is of a new file.
    specs(&manifest, sections)?;
    Ok(Called { manifest, tensors, n_always })
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
        found => {
            Err(Defect::NewerFormat { found, supported: FORMAT_VERSION, writer: shorten(&versions.pcore_version) })
        }
    }
}

/// The data of one tensor, not yet read.
struct Source<'a, R> {
    reader: &'a mut R,
    sum: &'a mut Sha256,
    name: &'a str,
    n_values: usize,
}

impl<R: Read> Source<'_, R> {
    fn values<T, const N: usize>(&mut self, from_le_bytes: fn([u8; N]) -> T) -> Result<Vec<T>, Defect> {
        let mut values = Vec::new();
        values
            .try_reserve_exact(self.n_values)
            .map_err(|_| Defect::OutOfMemory { name: self.name.to_owned(), n_bytes: (N * self.n_values) as u64 })?;
        let mut chunk = vec![0; CHUNK_BYTES];
        while values.len() < self.n_values {
            let n_bytes = CHUNK_BYTES.min(N * (self.n_values - values.len()));
            let bytes = &mut chunk[..n_bytes];
            self.reader.read_exact(bytes)?;
            self.sum.update(&*bytes);
            values.extend(bytes.as_chunks::<N>().0.iter().copied().map(from_le_bytes));
        }
        Ok(values)
    }
}
