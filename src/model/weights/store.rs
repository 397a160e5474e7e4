//! The folder in which checked weights are kept.
//!
//! One file per name, `NAME.safetensors`, with float32 tensors under the network's own names in the order in which the
//! network reads them. Notes in its header say where the weights came from and give a hash of all values, so one file
//! is all there is and it is replaced in one step.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::safetensors::{self, Entry};
use super::source::Source;
use super::{Digest, Manifest, NamedTensors, WeightsError};
use crate::model::ModelError;
use crate::model::zoo::{self, Canonical};

/// Longest name of weights.
const MAX_NAME_BYTES: usize = 100;
/// Extension of the files.
const EXTENSION: &str = "safetensors";

/// A folder of weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    folder: PathBuf,
}

/// What was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// File in the store.
    pub path: PathBuf,
    /// Layers that can be requested.
    pub layers: Vec<String>,
    /// SHA-256 of the file that was added.
    pub source_sha256: String,
}

/// One set of weights in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredWeights {
    /// Name for [`PipelineSpec::backbone`](crate::detect::PipelineSpec::backbone).
    pub name: String,
    /// File in the store.
    pub path: PathBuf,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Layers that can be requested; empty where the file cannot be read.
    pub layers: Vec<String>,
    /// Name of the file it was made from.
    pub source: String,
    /// SHA-256 of that file.
    pub source_sha256: String,
}

/// Result of checking one set of weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All values hash to what was noted when they were added.
    Sound,
    /// Cannot be used; the reason.
    Damaged(String),
}

impl Store {
    /// The store in `$PCORE_HOME/weights`, or in `.pcore/weights` in the user's home folder.
    ///
    /// # Errors
    /// Where neither is known.
    pub fn open_default() -> Result<Self, WeightsError> {
        let set = |key: &str| env::var_os(key).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = set("PCORE_HOME").or_else(|| Some(set("HOME").or_else(|| set("USERPROFILE"))?.join(".pcore")));
        Ok(Self::at(home.ok_or(WeightsError::NoHome)?.join("weights")))
    }

