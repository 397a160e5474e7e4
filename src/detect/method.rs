//! How a detector is fitted.

use super::{Described, DetectError, Detector, Distances, Drawn, FeaturePipeline, Patches, View};
use crate::bank::{BankError, RowSource};
use crate::condition::Admission;
use crate::image::Image;
use crate::model::training::TrainingRun;
use crate::progress::Progress;
use std::collections::BTreeSet;
use std::fmt;

/// How a detector is fitted: its settings. Images, conditions, groups, holding out and calibration are the fit's own.
pub trait Method: fmt::Debug + Send + Sync {
    /// Its name in the registry.
    fn kind(&self) -> &str;

    /// Makes the descriptors of an image what the fit compares.
    ///
    /// # Shapes
    /// `rows`: `[n_patches, dim]`, changed in place.
    fn prepare(&self, _rows: &mut [f32], _dim: usize) {}

    /// Whether another seed makes another detector.
    fn depends_on_seed(&self) -> bool {
        false
    }

    /// Whether it trains something, step by step: then a fit can be recorded, interrupted and gone on with.
    fn trains(&self) -> bool {
        false
    }

    /// Whether it learns from defective images besides.
    fn learns_from_defects(&self) -> bool {
        false
    }

    /// Bytes that the fit takes at its peak beside the descriptors themselves.
    fn peak_bytes(&self, size: FitSize) -> u64;

    /// Fits.
    ///
    /// # Errors
    /// What the descriptors do not allow, and [`DetectError::Cancelled`].
    fn fit(
        &self,
        features: FeaturePipeline,
        training: &Training<'_>,
        progress: &dyn Progress,
    ) -> Result<Box<dyn Fit>, DetectError>;
}

/// How much a method is fitted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FitSize {
    /// Patches in all.
    pub n_rows: usize,
    /// Values of each.
    pub dim: usize,
    /// Patches of what the network sees at a time: of an image, or of one of its tiles.
    pub n_patches: usize,
    /// Conditions in all.
    pub n_conditions: usize,
    /// Whether the descriptors are in memory.
    pub is_held: bool,
}

/// What a method is fitted to.
#[derive(Clone, Copy)]
pub struct Training<'a> {
    /// The descriptors of the images that it learns from, as [`Method::prepare`] made them.
    pub described: &'a Described,
    /// Which training images those are.
    pub images: &'a [usize],
    /// The condition of each training image.
    pub label: &'a [usize],
    /// Training images that the detector knows from before, where a fit goes on: their numbers come first.
    pub n_before: usize,
    /// Conditions in all.
    pub n_conditions: usize,
    /// The group of each training image; those of one group belong together.
    pub group_of: &'a [usize],
    /// Rows and columns of each training image.
    pub size_px: &'a [(usize, usize)],
    /// Seed of every random choice.
    pub seed: u64,
    /// The images themselves, once more, while a method is fitted; later they are not at hand.
    pub pixels: Option<&'a dyn Pixels>,
    /// SHA-256 over the names and the pixels of all training images, while a method is fitted; empty later.
    pub fingerprint: &'a str,
    /// Defective images to learn from besides, while a method is fitted that does ([`Method::learns_from_defects`]).
    pub defects: Option<&'a dyn Defects>,
    /// What is kept and told of trainings.
    pub run: &'a TrainingRun,
}

/// The images that a method is fitted to, to be read again.
pub trait Pixels: Sync {
    /// Shows each in turn: the index among those that it learns from, and the image as it was read.
    ///
    /// # Errors
    /// [`DetectError::Image`] where one can't be read any more, and what `see` says.
    fn each(&self, see: &mut dyn FnMut(usize, &Image) -> Result<(), DetectError>) -> Result<(), DetectError>;
}

/// Sees a defective image, and its pixels that are defective where that is known, `[height_px, width_px]`.
pub type SeeDefect<'a> = &'a mut dyn FnMut(&Image, Option<&[bool]>) -> Result<(), DetectError>;

/// Defective images to learn from.
pub trait Defects: Sync {
    /// Images.
    fn n(&self) -> usize;

    /// SHA-256 over their names and pixels.
    fn fingerprint(&self) -> &str;

    /// Shows each in turn.
    ///
    /// # Errors
    /// [`DetectError::Image`] where one can't be read any more, and what `see` says.
    fn each(&self, see: SeeDefect<'_>) -> Result<(), DetectError>;
}

impl Training<'_> {
    /// The condition of the `index`-th image that it learns from.
    #[must_use]
    pub fn condition(&self, index: usize) -> usize {
        self.label[self.images[index]]
    }

