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
    /// The maps under the others, in their order: a detector made of several joins them under each view.
    pub other_maps: Vec<AnomalyMap>,
}

impl Distances {
    /// `raw_scores` and `maps` are those under each view; `None` without any.
    pub(crate) fn of(raw_scores: Vec<f32>, patches: Vec<f32>, maps: Vec<AnomalyMap>) -> Option<Self> {
        let mut maps = maps.into_iter();
        let map = maps.next()?;
        Some(Self { raw_scores, patches, map, other_maps: maps.collect() })
    }
}
