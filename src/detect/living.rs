//! Detectors that go on learning after their fit.

use super::{DetectError, Method};
use crate::bundle::Section;
use std::sync::Arc;

/// A detector that takes further normal images, and forgets some. Calibration and conditions are told from outside.
pub trait Living {
    /// The method that goes on where the detector stands: fitted to further images, it makes a detector that knows them beside all
    /// that it knew before.
    ///
    /// # Errors
    /// What does not go together.
    fn going_on(&self, by: GoingOn) -> Result<Arc<dyn Method>, DetectError>;

    /// The detector without what it learned from some images. `kept[source]`: the new number of a training image, `None` for one that
    /// is forgotten.
    ///
    /// # Errors
    /// Where nothing would be left, or what was learned from an image can't be told.
    fn forget(&self, kept: &[Option<u32>]) -> Result<Section, DetectError>;

    /// The detector together with another of its kind and settings.
    ///
    /// # Errors
    /// Where settings differ.
    fn merge(&self, other: &Section, how: &Merging<'_>) -> Result<Section, DetectError>;
}

/// How a detector goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoingOn {
    /// Training images that it knows; further ones have the numbers after theirs.
    pub n_sources: usize,
    /// Conditions in all, those it knows first.
    pub n_conditions: usize,
    /// Rows of its memory bank, at most; `None` for no limit.
    pub cap: Option<usize>,
}

/// How another detector is taken in.
#[derive(Clone, Copy, Debug)]
pub struct Merging<'a> {
    /// Training images of the first; those of the other have the numbers after theirs.
    pub n_sources: usize,
    /// The number of each condition of the other.
    pub condition_of: &'a [u32],
    /// Conditions in all.
    pub n_conditions: usize,
    /// Rows of the memory bank, at most; `None` for no limit.
    pub cap: Option<usize>,
}