    /// The number of that image among all that the detector knows.
    #[must_use]
    pub fn source(&self, index: usize) -> u32 {
        (self.n_before + self.images[index]) as u32
    }

    /// Whether an image of this number belongs to the group of the `index`-th one.
    #[must_use]
    pub fn is_of_group(&self, source: u32, index: usize) -> bool {
        let own = (source as usize).checked_sub(self.n_before);
        own.and_then(|own| self.group_of.get(own)).is_some_and(|group| *group == self.group(index))
    }

    /// Its group.
    #[must_use]
    pub fn group(&self, index: usize) -> usize {
        self.group_of[self.images[index]]
    }

    /// Parts of the images, whole groups, of which each of several fits misses one, `most` at most: the part of a group is its number
    /// modulo theirs. 1 where there is one group. Groups may have any numbers: every part has some.
    #[must_use]
    pub fn n_folds(&self, most: usize) -> usize {
        let groups: BTreeSet<usize> = self.images.iter().map(|image| self.group_of[*image]).collect();
        let has_some_each = |n: &usize| groups.iter().map(|group| group % n).collect::<BTreeSet<_>>().len() == *n;
        (2..=most).rev().find(has_some_each).unwrap_or(1)
    }
}

/// A fitted detector that can still act as if it had never seen some of its images.
pub trait Fit: Send + Sync {
    /// The detector.
    fn detector(&self) -> &dyn Detector;

    /// What the detector would say of these patches of the `index`-th image that it learned from, had it never seen any image of its
    /// group. `None` where nothing else is left to compare with.
    ///
    /// # Errors
    /// As [`Detector::score`].
    fn leave_out(
        &self,
        training: &Training<'_>,
        index: usize,
        patches: Patches<'_>,
        admission: Admission,
        views: &[View],
    ) -> Result<Option<Distances>, DetectError>;

    /// The training image of another group that the most anomalous patch of the `index`-th image that it learned from is nearest to
    /// under this view. `None` where that is not known.
    ///
    /// # Errors
    /// As [`Detector::score`].
    fn nearest_other(
        &self,
        _training: &Training<'_>,
        _index: usize,
        _admission: Admission,
        _view: View,
    ) -> Result<Option<usize>, DetectError> {
        Ok(None)
    }

    /// The detector alone.
    fn into_detector(self: Box<Self>) -> Box<dyn Detector>;
}

/// What [`Fit::leave_out`] says, with its map.
pub(crate) fn leave_out_of(
    fit: &dyn Fit,
    training: &Training<'_>,
    index: usize,
    admission: Admission,
    views: &[View],
) -> Result<Option<Drawn>, DetectError> {
    let found = distances_without(fit, training, index, admission, views)?;
    Ok(found.and_then(|found| draw_without(fit, training, index, found)))
}

/// What [`Fit::leave_out`] says of all patches of the image.
pub(crate) fn distances_without(
    fit: &dyn Fit,
    training: &Training<'_>,
    index: usize,
    admission: Admission,
    views: &[View],
) -> Result<Option<Distances>, DetectError> {
    let described = training.described;
    let mut said = vec![];
    for range in described.pieces(index) {
        let rows = described.rows(range.clone()).map_err(BankError::Rows)?;
        let patches = described.patches(index, (&rows, range));
        match fit.leave_out(training, index, patches, admission, views)? {
            Some(found) => said.push(found),
            None => return Ok(None),
        }
    }
    let image_score = fit.detector().scoring().image_score;
    let mut found = Distances::joined(said, image_score);
    if let (Some(found), Some(counts)) = (&mut found, described.counts(index)) {
        found.without_background(counts, image_score)?;
    }
    Ok(found)
}

/// Draws what was said of the image.
pub(crate) fn draw_without(fit: &dyn Fit, training: &Training<'_>, index: usize, found: Distances) -> Option<Drawn> {
    let detector = fit.detector();
    let (height_px, width_px) = training.size_px[training.images[index]];
    let placement = detector.features().preprocessing().placement(height_px, width_px);
    found.drawn(training.described.canvas(index, &placement), detector.scoring())
}

/// An error where the work is to stop.
pub(crate) fn go_on(progress: &dyn Progress) -> Result<(), DetectError> {
    if progress.is_cancelled() { Err(DetectError::Cancelled) } else { Ok(()) }
}
