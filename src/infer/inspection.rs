//! What is said of an image.

use crate::condition::{Condition, Policy};
use crate::detect::{Inside, View};
use crate::image::Placement;
use crate::score::{AnomalyMap, PValue, Region, Verdict};
use std::sync::Arc;

/// Which held-out normals an image is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Calibration {
    /// Those of its own condition.
    #[default]
    Condition,
    /// All of them.
    Global,
    /// All of them, by distances that are normalised by the local density of the bank ([`LocalDensity`](crate::bank::LocalDensity)): those make
    /// conditions comparable without knowing which one an image is in. Scores, threshold and map are of these distances.
    Density,
}

impl Calibration {
    /// The view whose scores it compares.
    pub(super) fn view(self, policy: Policy) -> View {
        match self {
            Self::Condition | Self::Global => View::plain(policy),
            Self::Density => View::by_density(policy),
        }
    }
}

/// What pcore says of one image.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Inspection {
    /// The image score, unclamped: a distance in feature space.
    pub raw_score: f32,
    /// The score in standard deviations above the mean of held-out normals, unclamped.
    pub calibrated_score: f32,
    /// Raw scores above it are anomalous.
    pub threshold: f32,
    /// The threshold in the unit of the calibrated score.
    pub calibrated_threshold: f32,
    /// The decision.
    pub verdict: Verdict,
    /// How often a normal image scores so high or higher, by the held-out ones that the threshold comes from; `None` where the
    /// bundle holds no scores.
    pub p_value: Option<PValue>,
    /// The image's condition, `None` when nothing tells it.
    pub condition: Option<Condition>,
    /// The image is far from the training images of every condition: it was compared with all rows, and its score with
    /// all held-out normals.
    pub is_unknown_condition: bool,
    /// How sure the gate is of the condition, 0..1; 1 when it was given.
    pub gate_confidence: f32,
    /// The anomaly map at the network's input size.
    pub map: AnomalyMap,
    /// Where the source pixels lie in that map.
    pub placement: Placement,
    /// Which pixels of the map are looked at, where those are not all: it is 0 elsewhere.
    pub inside: Option<Arc<Inside>>,
    /// Values of the map above it are anomalous. `None` where there is no such limit: the bundle has none, or the distances are
    /// normalised by local density ([`Calibration::Density`]), for which none was measured.
    pub pixel_threshold: Option<f32>,
    /// Where the map exceeds that limit, the region with the largest peak first; see [`Inspector::set_min_region_area`](super::Inspector::set_min_region_area).
    pub regions: Vec<Region>,
    /// What the image looks like to the network: the mean of each descriptor value over the patches that are looked at, where
    /// that was asked for ([`Inspector::set_pools`](super::Inspector::set_pools)).
    pub pooled: Option<Vec<f32>>,
}

/// What a raw score means.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judgement {
    pub(crate) calibrated_score: f32,
    pub(crate) threshold: f32,
    pub(crate) calibrated_threshold: f32,
    pub(crate) verdict: Verdict,
    pub(crate) p_value: Option<PValue>,
}
