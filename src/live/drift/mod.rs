//! Whether the images of a line still come from where those of the fit came from.
//!
//! A conformal test martingale bets against that: each part gets a p-value, its rank among the calibration images and all parts
//! before it, and a bet on p-values that are not evenly spread multiplies a capital of 1. As long as all images are exchangeable
//! no bet wins: the capital ever reaches `1 / delta` with a probability of `delta` at most, over the whole run, however long
//! (Ville 1939; Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World, chapter 8).

mod martingale;
mod monitor;
mod ranks;

pub use martingale::{Bet, Martingale};
pub use monitor::{Drift, DriftPlan, DriftState, Evidence, Part};
pub use ranks::Ranks;
