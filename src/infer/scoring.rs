//! Descriptors to distances, distances to scores and maps: what fitting and inspection share.

use super::{FeaturePipeline, InferError};
use crate::bank::{Describer, LocalDensity, MemoryBank, Neighbours, Policy};
use crate::condition::Admission;
use crate::image::{Image, Placement, Preprocessing};
use crate::model::Grid;
use crate::score::{AnomalyMap, ImageScore};
use rayon::prelude::*;

/// How distances become scores and maps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scoring {
    /// Patch distances to image score.
    pub image_score: ImageScore,
    /// Nearest rows whose mean distance is a patch's value in the map, at least 1.
    pub map_neighbours: usize,
    /// Standard deviation of the map's Gaussian, in network input pixels; 0 for none.
    pub map_sigma_px: f32,
}

/// One image's distances, before anything is decided.
#[derive(Clone, Debug)]
pub struct Scored {
    /// Distance of each patch to its nearest normal patch, row-major.
    pub patches: Vec<f32>,
    /// Their grid.
    pub grid: Grid,
    /// The image score, unclamped.
    pub raw_score: f32,
    /// The score by distances normalised by local density, beside `raw_score`; only a fit asks for both.
    pub(crate) density_score: Option<f32>,
    /// The anomaly map at the network's input size.
    pub map: AnomalyMap,
    /// Where the source pixels lie in that map.
    pub placement: Placement,
    /// The image's condition, which decided what its patches were compared with.
    pub admission: Admission,
}

/// How [`score`] scores.
pub(crate) struct How<'a> {
    pub(crate) scoring: Scoring,
    pub(crate) policies: &'a [Policy],
    pub(crate) n_conditions: usize,
    pub(crate) normalise: Normalise<'a>,
}

/// What becomes of distances before they are scored.
#[derive(Clone, Copy)]
pub(crate) enum Normalise<'a> {
    /// They stay.
    No,
    /// They are normalised by local density.
    Only(&'a LocalDensity),
    /// They stay, and the image score is computed once more of the normalised ones.
    Both(&'a LocalDensity),
}

/// The one scoring function: fitting calls it on held-out images, inspection on all others. `admit` tells the condition of
/// an image by its index and its descriptors. One result per image and policy.
pub(crate) fn score(
    pipeline: &FeaturePipeline,
    bank: &MemoryBank,
    images: &[&Image],
    how: &How<'_>,
    admit: &(dyn Fn(usize, &[f32]) -> Admission + Sync),
) -> Result<Vec<Vec<Scored>>, InferError> {
    let features = pipeline.features(images)?;
    let describer = Describer::new(&features, pipeline.descriptor())?;
    images
        .par_iter()
        .enumerate()
        .map(|(i, image)| {
            // One image at a time: its descriptors are still in the cache when they are looked up.
            let mut rows = vec![0.0; describer.image_len()];
            describer.describe(i, &mut rows);
            let rows = rows.as_slice();
            let admission = admit(i, rows);
            let (grid, k) = (describer.grid, how.scoring.map_neighbours);
            // One search answers for all policies; for one policy a search of its own reads fewer rows.
            let all = if how.policies.len() > 1 { Some(bank.nearest_by_condition(rows, k, None)?) } else { None };
            how.policies
                .iter()
                .map(|policy| {
                    let search = policy.search(admission, how.n_conditions);
                    let nearest = match all.as_ref().and_then(|all| all.under(search)) {
                        Some(nearest) => nearest,
                        None => bank.nearest_in(rows, k, search)?,
                    };
                    let found = Distances::of(rows, nearest, grid, bank, how, pipeline.preprocessing())?;
                    Ok(Scored {
                        raw_score: found.raw_score,
                        density_score: found.density_score,
                        map: found.map,
                        placement: pipeline.preprocessing().placement(image.height_px(), image.width_px()),
                        admission,
                        patches: found.patches,
                        grid,
                    })
                })
                .collect()
        })
        .collect()
}

/// What the distances of one image's patches come to.
pub(crate) struct Distances {
    pub(crate) patches: Vec<f32>,
    pub(crate) raw_score: f32,
    pub(crate) density_score: Option<f32>,
    pub(crate) map: AnomalyMap,
}

impl Distances {
    /// `rows`: the image's descriptors `[n_patches, dim]`; `nearest`: their neighbours in `bank`.
    pub(crate) fn of(
        rows: &[f32],
        mut nearest: Neighbours,
        grid: Grid,
        bank: &MemoryBank,
        how: &How<'_>,
        input: &Preprocessing,
    ) -> Result<Self, InferError> {
        let scoring = how.scoring;
        let density_score = match how.normalise {
            Normalise::No => None,
            Normalise::Only(density) => {
                density.normalise(&mut nearest);
                None
            }
            Normalise::Both(density) => {
                let mut normalised = nearest.clone();
                density.normalise(&mut normalised);
                Some(scoring.image_score.of(rows, &normalised, bank)?)
            }
        };
        let raw_score = scoring.image_score.of(rows, &nearest, bank)?;
        let mean = |distances: &[f32]| distances.iter().sum::<f32>() / distances.len() as f32;
        let in_map: Vec<f32> = nearest.distances.chunks_exact(nearest.k).map(mean).collect();
        let map = AnomalyMap::draw(&in_map, grid, input.height_px, input.width_px, scoring.map_sigma_px);
        let patches = nearest.distances.iter().step_by(nearest.k).copied().collect();
        Ok(Self { patches, raw_score, density_score, map })
    }
}
