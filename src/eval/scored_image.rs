//! One image of a test set.

use crate::score::{PValue, Verdict};

/// What is known and what was found about one image.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredImage {
    /// The truth.
    pub anomalous: bool,
    /// Score as measured, unclamped.
    pub raw_score: f32,
    /// Score made comparable across conditions.
    pub calibrated_score: f32,
    /// The decision at the threshold.
    pub verdict: Verdict,
    /// How often a normal image scores so high or higher.
    pub p_value: Option<PValue>,
    /// The condition it was inspected under, if conditions are in use.
    pub condition: Option<String>,
    /// The defect type, for anomalous images that have one.
    pub defect: Option<String>,
}
