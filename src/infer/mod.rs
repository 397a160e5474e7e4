//! A bundle and images become inspections.
//!
//! ```text
//! Image -> Preprocessing -> Backbone -> describe -> Gate, Policy -> MemoryBank::nearest_in -> ImageScore, AnomalyMap -> Conformal -> Verdict
//! ```
//!
//! Fitting scores its held-out images with the same [`Inspector`], so a score means the same at fit time and afterwards.

pub(crate) mod convert;
mod cut;
mod explain;
mod inspection;
mod inspector;
mod judge;
mod levels;
pub(crate) mod open;
mod stream;

pub use crate::image::PixelBox;
pub use cut::Cut;
pub use explain::{
    ExplainPlan, ExplainedPatch, Explanation, Match, NormalImages, NormalPatch, PartShare, PatchPlace, SAME_PATCH,
};
pub use inspection::{Calibration, Inspection};
pub use inspector::Inspector;
pub use stream::{Inspecting, Item, StageTimes, inspect_all, inspect_and};
