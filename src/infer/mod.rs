//! A bundle and images become inspections.
//!
//! ```text
//! Image -> Preprocessing -> Backbone -> describe -> Gate, Policy -> MemoryBank::nearest_in -> ImageScore, AnomalyMap -> Conformal -> Verdict
//! ```
//!
//! Fitting scores its held-out images with the same [`Inspector`], so a score means the same at fit time and afterwards.

pub(crate) mod convert;
mod explain;
mod inspector;
mod levels;
pub(crate) mod open;
mod stream;

pub use crate::image::PixelBox;
pub use explain::{
    ExplainPlan, ExplainedPatch, Explanation, Match, NormalImages, NormalPatch, PartShare, PatchPlace, SAME_PATCH,
};
pub use inspector::{Calibration, Inspection, Inspector};
pub use stream::{Inspecting, Item, inspect_all, inspect_and};
