//! A look at the values of images that are inspected: far from those that the network was trained on, every one of them gets
//! a verdict that means nothing.

use crate::image::{Image, Levels, Unusual};

/// Images that are looked at; the first integers of usual values end it.
const MOST: usize = 32;

#[derive(Default)]
pub(super) struct LevelWatch {
    seen: Vec<Levels>,
    is_settled: bool,
}

impl LevelWatch {
    pub(super) fn look(&mut self, image: &Image) {
        if self.is_settled || self.seen.len() == MOST {
            return;
        }
        let levels = Levels::of(image);
        self.seen.push(levels);
        // More images can only widen what integers use.
        self.is_settled = levels.is_integer() && self.unusual().is_empty();
    }

    /// Where they are unusual.
    pub(super) fn unusual(&self) -> Vec<Unusual> {
        Levels::unusual(self.seen.iter().copied())
    }
}
