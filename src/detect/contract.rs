//! What every detector keeps.

use super::{
    Canvas, DetectError, Distances, Drawn, FeaturePipeline, Inside, PartLevels, Patches, Scoring, Stage, StageClock,
    View,
};
use crate::bank::{BankError, Describer, MemoryBank};
use crate::bundle::Section;
use crate::condition::{Admission, Gate, Policy, Pooling};
use crate::image::{Image, Placement};
use crate::model::Grid;
use crate::score::AnomalyMap;
use rayon::prelude::*;
use std::any::Any;
use std::sync::Arc;

/// Tells the condition of an image of a batch, by its index and, where they count, the pooled descriptors of the patches that are
/// looked at ([`Gate::pooled`]).
pub type Admit<'a> = &'a (dyn Fn(usize, Pooled<'_>) -> Result<Admission, DetectError> + Sync);

/// Pools the descriptors of an image.
pub type Pooled<'a> = &'a dyn Fn() -> Result<Vec<f32>, DetectError>;

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
    /// interest, which the features know, a detector gets the patches inside; of an image in tiles those of one tile at a time.
    ///
    /// # Errors
    /// What the network refuses, and [`DetectError::NoView`] for a view that it has not.
    fn score(&self, images: &[&Image], admit: Admit<'_>, asked: Asked<'_>) -> Result<Vec<Scored>, DetectError> {
        if self.features().preprocessing().tiles.is_some() {
            let in_tiles = |(i, image): (usize, &&Image)| self.score_in_tiles(image, &|pooled| admit(i, pooled), asked);
            return images.iter().enumerate().map(in_tiles).collect();
        }
        let (features, seen) = asked.timed(Stage::Network, || self.features().features(images))?;
        let describer = Describer::new(&features, self.features().descriptor())?;
        let (grid, pipeline) = (describer.grid, self.features());
        let one = |(i, image): (usize, &&Image)| {
            // One image at a time: its descriptors are still in the cache when they are looked up.
            let mut rows = vec![0.0; describer.image_len()];
            describer.describe(i, &mut rows);
            let size = (image.height_px(), image.width_px());
            let inside = pipeline.inside_seen(image, grid, seen[i].clone())?;
            let own = inside.as_ref().map(|inside| inside.rows(&rows, describer.dim()));
            let places = inside.as_ref().map(|inside| inside.patches());
            let patches = Patches { rows: own.as_deref().unwrap_or(&rows), grid, places };
            let admission = admit(i, &|| Ok(Gate::pooled(patches.rows, describer.dim())))?;
            let pooled = asked.pools.then(|| Gate::pooled(patches.rows, describer.dim()));
            let mut found = self.score_described(patches, admission, asked.views)?;
            if let Some(counts) = pipeline.counts(&rows, grid, inside.as_deref()) {
                found.without_background(&counts, self.scoring().image_score)?;
            }
            let placement = pipeline.preprocessing().placement(size.0, size.1);
            let on = Canvas { grid, inside: inside.as_deref(), order: None, placement: &placement };
            let drawn = found.drawn(on, self.scoring()).ok_or(DetectError::Bank(BankError::Empty))?;
            let descriptors = asked.keep_descriptors.then_some(rows);
            Ok(Scored { pooled, ..Scored::of(drawn, (grid, inside), placement, admission, descriptors) })
        };
        asked.timed(Stage::Comparing, || images.par_iter().enumerate().map(one).collect())
    }

    /// The answer to one image in tiles: [`Self::score_described`] gets the patches of each tile, and what it says of all of them is
    /// the answer, see [`Distances::joined`].
    ///
    /// # Errors
    /// As [`Self::score`].
    fn score_in_tiles(
        &self,
        image: &Image,
        admit: &dyn Fn(Pooled<'_>) -> Result<Admission, DetectError>,
        asked: Asked<'_>,
    ) -> Result<Scored, DetectError> {
        let (pipeline, size) = (self.features(), (image.height_px(), image.width_px()));
        let tiling = pipeline.tiling(size, image.roi())?.ok_or(DetectError::Bank(BankError::Empty))?;
        // Where a gate sees descriptors, the network runs twice: those of a large image are not kept.
        let admission = admit(&|| pipeline.pooled_in_tiles(image, &tiling))?;
        let (mut said, mut kept, mut pooling): (_, _, Option<Pooling>) = (vec![], vec![], None);
        for tiles in tiling.pieces() {
            let (tiles, dim) = asked.timed(Stage::Network, || pipeline.describe_some(image, &tiling, tiles))?;
            let start = said.len();
            let score = |(i, rows): (usize, &Vec<f32>)| {
                let patches = Patches { rows, grid: tiling.grid, places: Some(tiling.places(start + i)) };
                self.score_described(patches, admission, asked.views)
            };
            if asked.pools {
                let pooling = pooling.get_or_insert_with(|| Pooling::new(dim));
                tiles.iter().for_each(|rows| pooling.add(rows));
            }
            let score_all = || tiles.par_iter().enumerate().map(score).collect::<Result<Vec<_>, _>>();
            said.extend(asked.timed(Stage::Comparing, score_all)?);
            if asked.keep_descriptors {
                kept.resize(tiling.grid.n_patches() * dim, 0.0);
                for (i, rows) in tiles.iter().enumerate() {
                    tiling.keep(start + i, rows, &mut kept, dim);
                }
            }
        }
        let (inside, placement) = (tiling.inside.clone(), pipeline.preprocessing().placement(size.0, size.1));
        let order = Some(&*tiling.order);
        let on = Canvas { grid: tiling.grid, inside: inside.as_deref(), order, placement: &placement };
        let scoring = self.scoring();
        let found = Distances::joined(said, scoring.image_score);
        let drawn = found.and_then(|found| found.drawn(on, scoring)).ok_or(DetectError::Bank(BankError::Empty))?;
        let descriptors = asked.keep_descriptors.then_some(kept);
        let pooled = pooling.map(|pooling| pooling.finish());
        Ok(Scored { pooled, ..Scored::of(drawn, (tiling.grid, inside), placement, admission, descriptors) })
    }

    /// What the patches of one image come to, whose condition is told; of a large one, those of a part of it.
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

    /// Itself as what it is, for its own kind in the registry, where that has it go on learning ([`Kind::living`](super::Kind)).
    fn as_any(&self) -> Option<&dyn Any> {
        None
    }

    /// How what its parts say becomes one answer, of a detector that has parts.
    fn joining(&self) -> Option<JoiningOf<'_>> {
        None
    }

    /// Its section with other such meanings and without its parts, which are to be added; `None` of a detector without parts.
    ///
    /// # Errors
    /// [`DetectError::Bundle`] for settings that can't be written.
    fn rejoined(&self, _levels: &[Vec<PartLevels>], _views: &[View]) -> Result<Option<Section>, DetectError> {
        Ok(None)
    }

    /// What it takes a normal image of this kind to look like, as large as the image, of a detector that draws images itself.
    ///
    /// # Errors
    /// As [`Self::score`].
    fn reconstruction(&self, image: &Image) -> Result<Option<Image>, DetectError> {
        self.parts().iter().find_map(|part| part.reconstruction(image).transpose()).transpose()
    }

    /// Whether a GPU helps to search them; the answers are the same.
    fn is_searched_on_device(&self) -> bool {
        false
    }
}

/// What the scores of parts mean, `[part][view]`, and these views.
pub type JoiningOf<'a> = (&'a [Vec<PartLevels>], &'a [View]);

/// What is asked of a detector.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// The views to score under, at least one.
    pub views: &'a [View],
    /// Whether the descriptors are wanted too.
    pub keep_descriptors: bool,
    /// Whether pooled descriptors are wanted ([`Gate::pooled`]).
    pub pools: bool,
    /// Told where the time goes, if anybody asks.
    pub clock: Option<&'a StageClock>,
}

