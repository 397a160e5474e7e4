//! A bundle and images become inspections.
//!
//! ```text
//! Image -> Preprocessing -> Backbone -> describe -> MemoryBank::nearest -> ImageScore, AnomalyMap -> Gate, Conformal -> Verdict
//! ```
//!
//! Fitting scores its held-out images with the same [`Inspector`], so a score means the same at fit time and afterwards.

pub(crate) mod convert;
mod error;
mod inspector;
mod pipeline;
mod stream;

pub use error::InferError;
pub use inspector::{Calibration, Inspection, Inspector, Scored, Scoring};
pub(crate) use inspector::{Distances, score};
pub use pipeline::{FeaturePipeline, PipelineSpec};
pub use stream::{DEFAULT_BATCH, Item, inspect_all};
