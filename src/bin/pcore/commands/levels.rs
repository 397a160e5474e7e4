//! A look at the values of images that are inspected: far from those that the network was trained on, every one of them gets
//! a verdict that means nothing.

use crate::console::warning;
use pcore::image::{Image, Levels};

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
        self.is_settled = levels.is_integer() && Levels::unusual(self.seen.iter().copied()).is_empty();
    }

    /// Warns where they are unusual; `has_range` says that the bundle has a range of its own.
    pub(super) fn tell(&self, has_range: bool) {
        for unusual in Levels::unusual(self.seen.iter().copied()) {
            let way_out = if has_range {
                "check that they come from the camera that the bundle was fitted for".to_owned()
            } else {
                format!("their range is given when fitting, such as pcore fit --range {}", unusual.range)
            };
            warning!(
                "{}; unless the bundle was fitted on such images its verdicts mean nothing: {way_out}",
                unusual.found
            );
        }
    }
}
