//! Detectors: fitted methods that turn images into scores and maps and decide nothing.
//!
//! [`Detector`] is the contract: reading, conditions, calibration, thresholds, verdicts, bundles and reports serve whatever
//! keeps it. Each detector is a folder here, named in [`KINDS`].

mod contract;
mod error;
mod features;
pub mod patchcore;
mod registry;
mod view;

pub use contract::{Admit, Asked, Detector, Scored};
pub use error::DetectError;
pub use features::{FeaturePipeline, PipelineSpec};
pub(crate) use features::{FeatureSource, Network};
pub use registry::KINDS;
pub(crate) use registry::open;
pub use view::View;
