//! Weight files: read as data, checked, kept in a store.
//!
//! | file | reader | notes |
//! |---|---|---|
//! | `.safetensors` | [`NamedTensors::read`] | float32, float16, bfloat16, float64 |
//! | `.pth`, `.pt` | the same | zip (PyTorch 1.6 and later) and the older stream of pickles; never runs code |
//! | `.onnx` | the same | tensors plus the graph, which must be that of a known network |
//!
//! Values are read one tensor at a time, when a network asks for them, straight into the buffer the network keeps.
//! [`Store`] keeps checked weights under `$PCORE_HOME/weights` as safetensors; [`Manifest`] knows the public sources.

mod check;
mod error;
#[cfg(feature = "fetch")]
mod fetch;
mod manifest;
pub(crate) mod onnx;
mod origin;
mod published;
mod pytorch;
mod safetensors;
mod source;
mod store;
mod stored;
mod tensors;

pub use error::{Mismatch, Misshapen, WeightsError};
#[cfg(feature = "fetch")]
pub use fetch::{Fetched, fetch};
pub use manifest::Manifest;
pub use published::ManifestEntry;
pub use store::{Added, Store, StoredWeights, Verdict};
pub use stored::Dtype;
pub use tensors::NamedTensors;

pub(in crate::model) use safetensors::{Entry, metadata, write as write_safetensors};
pub(in crate::model) use source::Source;

pub(crate) use check::{Digest, Parameter, check, prefix};
pub(crate) use origin::{Origin, transposed};
