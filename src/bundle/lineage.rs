//! What was done to a bundle after its fit.

use super::exact;
use serde::{Deserialize, Serialize};

/// Steps that a bundle lists.
pub(crate) const MOST_STEPS: usize = 100;

/// The steps since the fit, in their order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineageEntry {
    /// Earlier steps, which are not listed any more.
    pub n_earlier: usize,
    /// At most the last hundred.
    pub steps: Vec<StepEntry>,
}

/// One step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepEntry {
    /// What was done: `update`, `forget`, `merge`, `calibrate`.
    pub verb: String,
    /// When, as RFC 3339 in UTC.
    pub at: String,
    /// Version of the pcore that did it.
    pub pcore_version: String,
    /// `header_sha256` of the bundle before, 64 lower-case hex digits; left out of the file where that was never written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_sha256: Option<String>,
    /// Of a merge, that of the other bundle; left out of the file otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_sha256: Option<String>,
    /// SHA-256 over names and content digests of the images that were looked at; left out of the file without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images_sha256: Option<String>,
    /// Images that were added to the training images, or calibrated from.
    pub n_added: usize,
    /// Images that were forgotten.
    pub n_forgotten: usize,
    /// Rows of all memory banks before and after; `None`, and left out of the file, of a detector without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_rows: Option<[usize; 2]>,
    /// The threshold of all images before and after.
    #[serde(with = "exact")]
    pub threshold_before: Option<f32>,
    /// See [`Self::threshold_before`].
    #[serde(with = "exact")]
    pub threshold_after: Option<f32>,
}

impl LineageEntry {
    /// One more step; the first goes where there are too many.
    pub(crate) fn push(&mut self, step: StepEntry) {
        if self.steps.len() >= MOST_STEPS {
            let n_gone = self.steps.len() + 1 - MOST_STEPS;
            self.steps.drain(..n_gone);
            self.n_earlier += n_gone;
        }
        self.steps.push(step);
    }
}

/// A threshold that was chosen on labelled images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChosenEntry {
    /// Defective images that it was chosen on.
    pub n_defects: usize,
    /// Normal images that it was chosen on, held-out scores of the bundle among them.
    pub n_normals: usize,
    /// What it is best at in place of costs, which then say nothing: `youden`, `f1`; `None`, and left out of the file, for costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aim: Option<String>,
    /// What a missed defect costs, in false alarms.
    #[serde(with = "exact")]
    pub miss_cost: f64,
    /// The share of defective parts that the costs were weighed with.
    #[serde(with = "exact")]
    pub defect_rate: f64,
    /// The share of those defects above the threshold.
    #[serde(with = "exact")]
    pub recall: f64,
    /// The share of those normal images above it.
    #[serde(with = "exact")]
    pub false_alarm_rate: f64,
}
