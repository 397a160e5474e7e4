//! What can be wrong with the files of the station.

use crate::bank::BankError;
use crate::detect::DetectError;
use std::io;
use std::path::PathBuf;

/// Reading, using or writing the files of the station failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StationError {
    /// This binary has no such network or layer, or the network can't be used.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// A file cannot be opened or read.
    #[error("cannot read {}: {source}; the folder needs gallery_f32.bin, threshold.json and meta.json", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}: {source}; check the folder and its disk", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is larger than it may be.
    #[error("{} has {found} bytes, more than the {limit} it may have; is it the right file?", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Bytes there are.
        found: u64,
        /// Most bytes there may be.
        limit: u64,
    },
    /// A JSON file does not read.
    #[error("{file}: {source}; export it again from the station's training notebook")]
    Json {
        /// The file.
        file: &'static str,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A field has a value that makes no sense.
    #[error("{file}: {field} is {found}, expected {expected}; correct the file or export it again")]
    Field {
        /// The file.
        file: &'static str,
        /// Its name.
        field: &'static str,
        /// What it has to be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// Mean and standard deviation of colours from 0 to 255.
    #[error(
        "meta.json: mean is {mean:?} and std is {std:?}, which are on the scale 0..255 while the station divides colours by 255 first; divide both by 255: mean [{}], std [{}]",
        divided(mean),
        divided(std)
    )]
    ByteScale {
        /// The mean as it stands.
        mean: [f64; 3],
        /// The standard deviation as it stands.
        std: [f64; 3],
    },
    /// Nothing says how many numbers a row has.
    #[error("the length of a row is not known: threshold.json has no ntotal; name the network or the dimension")]
    NoDim,
    /// The gallery cannot be cut into rows.
    #[error(
        "gallery_f32.bin has {n_bytes} bytes, no multiple of the {row_bytes} bytes of a row of {dim} numbers; it was cut short, or belongs to another network"
    )]
    RaggedGallery {
        /// Bytes of the file.
        n_bytes: u64,
        /// Bytes of one row.
        row_bytes: u64,
        /// Numbers of one row.
        dim: usize,
    },
    /// The gallery has no rows.
    #[error("gallery_f32.bin is empty; export it again")]
    EmptyGallery,
    /// Two files disagree on the number of rows.
    #[error(
        "threshold.json says ntotal {expected}, gallery_f32.bin has {found} rows of {dim} numbers; the files belong to different exports"
    )]
    RowCount {
        /// Rows by `threshold.json`.
        expected: u64,
        /// Rows of the gallery.
        found: u64,
        /// Numbers of one row.
        dim: usize,
    },
    /// A NaN or an infinity in the gallery.
    #[error("gallery_f32.bin: {value} in row {row}, column {col}; export it again")]
    NotFinite {
        /// Row of the bank.
        row: usize,
        /// Column of the bank.
        col: usize,
        /// The offending value.
        value: f32,
    },
    /// A row that is not normalised.
    #[error(
        "gallery_f32.bin: row {row} has length {norm}, expected 1; its rows must be L2-normalised, or the dimension is not {dim}"
    )]
    NotNormalised {
        /// Row of the bank.
        row: usize,
        /// Its Euclidean length.
        norm: f64,
        /// Numbers of one row.
        dim: usize,
    },
    /// The network gives rows of another length.
    #[error(
        "gallery_f32.bin has rows of {expected} numbers, {network} gives {found} at {layers}; name the network and the one layer that the gallery was made with"
    )]
    OtherNetwork {
        /// Numbers of one row of the gallery.
        expected: usize,
        /// Numbers the network gives.
        found: usize,
        /// The network.
        network: String,
        /// Its tapped layers.
        layers: String,
    },
    /// More or less than one layer is tapped.
    #[error("the station compares one layer, here are {}: {}; name the one it was exported with", layers.len(), layers.join(", "))]
    Layers {
        /// The tapped layers.
        layers: Vec<String>,
    },
    /// The bundle does what the station can't do.
    #[error(
        "the station can't use this bundle: {what} is {found}, the station only knows {expected}; fit with `Options::metric` cosine `DescriptorSpec::neighbourhood` 1 `PipelineSpec::layers` LAYER `PipelineSpec::preprocessing` 224x224 `Preprocessing::resize` shortest-crop:256 `Scoring::image_score` max and one condition"
    )]
    NotForStation {
        /// The setting.
        what: &'static str,
        /// What the station does.
        expected: &'static str,
        /// What the bundle does.
        found: String,
    },
    /// The files do not make a bundle.
    #[error("the files do not make a valid bundle: {defect}")]
    Bundle {
        /// What is wrong.
        #[source]
        defect: Box<crate::bundle::Defect>,
    },
    /// Not enough memory for the gallery.
    #[error("the gallery needs {n_bytes} bytes of memory, which are not free; close programs")]
    OutOfMemory {
        /// Bytes asked for.
        n_bytes: u64,
    },
}

/// By 255, to five places.
fn divided(values: &[f64; 3]) -> String {
    values.map(|value| (value / 255.0 * 1e5).round() / 1e5).map(|value| value.to_string()).join(", ")
}

impl From<BankError> for StationError {
    fn from(error: BankError) -> Self {
        Self::Detect(error.into())
    }
}
