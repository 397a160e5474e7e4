//! Training images that score unlike the others, as a bundle names them.

use super::exact;
use serde::{Deserialize, Serialize};

/// Training images whose score by the others lies far above theirs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuspectsEntry {
    /// Those that the detector was fitted on all the same, most striking first.
    pub kept: Vec<SuspectEntry>,
    /// Those that were left out of the fit, in the order of leaving them out.
    pub dropped: Vec<SuspectEntry>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuspectEntry {
    /// Its name among the training images.
    pub name: String,
    /// Its raw score by the others.
    #[serde(with = "exact")]
    pub score: f32,
    /// How far above the median of its condition's images that lies, in their robust deviations.
    #[serde(with = "exact")]
    pub deviations: f32,
    /// The training image that its most anomalous patch is nearest to; `None`, and left out of the file, where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
}

impl SuspectsEntry {
    /// Those of two fits together; `None` without any.
    pub(crate) fn joined(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(mut one), Some(other)) => {
                one.kept.extend(other.kept);
                one.dropped.extend(other.dropped);
                Some(one)
            }
            (one, other) => one.or(other),
        }
    }
}