impl Asked<'_> {
    fn timed<T>(&self, stage: Stage, work: impl FnOnce() -> T) -> T {
        match self.clock {
            Some(clock) => clock.time(stage, work),
            None => work(),
        }
    }
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
    /// Its descriptors pooled over the patches that are looked at, where they were asked for.
    pub pooled: Option<Vec<f32>>,
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
    fn of(
        drawn: Drawn,
        (grid, inside): (Grid, Option<Arc<Inside>>),
        placement: Placement,
        admission: Admission,
        descriptors: Option<Vec<f32>>,
    ) -> Self {
        let Drawn { raw_scores, patches, map, other_maps } = drawn;
        let (pooled, parts) = (None, vec![]);
        Self { raw_scores, patches, grid, inside, map, other_maps, placement, admission, descriptors, pooled, parts }
    }

    /// The distances of the patches that are looked at.
    pub(crate) fn looked_at(&self) -> impl Iterator<Item = f32> + '_ {
        // Of several parts the patches are those of one, the map that of another.
        let inside = self.inside.as_deref().filter(|_| self.parts.is_empty());
        Patches { rows: &[], grid: self.grid, places: inside.map(Inside::patches) }.places().map(|at| self.patches[at])
    }

    /// The image score under the first view.
    #[must_use]
    pub fn raw_score(&self) -> f32 {
        self.raw_scores.first().copied().unwrap_or(f32::NAN)
    }
}
