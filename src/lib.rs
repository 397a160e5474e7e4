//! `pcore`: industrial visual anomaly detection from one binary.
//!
//! A detector is fitted on folders of normal images and then scores every new image, says whether it is anomalous, and
//! shows where. The method is PatchCore (Roth et al., "Towards Total Recall in Industrial Anomaly Detection", CVPR 2022).
//!
//! A pixel goes one way, and the modules are listed in that order; each uses only what stands before it:
//!
//! [`files`] -> [`image`] and [`dataset`] -> [`synth`] -> [`kernel`] -> [`model`] -> [`bank`] -> [`score`] -> [`bundle`] -> [`infer`] ->
//! [`train`] -> [`eval`] -> [`report`] -> the `pcore` program.

#![forbid(unsafe_code)]
#![recursion_limit = "512"]

#[cfg(test)]
#[macro_use]
#[path = "../tests/support/skips.rs"]
mod skips;

pub mod files;

pub mod dataset;
pub mod image;

pub mod synth;

/// The CPU kernels: a package of their own, which holds all unsafe code.
pub use pcore_kernels as kernel;
pub mod model;

pub mod condition;
pub mod flow;

pub mod bank;
pub mod score;

pub mod bundle;

pub mod progress;

pub mod infer;
pub mod train;

pub mod eval;
pub mod report;
