//! Regions of interest: which part of an image is looked at.

mod area;
mod error;
mod shape;

pub use area::{Roi, RoiArea};
pub use error::RoiError;
pub use shape::{Length, RoiShape};
