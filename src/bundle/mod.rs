//! The `.pcore` file: everything one fitted detector needs, in one verified file.
//!
//! A bundle is a [safetensors](https://github.com/huggingface/safetensors) file:
//!
//! ```text
//! offset 0   u64 LE            n, length of the header in bytes
//! offset 8   n bytes           header, JSON: {"__metadata__": {"pcore": MANIFEST},
//!                              "scores": {"dtype": .., "shape": .., "data_offsets": ..}, ..}
//! offset 8+n                   tensor data, little endian, row-major, in this order:
//!   scores            f32 [n_views, n_held_out]  raw scores of held-out normal images under each view
//!   score_condition   u32 [n_held_out]           index into manifest.conditions
//!   gate_points       f32 [n_points, 8]          what the gate votes by
//!   gate_conditions   u32 [n_points]             index into manifest.conditions
//!   pooled            f32 [n_images, dim]        means of descriptor values of training images, where known
//!   detector.NAME                                what the settings of the detector call for
//!   detector.0.NAME                              the same of its first part, where it has parts
//! ```
//!
//! Tensors without values are left out.
//!
//! `MANIFEST` is one JSON object, stored as a string: the fields of [`Manifest`], among them the kind and the settings of the
//! detector ([`SectionEntry`]). The bundle knows no detector: [`Sections`] says which tensors the settings of one call for, and
//! type and shape of each are compared with the file before memory is taken. Two SHA-256 sums in the manifest cover the
//! whole file: `tensors_sha256` the tensor data, `header_sha256` the length and the header (with the 64 digits of
//! `header_sha256` itself read as zeros). So a flipped bit anywhere is noticed. The sums guard against damage, not against
//! forgery: whoever can change the file can compute them anew.
//!
//! Python reads a bundle with the `safetensors` package:
//!
//! ```python
//! import json
//! from safetensors import safe_open
//! with safe_open("C.pcore", framework="np") as bundle:
//!     manifest = json.loads(bundle.metadata()["pcore"])
//!     scores = bundle.get_tensor("scores")  # float32 [n_views, n_held_out]
//! ```
//!
//! The same contents always give the same bytes: a bundle holds no path of the machine that wrote it, and
//! no time stamp but those of what was done to it after its fit.
//! Files of format 1, which had one detector and its tensors by name, are read as those of today. The reasons for the format
//! are in `docs/adr/0003-bundle-format.md` and `docs/adr/0015-bundle-format-2.md`.

mod contents;
mod entry;
mod error;
pub(crate) mod exact;
mod features;
mod header;
mod light;
mod limits;
mod lineage;
mod manifest;
mod pooled;
mod read;
mod require;
mod roi;
mod section;
pub(crate) mod settings;
mod shown;
mod signature;
mod spec;
mod suspects;
mod tensors;
pub(crate) mod unique;
mod write;

pub use crate::files::STALE_AFTER;
pub use contents::Contents;
pub use entry::{MAX_PARTS, SectionEntry};
pub use error::{BundleError, Defect};
pub use features::{BackboneEntry, DescriptorEntry, FeaturesEntry, PreprocessingEntry, TilesEntry};
pub use light::{LightEntry, LightImage, MAX_LIGHT_IMAGES};
pub use limits::{
    DEVIATIONS, LEAST_SCORE_DEVIATION, MAX_COPIES, MAX_ENTRIES, MAX_MAGNITUDE, MAX_MAP_NEIGHBOURS, MAX_MAP_SIGMA_PX,
    MAX_NAME_CHARS, MAX_NEIGHBOURHOOD, MAX_SCORE, MEANS, UNKNOWN,
};
pub use lineage::{ChosenEntry, LineageEntry, StepEntry};
pub use manifest::{
    CalibrationEntry, ConditionEntry, ConformalEntry, GateAxisEntry, GateEntry, GroupsEntry, ImportedEntry, Manifest,
};
pub(crate) use pooled::PooledImages;
pub use pooled::{MAX_POOLED_IMAGES, PooledEntry, PooledImage};
pub use read::{from_bytes, read};
pub(crate) use require::require;
pub use roi::{MAX_CORNERS, RoiAreaEntry, RoiEntry, RoiMaskEntry};
pub use section::{Section, Sections, Upgraded};
pub(crate) use shown::shorten;
pub use signature::{SignatureError, SigningKey, TrustedKey, read_signed, sign, signature_path};
pub use spec::{Holds, TensorSpec};
pub use suspects::{SuspectEntry, SuspectsEntry};
pub use tensors::{Tensors, TensorsOf, Values};
pub use write::{may_replace, to_bytes, write};

/// The format this pcore writes, and the newest it reads.
pub const FORMAT_VERSION: u32 = 2;

/// Most bytes a bundle may have: 16 GiB.
pub const MAX_FILE_BYTES: u64 = 16 << 30;

/// Most bytes the safetensors header may have: 64 MiB.
pub const MAX_HEADER_BYTES: u64 = 64 << 20;

/// Most bytes the manifest may have, as JSON text before it is escaped into the header: 32 MiB.
pub const MAX_MANIFEST_BYTES: usize = 32 << 20;

/// Key of the manifest in the metadata of the safetensors header.
const MANIFEST_KEY: &str = "pcore";
