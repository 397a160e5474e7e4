//! What a detector measures.

use crate::score::AnomalyMap;

/// What the distances of one image's patches come to.
#[derive(Clone, Debug)]
pub struct Distances {
    /// The image score under each view.
    pub raw_scores: Vec<f32>,
    /// The distance of each patch under the first.
    pub patches: Vec<f32>,
    /// The map under the first.
    pub map: AnomalyMap,
}
