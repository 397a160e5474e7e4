//! Detectors that live: thresholds that can be moved, and what was done to a bundle after its fit.
//!
//! | | what stays | what changes |
//! |---|---|---|
//! | [`calibrate()`] | the detector | thresholds, from other normal images |
//! | [`choose_threshold()`] | the detector | thresholds, by what mistakes cost on labelled images |
//! | [`set_alpha()`] | the detector | thresholds for another rate of false alarms |
//! | [`set_cut()`] | the detector | thresholds, by a rule that promises nothing |
//! | [`update()`] | what it knows, under a cap as much as covers it | further normal images, thresholds |
//! | [`forget()`] | the rest | what it knows of some images, thresholds |
//! | [`merge()`] | what both know | rows, conditions and thresholds of two bundles as one |
//! | [`undo()`] | | the last change |
//!
//! [`drift`] says whether images still come from where those of the fit came from.

mod calibrate;
mod choose;
mod cut;
pub mod drift;
mod entries;
mod error;
mod forget;
mod kept;
mod lineage;
mod merge;
mod normals;
mod on;
mod update;
mod views;
mod weigh;

pub use calibrate::{CalibratePlan, Calibrated, calibrate};
pub use choose::{Aim, ChoosePlan, Chosen, Costs, choose_threshold};
pub use cut::{set_alpha, set_cut};
pub use error::LiveError;
pub use forget::{Forgotten, forget};
pub use kept::{BEFORE_SUFFIX, before_path, undo, undo_with, write_changed, write_changed_with};
pub use merge::{Merged, merge};
pub use normals::Told;
pub use on::On;
pub use update::{UpdatePlan, Updated, update};
pub use weigh::{Weighed, weigh};