    /// The store in a folder, which need not exist yet.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Checks a weight file against the network `name` and keeps it under that name, replacing what was there.
    ///
    /// # Errors
    /// Where the network is unknown, the file does not hold it, or the store cannot be written.
    pub fn add(&self, file: &Path, name: &str) -> Result<Added, ModelError> {
        let target = self.path(name)?;
        let tensors = NamedTensors::read(file)?;
        let canonical = zoo::canonical(name, &tensors)?;
        // Whatever stops a network from being loaded stops its weights from being kept.
        zoo::rehearse(name, &tensors, canonical.layers.len())?;
        let source_sha256 = hash_file(file)?;
        let values_sha256 = hash_values(&canonical, &tensors)?;
        let source = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let notes = BTreeMap::from(
            [
                ("name", name),
                ("layers", &canonical.layers.join(",")),
                ("source", &source),
                ("source_sha256", &source_sha256),
                ("values_sha256", &values_sha256),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        self.write(&target, &notes, &canonical, &tensors)?;
        Ok(Added { path: target, layers: canonical.layers, source_sha256 })
    }

    /// What is in the store, by name.
    ///
    /// # Errors
    /// Where the folder cannot be listed.
    pub fn list(&self) -> Result<Vec<StoredWeights>, WeightsError> {
        let io = |source| WeightsError::Io { action: "list", path: self.folder.clone(), source };
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(io)?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.map_err(io)?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned);
            let (Some(name), true) = (stem, path.extension().is_some_and(|extension| extension == EXTENSION)) else {
                continue;
            };
            let notes = Source::open(&path).and_then(|source| safetensors::metadata(&source)).unwrap_or_default();
            let note = |key: &str| notes.get(key).cloned().unwrap_or_default();
            let layers = note("layers").split(',').filter(|layer| !layer.is_empty()).map(str::to_owned).collect();
            let bytes = fs::metadata(&path).map_err(io)?.len();
            found.push(StoredWeights {
                name,
                bytes,
                layers,
                source: note("source"),
                source_sha256: note("source_sha256"),
                path,
            });
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Reads every file in the store completely and compares it with the hash noted when it was added.
    ///
    /// # Errors
    /// Where the folder cannot be listed; what is wrong with a file is in its verdict.
    pub fn verify(&self) -> Result<Vec<(StoredWeights, Verdict)>, WeightsError> {
        let verdict = |weights: &StoredWeights| match sound(&weights.path, &weights.name) {
            Ok(_) => Verdict::Sound,
            Err(error) => Verdict::Damaged(error.to_string()),
        };
        Ok(self.list()?.into_iter().map(|weights| (weights.clone(), verdict(&weights))).collect())
    }

    /// Opens the weights kept under a name.
    ///
    /// # Errors
    /// Where there are none or the file is damaged.
    pub fn open(&self, name: &str) -> Result<NamedTensors, WeightsError> {
        let path = self.path(name)?;
        if !path.exists() {
            let published = Manifest::built_in()?.entry(name).ok().cloned().map(Box::new);
            return Err(WeightsError::NotStored { name: name.to_owned(), store: self.folder.clone(), published });
        }
        NamedTensors::read(&path)
    }

    /// As [`Store::open`], once all values are found to be those that were added: what [`Store::verify`] calls damaged is
    /// refused.
    ///
    /// # Errors
    /// As for [`Store::open`], and [`WeightsError::Damaged`].
    pub(crate) fn open_sound(&self, name: &str) -> Result<NamedTensors, ModelError> {
        // Says what to do where there are none.
        drop(self.open(name)?);
        sound(&self.path(name)?, name)
    }

    /// The file of a name, refusing names that lead elsewhere.
    fn path(&self, name: &str) -> Result<PathBuf, WeightsError> {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        let first_is_plain = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if !first_is_plain || name.len() > MAX_NAME_BYTES || !name.bytes().all(is_plain) {
            return Err(WeightsError::BadName { name: name.to_owned() });
        }
        Ok(self.folder.join(format!("{name}.{EXTENSION}")))
    }

    /// Writes beside the target, then renames: the store holds the old file or the new one, never a part.
    fn write(
        &self,
        target: &Path,
        notes: &BTreeMap<String, String>,
        canonical: &Canonical,
        tensors: &NamedTensors,
    ) -> Result<(), WeightsError> {
        let io = |source| WeightsError::Io { action: "write", path: target.to_path_buf(), source };
        fs::create_dir_all(&self.folder).map_err(io)?;
        let mut file = NamedTempFile::new_in(&self.folder).map_err(io)?;
        let mut out = BufWriter::new(file.as_file_mut());
        let entries: Vec<Entry<'_>> =
            canonical.parameters.iter().map(|p| Entry { name: &p.name, shape: &p.shape }).collect();
        safetensors::write(&mut out, notes, &entries, |own| canonical.values(tensors, own), io)?;
        out.flush().map_err(io)?;
        drop(out);
        file.as_file().sync_all().map_err(io)?;
        file.persist(target).map_err(|error| io(error.error))?;
        // A folder can be synced on Unix only; elsewhere the rename is journalled.
        #[cfg(unix)]
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(io)?;
        Ok(())
    }
}

/// Lower-case hexadecimal SHA-256 of a file.
pub(super) fn hash_file(path: &Path) -> Result<String, WeightsError> {
    let io = |source| WeightsError::Io { action: "read", path: path.to_path_buf(), source };
    let mut file = File::open(path).map_err(io)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 18]);
    loop {
        match file.read(&mut buffer).map_err(io)? {
            0 => break,
            n => hash.update(&buffer[..n]),
        }
    }
    Ok(HEXLOWER.encode(&hash.finalize()))
}

fn hash_values(canonical: &Canonical, tensors: &NamedTensors) -> Result<String, WeightsError> {
    let mut digest = Digest::default();
    for parameter in &canonical.parameters {
        digest.update(&canonical.values(tensors, &parameter.name)?);
    }
    Ok(digest.finish())
}

/// The tensors of a file in the store, once their values have the hash noted when they were added.
fn sound(path: &Path, name: &str) -> Result<NamedTensors, ModelError> {
    let in_file = |source| WeightsError::InFile { path: path.to_path_buf(), source: Box::new(source) };
    let source = Source::open(path)?;
    let noted = safetensors::metadata(&source).map_err(in_file)?.remove("values_sha256");
    let tensors = NamedTensors::from_source(source).map_err(in_file)?;
    let found = hash_values(&zoo::canonical(name, &tensors)?, &tensors)?;
    if noted.as_ref() == Some(&found) {
        return Ok(tensors);
    }
    let expected = noted.unwrap_or_else(|| "none".to_owned());
    Err(WeightsError::Damaged { path: path.to_path_buf(), name: name.to_owned(), expected, found }.into())
}
