//! Patch distances become an image score, an anomaly map and a verdict.

mod calibration;
mod error;
mod image_score;
mod map;
mod verdict;

pub use calibration::Conformal;
pub(crate) use calibration::OWN_CALIBRATION_FROM;
pub use error::ScoreError;
pub use image_score::{ImageScore, MAX_REWEIGHT_NEIGHBOURS};
pub use map::AnomalyMap;
pub use verdict::{VERDICT_TOLERANCE, Verdict};
