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
    /// The value of each patch in the map, under each view: a detector made of several joins their maps under each.
    pub in_maps: Vec<Vec<f32>>,
}

/// An image's scores with its maps.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    /// The image score under each view.
    pub(crate) raw_scores: Vec<f32>,
    /// The distance of each patch of the grid under the first, 0 for those that are not looked at.
    pub(crate) patches: Vec<f32>,
    /// The map under the first.
    pub(crate) map: AnomalyMap,
    /// The maps under the others, in their order.
    pub(crate) other_maps: Vec<AnomalyMap>,
}

impl Drawn {
    /// `raw_scores` and `maps` are those under each view; `None` without any.
    pub(crate) fn of(raw_scores: Vec<f32>, patches: Vec<f32>, maps: Vec<AnomalyMap>) -> Option<Self> {
        let mut maps = maps.into_iter();
        let map = maps.next()?;
        Some(Self { raw_scores, patches, map, other_maps: maps.collect() })
    }
}

impl Distances {
    /// Draws the maps that a detector's patches make, at the size of its network's input; `None` without a view.
    pub(crate) fn drawn(
        self,
        (grid, inside): (Grid, Option<&Inside>),
        features: &FeaturePipeline,
        scoring: Scoring,
    ) -> Option<Drawn> {
        let Self { raw_scores, patches, in_maps } = self;
        let (input, sigma_px) = (features.preprocessing(), scoring.map_sigma_px);
        let (height_px, width_px) = (input.height_px, input.width_px);
        let draw = |values: &Vec<f32>| match inside {
            None => AnomalyMap::draw(values, grid, height_px, width_px, sigma_px),
            Some(inside) => inside.draw(values, (height_px, width_px), sigma_px),
        };
        let maps = in_maps.iter().map(draw).collect();
        let patches = match inside {
            None => patches,
            Some(inside) => inside.spread(&patches),
        };
        Drawn::of(raw_scores, patches, maps)
    }
}
