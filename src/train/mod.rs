//! Normal images become a bundle.
//!
//! ```text
//! samples -> conditions -> held-out split -> descriptors -> gate, coreset per condition -> bank
//!         -> scores of normals under every policy -> bundle
//! ```

mod error;
mod fit;
mod group;
mod plan;
mod recalibrate;
mod split;
mod station;

pub use error::TrainError;
pub use fit::{Failure, Fitted, fit};
pub(crate) use fit::{digest, fit_on};
pub use group::{GroupRule, NamePattern};
pub use plan::{
    DEFAULT_ALPHA, DEFAULT_CORESET, DEFAULT_HOLDOUT, DEFAULT_MAP_NEIGHBOURS, DEFAULT_SIZE_PX, FitPlan, Holdout,
    LEAVE_ONE_OUT_BELOW,
};
pub use recalibrate::{Recalibrated, recalibrate};
pub use station::{ImportedStation, StationOptions, StationWarning, import_station};
