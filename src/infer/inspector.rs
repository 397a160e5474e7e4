//! Images to inspections.

use super::inspection::{Calibration, Inspection};
use super::levels::Levels;
use crate::bank::{MemoryBank, PatchDescriptors};
use crate::bundle::Manifest;
use crate::condition::{Admission, Alike, Condition, Gate, GateUse, Policy};
use crate::detect::{Asked, DetectError, Detector, FeaturePipeline, Pooled, Scored, StageClock, View};
use crate::flow::{Flow, Pace};
use crate::image::{Image, Preprocessing, Reading, Tiles};
use crate::model::Precision;
use crate::score::Conformal;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;

/// What is kept of an image beside its scores.
#[derive(Clone, Copy, Default)]
pub(super) struct Keeps<'a> {
    pub(super) descriptors: bool,
    pub(super) pooled: bool,
    /// And told of the time it takes.
    pub(super) clock: Option<&'a StageClock>,
}

/// A fitted detector on a device, with what its scores mean.
pub struct Inspector {
    pub(super) detector: Box<dyn Detector>,
    /// The numbers that the network computed with in the fit.
    pub(super) fitted_precision: Precision,
    pub(super) conditions: Vec<Condition>,
    pub(super) gate: Gate,
    pub(super) gate_use: GateUse,
    pub(super) policy: Policy,
    /// Of every view the bundle was calibrated for; the plain one of `policy` is always there.
    pub(super) levels: BTreeMap<View, Levels>,
    pub(super) manifest: Manifest,
    /// Values of a descriptor that the gate sees.
    pub(super) dim: usize,
    /// Source pixels of a region at least.
    pub(super) min_region_area_px: f64,
    /// Whether inspections tell what images look like to the network.
    pub(super) pools: bool,
    /// The training images, as far as the bundle knows what they look like.
    pub(super) alike: Option<Alike>,
}

impl Inspector {
    /// What the bundle says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The precision of the fit and the one here, where they differ: scores then move a little against the thresholds.
    #[must_use]
    pub fn precision_change(&self) -> Option<(Precision, Precision)> {
        let here = self.pipeline().backbone().precision;
        (here != self.fitted_precision).then_some((self.fitted_precision, here))
    }

    /// The conditions, in the order of the bundle.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// The fitted method.
    #[must_use]
    pub fn detector(&self) -> &dyn Detector {
        &*self.detector
    }

    /// The descriptors that images are compared with, where the detector keeps any.
    #[must_use]
    pub fn bank(&self) -> Option<&MemoryBank> {
        self.detector.memory_bank()
    }

    /// Whether the bank is searched with the help of the network's device: on a GPU that can hold it and computes as
    /// exactly as it must. The answers are those of the search without, bit for bit.
    #[must_use]
    pub fn is_searched_on_device(&self) -> bool {
        self.detector.is_searched_on_device()
    }

    /// The network and its preprocessing.
    #[must_use]
    pub fn pipeline(&self) -> &FeaturePipeline {
        self.detector.features()
    }

    /// How images are read for it.
    pub(crate) fn flow(&self, pace: &Pace) -> Result<Flow, DetectError> {
        FeaturePipeline::flow_for(&self.detector.all_features(), pace, 0)
    }

    /// The policy in force; the bundle's default unless [`Self::set_policy`] chose another.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Chooses the policy, with the calibration measured under it.
    ///
    /// # Errors
    /// [`DetectError::NoPolicy`] where the bundle holds no scores for it.
    pub fn set_policy(&mut self, policy: Policy) -> Result<(), DetectError> {
        if self.conditions.len() > 1 && !self.levels.contains_key(&View::plain(policy)) {
            let plain = self.levels.keys().filter(|view| !view.by_density);
            let known = plain.map(|view| view.policy.to_string()).collect::<Vec<_>>().join(", ");
            return Err(DetectError::NoPolicy { found: policy.to_string(), known });
        }
        // With one condition all policies are the same.
        if self.levels.contains_key(&View::plain(policy)) {
            self.policy = policy;
        }
        Ok(())
    }

    /// Chooses the full-resolution page of TIFF files, from 1, in place of the one that the bundle was fitted on.
    pub fn choose_page(&mut self, page: NonZeroUsize) {
        self.detector.features_mut().into_iter().for_each(|features| features.choose_page(page));
    }

