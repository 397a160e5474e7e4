//! What a study can vary.

use super::StudyError;
use std::str::FromStr;

/// What a study can vary, in the order in which an image meets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Axis {
    /// The method.
    Detector,
    /// The network.
    Backbone,
    /// Its layers: `all`, or names separated by commas.
    Layers,
    /// The network's input, `256x256`.
    ImageSize,
    /// How images get that size.
    Resize,
    /// Side of the square that each patch averages.
    Neighbourhood,
    /// `none`, or contexts separated by spaces.
    Context,
    /// `l2` or `cosine`.
    Metric,
    /// Rows kept, a share or a count.
    Coreset,
    /// Patch distances to image score.
    ImageScore,
    /// Bank images per condition: `all` or a number.
    Shots,
    /// What the gate learns from.
    GateKind,
    /// Which rows count.
    Policy,
    /// Which held-out normals a score is compared with.
    Calibration,
    /// Who tells an image's condition.
    Gate,
}

impl Axis {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Detector,
        Self::Backbone,
        Self::Layers,
        Self::ImageSize,
        Self::Resize,
        Self::Neighbourhood,
        Self::Context,
        Self::Metric,
        Self::Coreset,
        Self::ImageScore,
        Self::Shots,
        Self::GateKind,
        Self::Policy,
        Self::Calibration,
        Self::Gate,
    ];

    /// Its name in plans and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Detector => "detector",
            Self::Backbone => "backbone",
            Self::Layers => "layers",
            Self::ImageSize => "image_size",
            Self::Resize => "resize",
            Self::Neighbourhood => "neighbourhood",
            Self::Context => "context",
            Self::Metric => "metric",
            Self::Coreset => "coreset",
            Self::ImageScore => "image_score",
            Self::Shots => "shots",
            Self::GateKind => "gate_kind",
            Self::Policy => "policy",
            Self::Calibration => "calibration",
            Self::Gate => "gate",
        }
    }

    /// Whether the fitted bank does not depend on it, so that runs may share one.
    #[must_use]
    pub fn is_chosen_at_inference(self) -> bool {
        matches!(self, Self::Policy | Self::Calibration | Self::Gate)
    }
}

impl FromStr for Axis {
    type Err = StudyError;

    fn from_str(text: &str) -> Result<Self, StudyError> {
        Self::ALL
            .into_iter()
            .find(|axis| axis.name() == text)
            .ok_or_else(|| StudyError::Axis { found: text.to_owned(), known: Self::ALL.map(Self::name).join(", ") })
    }
}
