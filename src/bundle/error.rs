//! What can be wrong with a bundle, and with the file around it.

use std::io;
use std::path::PathBuf;

/// Reading or writing a bundle file failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The file cannot be opened or examined.
    #[error("cannot open the bundle {}: {source}; check the path, or fit a detector first", path.display())]
    Open {
        /// The bundle.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The path leads to a folder, a pipe or a device.
    #[error("{} is not a regular file; give the path of a .pcore file", path.display())]
    NotAFile {
        /// What was given.
        path: PathBuf,
    },
    /// The path names no file.
    #[error("{} has no file name; give a path that ends in NAME.pcore", path.display())]
    NoFileName {
        /// What was given.
        path: PathBuf,
    },
    /// The contents of the file, or the contents to be written, are not those of a bundle.
    #[error("{}: {defect}", path.display())]
    Invalid {
        /// The bundle.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        defect: Box<Defect>,
    },
    /// The new file could not be written in full. A bundle that stood at the path before is unchanged.
    #[error("cannot write the bundle {} ({n_bytes} bytes): {source}; {way_out}; nothing was changed", path.display())]
    Write {
        /// The bundle.
        path: PathBuf,
        /// Size of the new file.
        n_bytes: u64,
        /// What can be done about it.
        way_out: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The new bundle is in place, but its folder could not be flushed to the disk.
    #[error("the bundle {} is written, but may be lost if the power fails now: its folder cannot be flushed: {source}", path.display())]
    FolderSync {
        /// The bundle.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The bundle before a change can't be kept beside it, or put back.
    #[error("cannot keep the bundle before the change as {}: {source}; nothing was changed", path.display())]
    Keep {
        /// Where it is kept.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No bundle before the last change is kept.
    #[error("nothing to undo: no other bundle is kept beside {}", path.display())]
    NothingKept {
        /// The bundle.
        path: PathBuf,
    },
}

/// What is wrong with the contents of a bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Defect {
    /// The bytes could not be read.
    #[error("reading stopped: {0}; copy the file to a healthy disk or fit again")]
    Io(#[from] io::Error),
    /// More bytes than any bundle has.
    #[error("{found} bytes are more than the {limit} a bundle may have; use a smaller coreset")]
    FileTooLarge {
        /// Bytes there are.
        found: u64,
        /// [`MAX_FILE_BYTES`](super::MAX_FILE_BYTES).
        limit: u64,
    },
    /// The header says that it is larger than any header is.
    #[error(
        "the header claims {found} bytes, more than the {limit} it may have; this is no .pcore file, or a damaged one"
    )]
    HeaderTooLarge {
        /// Bytes claimed.
        found: u64,
        /// [`MAX_HEADER_BYTES`](super::MAX_HEADER_BYTES).
        limit: u64,
    },
    /// The manifest is larger than any manifest is.
    #[error("the manifest has {found} bytes, more than the {limit} it may have; fit on fewer or shorter-named images")]
    ManifestTooLarge {
        /// Bytes of JSON text.
        found: usize,
        /// [`MAX_MANIFEST_BYTES`](super::MAX_MANIFEST_BYTES).
        limit: usize,
    },
    /// The file is shorter or longer than its header says.
    #[error("the file has {found} bytes where {expected} are needed; it was cut short or extended, copy it again")]
    Length {
        /// Bytes by the header.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// The header is not that of a bundle.
    #[error("this is no .pcore file, or a damaged one: {reason}")]
    Header {
        /// What does not fit.
        reason: String,
    },
    /// The file comes from a later pcore.
    #[error(
        "written by pcore {writer}, bundle format {found}; this pcore {} reads up to format {supported}; update pcore",
        env!("CARGO_PKG_VERSION")
    )]
    NewerFormat {
        /// Format of the file.
        found: u32,
        /// [`FORMAT_VERSION`](super::FORMAT_VERSION).
        supported: u32,
        /// Version of the pcore that wrote it, shortened where it is long.
        writer: String,
    },
    /// A format that never existed.
    #[error("bundle format {found} does not exist, formats start at 1; the file is damaged or forged")]
    UnknownFormat {
        /// Format of the file.
        found: u32,
    },
    /// The header does not have the checksum written in it.
    #[error("the header is damaged: its sha256 is {found}, the file says {expected}; copy the file again or fit again")]
    HeaderChecksum {
        /// Sum written in the file.
        expected: String,
        /// Sum of what is there.
        found: String,
    },
    /// The tensor data do not have the checksum written in the manifest.
    #[error(
        "the tensors are damaged: their sha256 is {found}, the file says {expected}; copy the file again or fit again"
    )]
    TensorChecksum {
        /// Sum written in the file.
        expected: String,
        /// Sum of what is there.
        found: String,
    },
    /// The manifest is not the JSON object of this format.
    #[error("the manifest does not follow bundle format {version}: {source}; fit again")]
    Manifest {
        /// Format the manifest claims.
        version: u32,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A field of the manifest contradicts itself, another field or the tensors.
    #[error("manifest field {field}: expected {expected}, found {found}; fit again")]
    Field {
        /// Path of the field, as in `conditions[2].n_rows`.
        field: String,
        /// What it has to be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A detector that this pcore does not have.
    #[error("the bundle is of a detector '{kind}', this pcore knows {known}: update pcore, or fit again")]
    UnknownDetector {
        /// Its name, shortened where it is long.
        kind: String,
        /// Those there are.
        known: String,
    },
    /// The settings of a detector are not those it has.
    #[error("the settings of the detector '{kind}' do not read: {source}; fit again")]
    Settings {
        /// Its name.
        kind: String,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A tensor of the format is not there.
    #[error("the tensor {name} is missing; fit again")]
    MissingTensor {
        /// Its name.
        name: String,
    },
    /// A tensor the format does not have.
    #[error("the tensor {name} does not belong in a bundle; fit again")]
    UnexpectedTensor {
        /// Its name, shortened where it is long.
        name: String,
    },
    /// A tensor of the wrong type or shape.
    #[error("the tensor {name}: expected {expected}, found {found}; fit again")]
    Tensor {
        /// Its name.
        name: String,
        /// Type and shape the manifest calls for.
        expected: String,
        /// Type and shape it has.
        found: String,
    },
    /// A NaN or an infinity among the numbers.
    #[error("the tensor {name} holds {value} at index {index}; only finite numbers can be compared, fit again")]
    NotFinite {
        /// Name of the tensor.
        name: String,
        /// Position in it, row-major.
        index: usize,
        /// The offending value.
        value: f32,
    },
    /// An index that leads nowhere.
    #[error("the tensor {name} holds {value} at index {index}, but {of} has only {limit} entries; fit again")]
    Index {
        /// Name of the tensor.
        name: String,
        /// Position in it.
        index: usize,
        /// The offending value.
        value: u32,
        /// What it points into.
        of: &'static str,
        /// Entries there.
        limit: usize,
    },
    /// Not enough memory for a tensor.
    #[error(
        "the tensor {name} needs {n_bytes} bytes of memory, which are not free; close programs or use a smaller coreset"
    )]
    OutOfMemory {
        /// Its name.
        name: String,
        /// Bytes asked for.
        n_bytes: u64,
    },
}
