//! The `.pcore` file: everything one fitted detector needs, in one verified file.
//!
//! A bundle is a [safetensors](https://github.com/huggingface/safetensors) file:
//!
//! ```text
//! offset 0   u64 LE            n, length of the header in bytes
//! offset 8   n bytes           header, JSON: {"__metadata__": {"pcore": MANIFEST},
//!                              "bank_rows": {"dtype": .., "shape": .., "data_offsets": ..}, ..}
//! offset 8+n                   tensor data, little endian, row-major, in this order:
//!   bank_rows              f32 [n_rows, dim]     patch descriptors kept in the memory bank
//!   row_condition          u32 [n_rows]          index into manifest.conditions
//!   row_source             u32 [n_rows]          index into manifest.sources, or 2^32 - 1 = unknown
//!   row_position           u32 [n_rows]          patch index in its grid, or 2^32 - 1 = unknown
//!   calibration_scores     f32 [n_calibration]   raw scores of the held-out normal images
//!   calibration_condition  u32 [n_calibration]   index into manifest.conditions
//!   other_scores           f32 [n_other, n_calibration]  the same images under the other policies
//!   gate_points            f32 [n_points, 8]     what the gate votes by
//!   gate_conditions        u32 [n_points]        index into manifest.conditions
//!   row_scale              f32 [n_rows]          mean distance of each row to its nearest other rows
//!   density_scores         f32 [n_policies, n_calibration]  the same images by distances divided by that scale
//!   row_list               u32 [n_rows]          the list of each row in the index
//! ```
//!
//! The last six are left out where they would be empty.
//!
//! `MANIFEST` is one JSON object, stored as a string: the fields of [`Manifest`]. Two SHA-256 sums in
//! it cover the whole file: `tensors_sha256` the tensor data, `header_sha256` the length and the
//! header (with the 64 digits of `header_sha256` itself read as zeros). So a flipped bit anywhere is
//! noticed. The sums guard against damage, not against forgery: whoever can change the file can
//! compute them anew.
//!
//! Python reads a bundle with the `safetensors` package:
//!
//! ```python
//! import json
//! from safetensors import safe_open
//! with safe_open("C.pcore", framework="np") as bundle:
//!     manifest = json.loads(bundle.metadata()["pcore"])
//!     rows = bundle.get_tensor("bank_rows")  # float32 [n_rows, dim]
//! ```
//!
//! The same contents always give the same bytes: a bundle holds no time stamp and no path of the
//! machine that wrote it. The reasons for the format are in `docs/adr/0003-bundle-format.md`.

mod contents;
mod error;
mod exact;
mod header;
mod limits;
mod manifest;
pub mod onnxdemo;
mod read;
mod settings;
mod signature;
mod unique;
mod write;

pub use crate::files::STALE_AFTER;
pub use contents::{Contents, UNKNOWN};
pub use error::{BundleError, Defect};
pub use limits::{
    DEVIATIONS, LEAST_SCORE_DEVIATION, MAX_ENTRIES, MAX_MAGNITUDE, MAX_MAP_NEIGHBOURS, MAX_MAP_SIGMA_PX,
    MAX_NAME_CHARS, MAX_NEIGHBOURHOOD, MAX_SCORE, MEANS,
};
pub use manifest::{
    BackboneEntry, CalibrationEntry, ConditionEntry, ConformalEntry, CoresetEntry, DensityEntry, DescriptorEntry,
    GateAxisEntry, GateEntry, GroupsEntry, ImportedEntry, IndexEntry, Manifest, Metric, PreprocessingEntry, ScoreEntry,
};
pub use read::{from_bytes, read};
pub use signature::{SignatureError, SigningKey, TrustedKey, read_signed, sign, signature_path};
pub use write::{may_replace, to_bytes, write};

/// The format this pcore writes, and the newest it reads.
pub const FORMAT_VERSION: u32 = 1;

/// Most bytes a bundle may have: 16 GiB.
pub const MAX_FILE_BYTES: u64 = 16 << 30;

/// Most bytes the safetensors header may have: 64 MiB.
pub const MAX_HEADER_BYTES: u64 = 64 << 20;

/// Most bytes the manifest may have, as JSON text before it is escaped into the header: 32 MiB.
pub const MAX_MANIFEST_BYTES: usize = 32 << 20;

/// Key of the manifest in the metadata of the safetensors header.
const MANIFEST_KEY: &str = "pcore";
