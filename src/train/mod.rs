//! Normal images become a bundle.
//!
//! ```text
//! samples -> conditions -> held-out split -> descriptors -> gate, detector
//!         -> scores of normals that it does not know, under every view -> bundle
//! ```

mod add;
mod error;
mod fit;
mod group;
pub(crate) mod near_copies;
mod originals;
mod plan;
mod products;
mod screen;
mod split;
mod tiles;

pub use add::add_to;
pub(crate) use add::grown_gate;
pub use error::TrainError;
pub use fit::{Failure, Fitted, FittedSuspect, fit, fit_images};
pub(crate) use fit::{Further, Learnt, LearntScore, digest, fingerprint_of, fit_on, go_on_with, joined_fingerprint};
pub(crate) use group::grouped;
pub use group::{GroupRule, NamePattern};
pub(crate) use originals::Originals;
pub use plan::{
    DEFAULT_ALPHA, DEFAULT_HOLDOUT, FitPlan, Holdout, LEAVE_ONE_OUT_BELOW, MOST_ROUNDS, PartPlan, SCREENED_AT_MOST,
    SUSPECT_DEVIATIONS, SUSPECTS_FROM,
};
pub use screen::{Screened, ScreenedImage, screen};
pub use tiles::{TILES_FROM, TileRule};
