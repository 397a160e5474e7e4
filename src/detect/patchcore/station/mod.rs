//! The files of the .NET line station: a PatchCore bank for one layer, compared by cosine.
//!
//! ```text
//! gallery_f32.bin   f32 LE, no header, [n_rows, dim] row-major, every row of Euclidean length 1
//! threshold.json    {"value": 0.0509, "metric": "cosine", "q": 0.998, "ntotal": n_rows}
//! meta.json         {"input_size": 224, "mean": [r, g, b], "std": [r, g, b], "grid": [rows, cols],
//!                    "metric": "cosine", "backbone": "wrn50_l3", "layers": ["layer3"], "data_name": ".."}
//! ```
//!
//! The station scores an image with the largest patch distance `1 - max dot(query, row)` and rejects it
//! when the score is greater than `value` rounded to f32. The network (`*.onnx`) is the fourth file of
//! the folder; it is no business of this module.
//!
//! `q`, `ntotal`, `layers` and `data_name` may be missing. Other fields are kept as they are.
//!
//! [`StationArtefact::into_contents`] makes a bundle of it, [`StationArtefact::from_contents`] goes the other way.

mod convert;
mod error;
mod import;
mod json;
mod read;
mod types;
mod warning;
mod write;

pub use convert::{CROP_PX, FORMAT, SHORTEST_PX, preprocessing};
pub use error::StationError;
pub use import::{ImportedStation, StationOptions, import};
pub use read::{parse_meta, parse_threshold, read, read_meta};
use types::METRIC;
pub use types::{
    GALLERY_FILE, MAX_GALLERY_BYTES, MAX_JSON_BYTES, META_FILE, NORM_TOLERANCE, StationArtefact, StationMeta,
    StationThreshold, THRESHOLD_FILE,
};
pub use warning::StationWarning;
pub use write::write;
