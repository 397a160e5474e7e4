//! What a bundle says of it.

use crate::bundle::settings::{check_between, check_named, check_size};
use crate::bundle::{Defect, MAX_MAGNITUDE, MAX_MAP_SIGMA_PX, exact};
use crate::detect::{DetectError, Scoring, TrainingEntry};
use crate::model::reconstruction::AutoencoderShape;
use crate::model::training::MAX_STEPS;
use serde::{Deserialize, Serialize};

/// Most networks.
const MAX_NETWORKS: usize = 64;

/// Settings of trained autoencoders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Values of a pixel: 1 of grey images, 3 of colour.
    pub(super) n_channels: usize,
    /// Layers that halve the sides, and as many that double them.
    pub(super) n_levels: usize,
    /// The pixel value that becomes 0.
    #[serde(with = "exact")]
    pub(super) low: f32,
    /// The pixel value that becomes 1.
    #[serde(with = "exact")]
    pub(super) high: f32,
    /// Trained networks.
    pub(super) n_networks: usize,
    /// Steps of each training.
    pub(super) steps: usize,
    /// How it trained, where that is not the usual way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) training: Option<TrainingEntry>,
    /// How images varied while they were learned from; left out of the file where they did not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) augment: String,
    /// Mean loss of some images at the end.
    #[serde(with = "exact")]
    pub(super) loss: f32,
    /// The image score: `max`, `top:0.01`.
    pub(super) image_score: String,
    /// Standard deviation of the Gaussian that smooths the map, pixels; 0 smooths nothing.
    #[serde(with = "exact")]
    pub(super) map_sigma_px: f32,
}

impl Settings {
    pub(super) fn scoring(&self) -> Result<Scoring, DetectError> {
        Scoring::without_bank(&self.image_score, self.map_sigma_px)
    }

    pub(super) fn shape(&self) -> AutoencoderShape {
        AutoencoderShape { n_channels: self.n_channels, n_levels: self.n_levels }
    }

    /// Checks every field.
    pub(super) fn check(&self) -> Result<(), Defect> {
        check_named("image_score", &self.image_score)?;
        self.training.as_ref().map_or(Ok(()), TrainingEntry::check)?;
        if !self.augment.is_empty() {
            check_named("augment", &self.augment)?;
        }
        check_between("map_sigma_px", self.map_sigma_px, 0.0, MAX_MAP_SIGMA_PX)?;
        check_between("low", self.low, -MAX_MAGNITUDE, MAX_MAGNITUDE)?;
        check_between("high", self.high, self.low, MAX_MAGNITUDE)?;
        check_between("loss", self.loss, 0.0, MAX_MAGNITUDE)?;
        check_size("n_networks", self.n_networks, MAX_NETWORKS)?;
        check_size("steps", self.steps, MAX_STEPS)?;
        check_size("n_channels", self.n_channels, super::canvas::CHANNELS)?;
        check_size("n_levels", self.n_levels, AutoencoderShape::MOST_LEVELS)
    }
}
