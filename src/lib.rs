//! `pcore`: industrial visual anomaly detection from one binary.
//!
//! A detector is fitted on folders of normal images and then scores every new image, says whether it is anomalous, and
//! shows where. The methods are those of [`detect`].
//!
//! ```no_run
//! use pcore::{Contents, DrawStyle, FitPlan, Inspector, Limits, OpenDevice, Silent};
//!
//! let device = OpenDevice::cpu();
//! let normals = pcore::dataset::normals("normal".as_ref(), None)?;
//! let fitted = pcore::fit(&normals.samples, &FitPlan::default(), &device, &Silent)?;
//! fitted.contents.write("part.pcore".as_ref())?;
//!
//! let inspector = Inspector::open(Contents::read("part.pcore".as_ref())?, &device)?;
//! let image = pcore::image::read("part.png".as_ref(), &Limits::default())?;
//! let found = inspector.inspect_one(&image)?;
//! println!("{}: {} of {}", found.verdict.as_str(), found.calibrated_score, found.calibrated_threshold);
//! std::fs::write("part-overlay.png", pcore::draw_inspection(&image, &found, &DrawStyle::default())?.png()?)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! From images in memory instead of files, [`fit_images`] makes the same bundle. `examples/` has this as a program, a loop over a
//! camera's images, and a detector of one's own ([`Registry`]).
//!
//! An error names the settings that decide it as `` `Type::field` ``, `` `FitPlan::shots` `` for [`FitPlan::shots`]; the program
//! tells them as its flags.
//!
//! A pixel goes one way, and the modules are listed in that order; each uses only what stands before it:
//!
//! [`files`] -> [`image`] and [`dataset`] -> [`synth`] -> [`kernel`] -> [`model`] -> [`condition`], [`flow`] -> [`bank`] ->
//! [`score`] -> [`bundle`] -> [`detect`] -> [`infer`] -> [`train`] -> [`live`] ->
//! [`eval`] -> [`report`] -> [`job`] -> the `pcore` program.

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

pub mod detect;

pub mod infer;
pub mod train;

pub mod live;

pub mod eval;
pub mod report;

pub mod job;

#[cfg(feature = "serve")]
pub mod serve;

pub use bundle::{BundleError, Contents, Manifest};
pub use condition::{Condition, ConditionRule, Policy};
pub use dataset::{DatasetError, Listing, Sample};
pub use detect::{DetectError, Options, PipelineSpec, Registry};
pub use flow::Pace;
pub use image::{Image, ImageError, Limits, Preprocessing, Resize};
pub use infer::{Calibration, Inspection, Inspector, Item, inspect_all};
pub use model::{DeviceChoice, ModelError, OpenDevice, Precision};
pub use progress::{Progress, Silent};
pub use report::{DrawStyle, draw_inspection};
pub use score::{AnomalyMap, Verdict};
pub use train::{FitPlan, Fitted, GroupRule, Holdout, PartPlan, TrainError, fit, fit_images};
