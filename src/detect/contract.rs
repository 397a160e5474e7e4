//! What every detector keeps.

use super::{DetectError, Distances, Drawn, FeaturePipeline, Inside, Patches, Scoring, View};
use crate::bank::{BankError, Describer, MemoryBank};
use crate::bundle::Section;
use crate::condition::{Admission, Policy};
use crate::image::{Image, Placement};
use crate::model::Grid;
use crate::score::AnomalyMap;
use rayon::prelude::*;
use std::sync::Arc;

/// Tells the condition of an image of a batch, by its index and the descriptors of the patches that are looked at, `[n, dim]`.
pub type Admit<'a> = &'a (dyn Fn(usize, &[f32]) -> Admission + Sync);

/// A fitted method. It turns images into scores and maps and decides nothing: conditions are told from outside, calibration
/// and thresholds are made of its scores.
///
/// An image's answer does not depend on the other images, their order, their number or the number of threads, bit for bit on
/// the CPU; fit and inspection get it from the same call.
pub trait Detector: Send + Sync {
    /// Its name in the registry.
    fn kind(&self) -> &str;

    /// Pixels to descriptors: network, preprocessing, device. Of a detector with parts, those of the first.
    fn features(&self) -> &FeaturePipeline;

    /// Those of all parts.
    fn all_features(&self) -> Vec<&FeaturePipeline> {
        vec![self.features()]
    }

    /// The same, to be changed.
    fn features_mut(&mut self) -> Vec<&mut FeaturePipeline>;

    /// The ways in which it can be read, where `policies` can be told apart.
    fn views(&self, policies: &[Policy]) -> Vec<View>;

    /// The answers to `images`, one for each: each is described, scored by [`Self::score_described`] and drawn. Of a region of
    /// interest, which the features know, a detector gets the patches inside.
    ///
    /// # Errors
    /// What the network refuses, and [`DetectError::NoView`] for a view that it has not.
    fn score(&self, images: &[&Image], admit: Admit<'_>, asked: Asked<'_>) -> Result<Vec<Scored>, DetectError> {
        let features = self.features().features(images)?;
        let describer = Describer::new(&features, self.features().descriptor())?;
        let (grid, pipeline) = (describer.grid, self.features());
        let one = |(i, image): (usize, &&Image)| {
            // One image at a time: its descriptors are still in the cache when they are looked up.
            let mut rows = vec![0.0; describer.image_len()];
            describer.describe(i, &mut rows);
            let size = (image.height_px(), image.width_px());
            let inside = pipeline.inside(size, grid)?;
            let own = inside.as_ref().map(|inside| inside.rows(&rows, describer.dim()));
            let patches = Patches { rows: own.as_deref().unwrap_or(&rows), grid, inside: inside.as_deref() };
            let admission = admit(i, patches.rows);
            let found = self.score_described(patches, admission, asked.views)?;
            let Drawn { raw_scores, patches, map, other_maps } = found
                .drawn((grid, inside.as_deref()), pipeline, self.scoring())
                .ok_or(DetectError::Bank(BankError::Empty))?;
            let placement = pipeline.preprocessing().placement(size.0, size.1);
            let descriptors = asked.keep_descriptors.then_some(rows);
            let parts = vec![];
            Ok(Scored { raw_scores, patches, grid, inside, map, other_maps, placement, admission, descriptors, parts })
        };
        images.par_iter().enumerate().map(one).collect()
    }

    /// What the patches of one image come to, whose condition is told.
    ///
    /// # Errors
    /// As [`Self::score`].
    fn score_described(
        &self,
        patches: Patches<'_>,
        admission: Admission,
        views: &[View],
    ) -> Result<Distances, DetectError>;

    /// How distances become scores and maps.
    fn scoring(&self) -> Scoring;

    /// What a bundle holds of it: opened again, it gives the same answers, bit for bit.
    ///
    /// # Errors
    /// [`DetectError::Bundle`] for settings that can't be written.
    fn section(&self) -> Result<Section, DetectError>;

    /// The detectors that it is made of.
    fn parts(&self) -> &[Box<dyn Detector>] {
        &[]
    }

    /// The descriptors of normal images that it compares with, where it keeps any.
    fn memory_bank(&self) -> Option<&MemoryBank> {
        None
    }

    /// Whether a GPU helps to search them; the answers are the same.
    fn is_searched_on_device(&self) -> bool {
        false
    }
}

/// What is asked of a detector.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The views to score under, at least one.
    pub views: &'a [View],
    /// Whether the descriptors are wanted too.
    pub keep_descriptors: bool,
}

/// What a detector says of one image, before anything is decided.
#[derive(Clone, Debug)]
pub struct Scored {
    /// The image score under each view, unclamped.
    pub raw_scores: Vec<f32>,
    /// Distance of each patch of the grid under the first view, row-major; 0 for those that are not looked at.
    pub patches: Vec<f32>,
    /// Their grid.
    pub grid: Grid,
    /// What is looked at, where that is a part of the image: patches of this grid, pixels of the map.
    pub inside: Option<Arc<Inside>>,
    /// The anomaly map under the first view, at the network's input size.
    pub map: AnomalyMap,
    /// The maps under the others, in their order.
    pub other_maps: Vec<AnomalyMap>,
    /// Where the source pixels lie in these maps.
    pub placement: Placement,
    /// The image's condition, which decided what it was compared with.
    pub admission: Admission,
    /// Its descriptors `[n_patches, dim]`, where they were asked for.
    pub descriptors: Option<Vec<f32>>,
    /// What each part says, of a detector that has parts.
    pub parts: Vec<PartScored>,
}

/// What one part of a detector says of an image.
#[derive(Clone, Debug)]
pub struct PartScored {
    /// The part's own answer.
    pub scored: Scored,
    /// What it adds to the score of the whole, under the first view.
    pub share: f32,
}

/// The part that adds most to the score of the whole, the first of equals.
pub(crate) fn strongest(shares: impl Iterator<Item = f32>) -> Option<usize> {
    let shares: Vec<f32> = shares.collect();
    (0..shares.len()).rev().max_by(|a, b| shares[*a].total_cmp(&shares[*b]))
}

impl Scored {
    /// The distances of the patches that are looked at.
    pub(crate) fn looked_at(&self) -> impl Iterator<Item = f32> + '_ {
        // Of several parts the patches are those of one, the map that of another.
        let inside = self.inside.as_deref().filter(|_| self.parts.is_empty());
        Patches { rows: &[], grid: self.grid, inside }.places().map(|at| self.patches[at])
    }

    /// The image score under the first view.
    #[must_use]
    pub fn raw_score(&self) -> f32 {
        self.raw_scores.first().copied().unwrap_or(f32::NAN)
    }
}
