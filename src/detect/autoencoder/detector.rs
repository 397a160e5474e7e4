//! It keeps the contract of detectors.

use super::fitted::{Autoencoders, NAME};
use crate::bundle::Section;
use crate::condition::{Admission, Policy};
use crate::detect::{DetectError, Detector, Distances, FeaturePipeline, Patches, Scoring, View};
use crate::image::Image;
use crate::score::AnomalyMap;

impl Detector for Autoencoders {
    fn kind(&self) -> &str {
        NAME
    }

    fn features(&self) -> &FeaturePipeline {
        &self.features
    }

    fn features_mut(&mut self) -> Vec<&mut FeaturePipeline> {
        vec![&mut self.features]
    }

    /// All say the same: it draws images of every condition.
    fn views(&self, policies: &[Policy]) -> Vec<View> {
        policies.iter().copied().map(View::plain).collect()
    }

    fn score_described(
        &self,
        patches: Patches<'_>,
        _admission: Admission,
        views: &[View],
    ) -> Result<Distances, DetectError> {
        self.judge.judged(None, self.scoring.image_score, patches, views)
    }

    fn reconstruction(&self, image: &Image) -> Result<Option<Image>, DetectError> {
        let size = (image.height_px(), image.width_px());
        let described = self.features.describe(&[image])?;
        let inside = self.features.inside(size, image.roi(), described.grid)?;
        let own = inside.as_ref().map(|inside| inside.rows(&described.rows, described.dim));
        let places = inside.as_ref().map(|inside| inside.patches());
        let rows = own.as_deref().unwrap_or(&described.rows);
        let patches = Patches { rows, grid: described.grid, places };
        let placement = self.features.preprocessing().placement(size.0, size.1);
        let planes = self.judge.drawn(patches)?.into_iter().map(|values| {
            let plane = AnomalyMap { values, height_px: described.grid.n_rows, width_px: described.grid.n_cols };
            plane.at_source(&placement, size.0, size.1).values
        });
        let planes: Vec<Vec<f32>> = planes.collect();
        let pixels = (0..size.0 * size.1).flat_map(|at| planes.iter().map(move |plane| plane[at]));
        Ok(Some(Image::new(pixels.collect(), size.0, size.1, planes.len())?))
    }

    fn scoring(&self) -> Scoring {
        self.scoring
    }

    fn section(&self) -> Result<Section, DetectError> {
        Ok(self.section.clone())
    }
}
