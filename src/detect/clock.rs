//! Where the time of scoring goes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a detector does with an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// From pixels to feature maps: resizing, normalising, the passes of the network; of an image in tiles the descriptors too.
    Network,
    /// From feature maps to scores and maps: descriptors, the search of the bank or the head, the drawing.
    Comparing,
}

/// Adds up the time that detectors spend in each stage, for whoever hands it to them in [`Asked`](super::Asked).
#[derive(Debug, Default)]
pub struct StageClock([AtomicU64; 2]);

impl StageClock {
    /// Time spent so far, of all images and parts.
    #[must_use]
    pub fn spent(&self, stage: Stage) -> Duration {
        Duration::from_nanos(self.0[stage as usize].load(Ordering::Relaxed))
    }

    /// What `work` gives, its time added.
    pub(super) fn time<T>(&self, stage: Stage, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let made = work();
        self.0[stage as usize].fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        made
    }
}
