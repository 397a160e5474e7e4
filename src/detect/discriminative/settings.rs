//! What a bundle says of it.

use crate::bundle::settings::{check_between, check_named, check_size};
use crate::bundle::{Defect, MAX_MAP_SIGMA_PX, exact};
use crate::detect::{DetectError, MAX_VERSIONS, Scoring, TrainingEntry};
use crate::model::training::MAX_STEPS;
use serde::{Deserialize, Serialize};

/// Most heads, and most values of a hidden layer.
const MAX_HEADS: usize = 64;
const MAX_HIDDEN: usize = 65_536;

/// Settings of trained heads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// What was pasted into normal images: `none`, `generic`, `lines:h`, `lines:v`.
    pub(super) faults: String,
    /// Versions of each image with faults.
    pub(super) versions: usize,
    /// Anomalous patches that were learned from.
    pub(super) n_anomalous: usize,
    /// Defective images that were learned from besides; left out of the file where there were none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub(super) n_defects: usize,
    /// Patches of them.
    #[serde(default, skip_serializing_if = "is_none")]
    pub(super) n_defective: usize,
    /// Steps of each training.
    pub(super) steps: usize,
    /// How, where that is not the usual way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) training: Option<TrainingEntry>,
    /// Trained heads.
    pub(super) n_heads: usize,
    /// Values of their hidden layer.
    pub(super) n_hidden: usize,
    /// The image score: `max`, `top:0.01`.
    pub(super) image_score: String,
    /// Standard deviation of the Gaussian that smooths the map, pixels; 0 smooths nothing.
    #[serde(with = "exact")]
    pub(super) map_sigma_px: f32,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_none(n: &usize) -> bool {
    *n == 0
}

impl Settings {
    pub(super) fn scoring(&self) -> Result<Scoring, DetectError> {
        Scoring::without_bank(&self.image_score, self.map_sigma_px)
    }

    /// Checks every field.
    pub(super) fn check(&self) -> Result<(), Defect> {
        check_named("faults", &self.faults)?;
        check_named("image_score", &self.image_score)?;
        check_between("map_sigma_px", self.map_sigma_px, 0.0, MAX_MAP_SIGMA_PX)?;
        check_size("versions", self.versions, MAX_VERSIONS)?;
        check_size("steps", self.steps, MAX_STEPS)?;
        self.training.iter().try_for_each(TrainingEntry::check)?;
        check_size("n_heads", self.n_heads, MAX_HEADS)?;
        check_size("n_hidden", self.n_hidden, MAX_HIDDEN)
    }
}