    /// Chooses how images are cut, in place of how those of the fit were; whether that is another way. The threshold stays that of
    /// images as they were: one of more tiles exceeds it more often.
    ///
    /// # Errors
    /// [`DetectError::Image`] for tiles that the network's input can't be. Where patches are compared by their place, inspections fail
    /// with [`DetectError::Setting`] from then on.
    pub fn set_tiles(&mut self, tiles: Option<Tiles>) -> Result<bool, DetectError> {
        let mut is_other = false;
        for features in self.detector.features_mut() {
            let before = features.preprocessing().tiles;
            features.set_tiles(tiles)?;
            is_other |= before != features.preprocessing().tiles;
        }
        Ok(is_other)
    }

    /// How image files are read: with the range of values and the page of the fit.
    #[must_use]
    pub fn reading(&self) -> Reading {
        self.pipeline().reading()
    }

    /// Leaves out of [`Inspection::regions`] what covers less than so many pixels of the source image; 0, as at first, leaves
    /// out none. Scores and verdicts stay what they are.
    pub fn set_min_region_area(&mut self, area_px: f64) {
        self.min_region_area_px = area_px;
    }

    /// Has inspections tell what images look like to the network ([`Inspection::pooled`]), for
    /// [`live::drift`](crate::live::drift); they cost no more.
    pub fn set_pools(&mut self, pools: bool) {
        self.pools = pools;
    }

    /// [`ALIKE_STATISTICS`](crate::condition::ALIKE_STATISTICS) of an image of this mean grey value; `None` where the inspection
    /// does not tell what it looks like, or the bundle of the training images.
    #[must_use]
    pub fn alike(&self, brightness: f32, inspection: &Inspection) -> Option<[f32; 2]> {
        let known = |name: &Condition| self.conditions.iter().position(|own| own == name);
        let condition = inspection.condition.as_ref().and_then(known);
        self.alike.as_ref()?.numbers(inspection.pooled.as_ref()?, brightness, condition)
    }

    /// Chooses who tells the condition of an image.
    pub fn set_gate_use(&mut self, gate_use: GateUse) {
        self.gate_use = gate_use;
    }

    /// Calibration over all held-out images, under the policy in force.
    #[must_use]
    pub fn global(&self) -> &Conformal {
        &self.levels[&View::plain(self.policy)].global
    }

    /// As [`Self::global`], of the scores that `calibration` compares; that of plain distances where the bundle was not
    /// calibrated by local density.
    #[must_use]
    pub fn global_under(&self, calibration: Calibration) -> &Conformal {
        match calibration {
            Calibration::Condition | Calibration::Global => self.global(),
            Calibration::Density => {
                self.levels.get(&View::by_density(self.policy)).map_or(self.global(), |l| &l.global)
            }
        }
    }

    /// Calibration of each condition, under the policy in force; that of all images where it has no held-out ones.
    #[must_use]
    pub fn per_condition(&self) -> &[Conformal] {
        &self.levels[&View::plain(self.policy)].per_condition
    }

    /// Whether the network at hand makes descriptors of the bundle's shape, and whether there is a threshold for every image:
    /// what else an inspection needs beyond what [`Inspector::open`] checked. Runs the network once.
    ///
    /// # Errors
    /// [`DetectError::OtherShape`], [`DetectError::NoThreshold`], and whatever the network refuses.
    pub fn rehearse(&self) -> Result<(), DetectError> {
        for (features, entry) in self.detector.all_features().into_iter().zip(self.manifest.detector.all_features()) {
            let Preprocessing { height_px, width_px, .. } = *features.preprocessing();
            let grey = Image::new(vec![0.5; height_px * width_px], height_px, width_px, 1)?;
            let PatchDescriptors { grid, dim, .. } = features.describe(&[&grey])?;
            let entry = &entry.descriptor;
            let expected = (entry.grid_rows, entry.grid_cols, entry.dim);
            let found = (grid.n_rows, grid.n_cols, dim);
            if found != expected {
                return Err(DetectError::OtherShape { expected, found });
            }
        }
        if self.global().threshold.is_none() {
            return Err(DetectError::NoThreshold);
        }
        Ok(())
    }

    /// Scores images, deciding nothing. An image's answer does not depend on the others. `conditions[i]` names the
    /// condition of image `i` where it is known; else the gate tells. A name that the bundle does not know makes it an
    /// image of unknown condition.
    ///
    /// # Errors
    /// Whatever the network or the bank refuse.
    pub fn score(&self, images: &[&Image], conditions: &[Option<&str>]) -> Result<Vec<Scored>, DetectError> {
        self.score_under(images, conditions, Calibration::default(), Keeps::default())
    }

