//! Maps of a test set with what their images are, so that figures of its parts can be told.

use super::{EvalError, MaskedMap, PixelRanking, PixelTally};
use crate::detect::Inside;
use crate::score::AnomalyMap;
use std::collections::HashMap;
use std::sync::Arc;

/// A map and the mask of the same size it is judged by.
#[derive(Clone, Debug, PartialEq)]
pub struct PixelPair {
    /// Scores per pixel.
    pub map: AnomalyMap,
    /// `[height_px * width_px]`, true where defective; all false for a normal image.
    pub mask: Vec<bool>,
    /// What is looked at; other pixels count neither as defective nor as normal.
    pub inside: Option<Arc<Inside>>,
    /// The condition of its image.
    pub condition: Option<String>,
    /// The defect type of its image; `None` for a normal one.
    pub defect: Option<String>,
}

impl PixelPair {
    pub(super) fn masked(&self) -> MaskedMap<'_> {
        let inside = self.inside.as_ref().map(|inside| inside.pixels());
        MaskedMap { map: &self.map, mask: &self.mask, inside }
    }
}

/// What images are told apart by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Group {
    pub(super) condition: Option<String>,
    pub(super) defect: Option<String>,
    /// Without a defect type, and nothing marked.
    pub(super) is_normal: bool,
}

/// The pixels of a test set, map by map; maps are not kept. It takes 8 bytes for each pixel that counts, up to
/// [`MOST_EXACT_PIXELS`](super::MOST_EXACT_PIXELS) (1 GiB), and from there on that and at most half a GiB for bins, whatever the number
/// of images; beside it what one image takes.
#[derive(Default)]
pub struct PixelSet {
    tally: PixelTally,
    groups: Vec<Group>,
    known: HashMap<Group, usize>,
}

impl PixelSet {
    /// Adds a map, its image's condition and its defect type, which a normal image has not.
    ///
    /// # Errors
    ///
    /// As [`PixelTally::add`].
    pub fn add(&mut self, item: MaskedMap<'_>, condition: Option<&str>, defect: Option<&str>) -> Result<(), EvalError> {
        let is_normal = defect.is_none() && !item.mask.contains(&true);
        let group = Group { condition: condition.map(str::to_owned), defect: defect.map(str::to_owned), is_normal };
        let next = self.groups.len();
        let index = *self.known.entry(group.clone()).or_insert(next);
        if index == next {
            self.groups.push(group);
        }
        self.tally.add(item, index)
    }

    pub(super) fn ranked(self) -> (PixelRanking, Vec<Group>) {
        (self.tally.ranked(), self.groups)
    }
}
