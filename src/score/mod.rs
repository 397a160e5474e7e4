//! Patch distances become an image score, an anomaly map and a verdict.

mod map;
mod verdict;

pub use map::AnomalyMap;
pub use verdict::Verdict;
