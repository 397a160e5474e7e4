//! Images to inspections.

use super::{FeaturePipeline, InferError};
use crate::bank::{Condition, Gate, MemoryBank, Neighbours, percentile_90};
use crate::bundle::{Contents, Manifest};
use crate::image::{Image, Placement, Preprocessing};
use crate::model::{Grid, OpenDevice};
use crate::score::{AnomalyMap, Conformal, ImageScore, Verdict};
use rayon::prelude::*;

/// How distances become scores and maps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scoring {
    /// Patch distances to image score.
    pub image_score: ImageScore,
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
    /// The anomaly map at the network's input size.
    pub map: AnomalyMap,
    /// Where the source pixels lie in that map.
    pub placement: Placement,
    /// The image's 90th intensity percentile, by which the gate decides.
    pub p90: f32,
}

/// Which held-out normals an image is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Calibration {
    /// Those of its own condition.
    #[default]
    Condition,
    /// All of them.
    Global,
}

/// What pcore says of one image.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// The image score, unclamped: a distance in feature space.
    pub raw_score: f32,
    /// The score in standard deviations above the mean of held-out normals, unclamped.
    pub calibrated_score: f32,
    /// Raw scores above it are anomalous.
    pub threshold: f32,
    /// The threshold in the unit of the calibrated score.
    pub calibrated_threshold: f32,
    /// The decision.
    pub verdict: Verdict,
    /// The image's condition, `None` when nothing tells it.
    pub condition: Option<Condition>,
    /// How sure the gate is of the condition, 0..1; 1 when it was given.
    pub gate_confidence: f32,
    /// The anomaly map at the network's input size.
    pub map: AnomalyMap,
    /// Where the source pixels lie in that map.
    pub placement: Placement,
}

/// A fitted detector on a device.
pub struct Inspector {
    pub(super) pipeline: FeaturePipeline,
    pub(super) bank: MemoryBank,
    pub(super) scoring: Scoring,
    pub(super) conditions: Vec<Condition>,
    pub(super) gate: Gate,
    pub(super) global: Conformal,
    pub(super) per_condition: Vec<Conformal>,
    pub(super) manifest: Manifest,
}

impl Inspector {
    /// Makes a bundle's contents ready on `device`.
    ///
    /// # Errors
    /// [`InferError::OtherWeights`] when the backbone's weights are not those of the fit, [`InferError::UnknownEntry`]
    /// for settings of a newer version, and whatever the backbone or the bank refuse.
    pub fn open(contents: Contents, device: &OpenDevice) -> Result<Self, InferError> {
        super::convert::inspector(contents, device)
    }

    /// What the bundle says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The conditions, in the order of the bundle.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// The bank.
    #[must_use]
    pub fn bank(&self) -> &MemoryBank {
        &self.bank
    }

    /// The network and its preprocessing.
    #[must_use]
    pub fn pipeline(&self) -> &FeaturePipeline {
        &self.pipeline
    }

    /// Calibration over all held-out images.
    #[must_use]
    pub fn global(&self) -> &Conformal {
        &self.global
    }

    /// Calibration of each condition; that of all images where it has no held-out ones.
    #[must_use]
    pub fn per_condition(&self) -> &[Conformal] {
        &self.per_condition
    }

    /// Scores images, deciding nothing. An image's answer does not depend on the others.
    ///
    /// # Errors
    /// Whatever the network or the bank refuse.
    pub fn score(&self, images: &[&Image]) -> Result<Vec<Scored>, InferError> {
        score(&self.pipeline, &self.bank, self.scoring, images)
    }

    /// Inspects images. `conditions[i]` names the condition of image `i` where it is known; else the gate tells.
    ///
    /// # Errors
    /// As [`Inspector::score`], and [`InferError::UnknownCondition`].
    pub fn inspect(
        &self,
        images: &[&Image],
        conditions: &[Option<&str>],
        calibration: Calibration,
    ) -> Result<Vec<Inspection>, InferError> {
        let scored = self.score(images)?;
        scored
            .into_iter()
            .enumerate()
            .map(|(i, s)| self.decide(s, conditions.get(i).copied().flatten(), calibration))
            .collect()
    }

    fn decide(&self, scored: Scored, given: Option<&str>, calibration: Calibration) -> Result<Inspection, InferError> {
        let (condition, gate_confidence) = match given {
            Some(name) => (Some(self.condition_index(name)?), 1.0),
            None => {
                let admission = self.gate.admit(scored.p90);
                (admission.condition, admission.confidence)
            }
        };
        let own = condition.and_then(|c| self.per_condition.get(c)).filter(|c| c.threshold.is_some());
        let conformal = match calibration {
            Calibration::Condition => own.unwrap_or(&self.global),
            Calibration::Global => &self.global,
        };
        let threshold = conformal.threshold.or(self.global.threshold).ok_or(InferError::NoThreshold)?;
        Ok(Inspection {
            raw_score: scored.raw_score,
            calibrated_score: conformal.standardise(scored.raw_score),
            threshold,
            calibrated_threshold: conformal.standardise(threshold),
            verdict: Verdict::of(scored.raw_score, threshold),
            condition: condition.and_then(|c| self.conditions.get(c)).cloned(),
            gate_confidence,
            map: scored.map,
            placement: scored.placement,
        })
    }

    fn condition_index(&self, name: &str) -> Result<usize, InferError> {
        self.conditions.iter().position(|c| c.as_str() == name).ok_or_else(|| InferError::UnknownCondition {
            found: name.to_owned(),
            known: self.conditions.iter().map(Condition::as_str).collect::<Vec<_>>().join(", "),
        })
    }
}

/// The one scoring function: fitting calls it on held-out images, inspection on all others.
pub(crate) fn score(
    pipeline: &FeaturePipeline,
    bank: &MemoryBank,
    scoring: Scoring,
    images: &[&Image],
) -> Result<Vec<Scored>, InferError> {
    let descriptors = pipeline.describe(images)?;
    images
        .par_iter()
        .enumerate()
        .map(|(i, image)| {
            let rows = descriptors.image(i);
            let distances =
                Distances::of(rows, bank.nearest(rows, 1)?, descriptors.grid, bank, scoring, pipeline.preprocessing())?;
            Ok(Scored {
                raw_score: distances.raw_score,
                map: distances.map,
                placement: pipeline.preprocessing().placement(image.height_px(), image.width_px()),
                p90: percentile_90(&image.luma()),
                patches: distances.patches,
                grid: descriptors.grid,
            })
        })
        .collect()
}

/// What the distances of one image's patches come to.
pub(crate) struct Distances {
    pub(crate) patches: Vec<f32>,
    pub(crate) raw_score: f32,
    pub(crate) map: AnomalyMap,
}

impl Distances {
    /// `rows`: the image's descriptors `[n_patches, dim]`; `nearest`: their neighbours in `bank`.
    pub(crate) fn of(
        rows: &[f32],
        nearest: Neighbours,
        grid: Grid,
        bank: &MemoryBank,
        scoring: Scoring,
        input: &Preprocessing,
    ) -> Result<Self, InferError> {
        let raw_score = scoring.image_score.of(rows, &nearest, bank)?;
        let map = AnomalyMap::draw(&nearest.distances, grid, input.height_px, input.width_px, scoring.map_sigma_px);
        Ok(Self { patches: nearest.distances, raw_score, map })
    }
}
