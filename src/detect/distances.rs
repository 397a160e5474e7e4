//! What a detector measures.

use super::{FeaturePipeline, Inside, Scoring};
use crate::model::Grid;
use crate::score::AnomalyMap;

/// What the distances of one image's patches come to.
#[derive(Clone, Debug)]
pub struct Distances {
    /// The image score under each view.
    pub raw_scores: Vec<f32>,
    /// The distance of each patch under the first.
    pub patches: Vec<f32>,
    /// The value of each patch in the map under the first; `None` where it is its distance.
    pub in_map: Option<Vec<f32>>,
}

/// An image's scores with its map.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    /// The image score under each view.
    pub(crate) raw_scores: Vec<f32>,
    /// The distance of each patch of the grid under the first, 0 for those that are not looked at.
    pub(crate) patches: Vec<f32>,
    /// The map under the first.
    pub(crate) map: AnomalyMap,
}

impl Distances {
    /// Draws the map that a detector's patches make, at the size of its network's input.
    pub(crate) fn drawn(
        self,
        (grid, inside): (Grid, Option<&Inside>),
        features: &FeaturePipeline,
        scoring: Scoring,
    ) -> Drawn {
        let Self { raw_scores, patches, in_map } = self;
        let (input, sigma_px) = (features.preprocessing(), scoring.map_sigma_px);
        let (height_px, width_px) = (input.height_px, input.width_px);
        let values = in_map.as_deref().unwrap_or(&patches);
        match inside {
            None => {
                let map = AnomalyMap::draw(values, grid, height_px, width_px, sigma_px);
                Drawn { raw_scores, patches, map }
            }
            Some(inside) => {
                let map = inside.draw(values, (height_px, width_px), sigma_px);
                Drawn { raw_scores, patches: inside.spread(&patches), map }
            }
        }
    }
}