    /// As [`Self::score`], under every view that the bundle is calibrated for, in its order.
    pub(crate) fn score_views(
        &self,
        images: &[&Image],
        conditions: &[Option<&str>],
    ) -> Result<Vec<Scored>, DetectError> {
        let names = &self.manifest.calibration.views;
        let views: Vec<View> =
            names.iter().map(|name| DetectError::parse("calibration.views", name)).collect::<Result<_, _>>()?;
        self.score_as(images, conditions, Asked { views: &views, ..Asked::default() })
    }

    pub(super) fn score_under(
        &self,
        images: &[&Image],
        conditions: &[Option<&str>],
        calibration: Calibration,
        Keeps { descriptors: keep_descriptors, pooled: pools, clock }: Keeps<'_>,
    ) -> Result<Vec<Scored>, DetectError> {
        if calibration == Calibration::Density && !self.levels.keys().any(|view| view.by_density) {
            return Err(DetectError::NoDensity);
        }
        let views = [calibration.view(self.policy)];
        self.score_as(images, conditions, Asked { views: &views, keep_descriptors, pools, clock })
    }

    fn score_as(
        &self,
        images: &[&Image],
        conditions: &[Option<&str>],
        asked: Asked<'_>,
    ) -> Result<Vec<Scored>, DetectError> {
        let given = |index: usize| conditions.get(index).copied().flatten();
        let given: Vec<Option<Admission>> = (0..images.len()).map(|i| given(i).map(|name| self.given(name))).collect();
        let admit = |index: usize, pooled: Pooled<'_>| self.admit(self.gate_use, given[index], images[index], pooled);
        self.detector.score(images, &admit, asked)
    }

    /// Inspects images. `conditions[i]` names the condition of image `i` where it is known; else the gate tells.
    ///
    /// # Errors
    /// As [`Inspector::score`], and [`DetectError::NoThreshold`].
    pub fn inspect(
        &self,
        images: &[&Image],
        conditions: &[Option<&str>],
        calibration: Calibration,
    ) -> Result<Vec<Inspection>, DetectError> {
        let keeps = Keeps { pooled: self.pools, ..Keeps::default() };
        self.inspect_and_keep(images, conditions, calibration, keeps)
    }

    /// As [`Self::inspect`], with [`Inspection::pooled`] where it is wanted.
    pub(super) fn inspect_and_keep(
        &self,
        images: &[&Image],
        conditions: &[Option<&str>],
        calibration: Calibration,
        keeps: Keeps<'_>,
    ) -> Result<Vec<Inspection>, DetectError> {
        let scored = self.score_under(images, conditions, calibration, keeps)?;
        scored.into_iter().map(|scored| self.decide(scored, calibration)).collect()
    }

    /// The condition of an image whose descriptors `pooled` pools, as `gate_use` has it told.
    pub(crate) fn admit(
        &self,
        gate_use: GateUse,
        given: Option<Admission>,
        image: &Image,
        pooled: Pooled<'_>,
    ) -> Result<Admission, DetectError> {
        gate_use.admit(&self.gate, given, self.conditions.len(), image, pooled)
    }

    /// Descriptors `[n_patches, dim]` as the gate sees them.
    pub(crate) fn pooled(&self, descriptors: &[f32]) -> Vec<f32> {
        Gate::pooled(descriptors, self.dim)
    }

    /// Inspects one image, whose condition the gate tells.
    ///
    /// ```no_run
    /// use pcore::{Contents, Image, Inspector, OpenDevice, Verdict};
    ///
    /// let inspector = Inspector::open(Contents::read("part.pcore".as_ref())?, &OpenDevice::cpu())?;
    /// let frame = Image::new(vec![0.5; 480 * 640], 480, 640, 1)?;
    /// if inspector.inspect_one(&frame)?.verdict == Verdict::Anomalous {
    ///     // reject the part
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Inspector::inspect`].
    pub fn inspect_one(&self, image: &Image) -> Result<Inspection, DetectError> {
        let found = self.inspect(&[image], &[], Calibration::default())?;
        found.into_iter().next().ok_or(DetectError::NoThreshold)
    }

    /// A condition that was not there when the bank was fitted is an unknown one. Where there is only one, names say
    /// nothing.
    pub(crate) fn given(&self, name: &str) -> Admission {
        if self.conditions.len() < 2 {
            return Admission::certain(0);
        }
        self.conditions.iter().position(|c| c.as_str() == name).map_or(Admission::unknown(), Admission::certain)
    }
}
