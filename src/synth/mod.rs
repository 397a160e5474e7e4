//! Simulated inspection data with known truth.
//!
//! [`hdmap`] simulates gearbox health data maps: seeded, calibrated to the published statistics of real maps, with
//! fault masks and operating conditions that the real data lack. What the simulation reproduces and what it does
//! not is written down in `docs/simulator.md`. [`plate`] simulates large images with small defects, [`part`]
//! small colour ones.

mod error;
mod files;
pub mod hdmap;
pub mod part;
pub mod plate;

pub use error::SynthError;
