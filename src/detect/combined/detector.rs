//! It keeps the contract of detectors.

use super::fitted::{Combined, NAME};
use super::section;
use crate::bundle::Section;
use crate::condition::{Admission, Policy};
use crate::detect::{
    Admit, Asked, DetectError, Detector, Distances, FeaturePipeline, JoiningOf, PartLevels, Patches, Scored, Scoring,
    View,
};
use crate::image::Image;

impl Detector for Combined {
    fn kind(&self) -> &str {
        NAME
    }

    fn features(&self) -> &FeaturePipeline {
        self.parts[0].features()
    }

    fn all_features(&self) -> Vec<&FeaturePipeline> {
        self.parts.iter().flat_map(|part| part.all_features()).collect()
    }

    fn features_mut(&mut self) -> Vec<&mut FeaturePipeline> {
        self.parts.iter_mut().flat_map(|part| part.features_mut()).collect()
    }

    fn views(&self, policies: &[Policy]) -> Vec<View> {
        self.views.iter().copied().filter(|view| policies.contains(&view.policy)).collect()
    }

    /// The first part tells the condition of an image, to all of them, and what it looks like.
    fn score(&self, images: &[&Image], admit: Admit<'_>, asked: Asked<'_>) -> Result<Vec<Scored>, DetectError> {
        let first = self.parts[0].score(images, admit, asked)?;
        let told: Vec<Admission> = first.iter().map(|scored| scored.admission).collect();
        let mut of_image: Vec<Vec<Scored>> = first.into_iter().map(|scored| vec![scored]).collect();
        let asked = Asked { pools: false, ..asked };
        for part in &self.parts[1..] {
            let scored = part.score(images, &|index, _| Ok(told[index]), asked)?;
            of_image.iter_mut().zip(scored).for_each(|(all, own)| all.push(own));
        }
        of_image.into_iter().map(|parts| self.join(parts, asked.views)).collect()
    }

    /// Descriptors are those of one part: there is no such thing for several.
    fn score_described(
        &self,
        _patches: Patches<'_>,
        _admission: Admission,
        views: &[View],
    ) -> Result<Distances, DetectError> {
        Err(DetectError::NoView { view: views.first().map_or_else(String::new, ToString::to_string) })
    }

    fn scoring(&self) -> Scoring {
        self.parts[0].scoring()
    }

    fn section(&self) -> Result<Section, DetectError> {
        section::of(self)
    }

    fn parts(&self) -> &[Box<dyn Detector>] {
        &self.parts
    }

    fn joining(&self) -> Option<JoiningOf<'_>> {
        Some((&self.levels, &self.views))
    }

    fn rejoined(&self, levels: &[Vec<PartLevels>], views: &[View]) -> Result<Option<Section>, DetectError> {
        section::without_parts(levels, views).map(Some)
    }

    fn is_searched_on_device(&self) -> bool {
        self.parts.iter().any(|part| part.is_searched_on_device())
    }
}
