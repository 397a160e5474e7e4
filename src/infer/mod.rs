//! A bundle and images become inspections.
//!
//! ```text
//! Image -> Preprocessing -> Backbone -> describe -> Gate, Policy -> MemoryBank::nearest_in -> ImageScore, AnomalyMap -> Conformal -> Verdict
//! ```
//!
//! Fitting scores its held-out images with the same [`Inspector`], so a score means the same at fit time and afterwards.

pub(crate) mod convert;
mod decode;
mod error;
mod explain;
mod gate_use;
mod inspector;
mod pipeline;
mod stream;

pub(crate) use decode::in_batches;
pub use error::InferError;
pub use explain::{
    ExplainPlan, ExplainedPatch, Explanation, Match, NormalImages, NormalPatch, PatchPlace, PixelBox, SAME_PATCH,
};
pub use gate_use::GateUse;
pub use inspector::{Calibration, Inspection, Inspector, Scored, Scoring};
pub(crate) use inspector::{Distances, How, Normalise, score};
pub use pipeline::{FeaturePipeline, PipelineSpec};
pub(crate) use pipeline::{FeatureSource, Network};
pub use stream::{DEFAULT_BATCH, Item, inspect_all, inspect_and};
