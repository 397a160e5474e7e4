//! Patch distances become an image score, an anomaly map with its regions, and a verdict.

mod calibration;
mod cut_rule;
mod error;
mod held_out;
mod image_score;
mod map;
mod outline;
mod region;
mod verdict;

pub use calibration::Conformal;
pub(crate) use calibration::OWN_CALIBRATION_FROM;
pub use cut_rule::CutRule;
pub use error::ScoreError;
pub use held_out::{HeldOutScores, PValue};
pub use image_score::{ImageScore, MAX_REWEIGHT_NEIGHBOURS};
pub use map::AnomalyMap;
pub use region::Region;
pub use verdict::{VERDICT_TOLERANCE, Verdict};
