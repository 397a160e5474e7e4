//! Backbones: normalised images in, feature maps out.
//!
//! burn tensors stay inside this module. What leaves it is host data in one layout, so that everything after the
//! network is the same code, and the same bits, whatever device the network ran on.
//!
//! On the device `cpu` networks run on pcore's own kernels ([`crate::kernel::plan`], [`crate::kernel::transformer`]); the
//! burn modules are the reference and run everywhere else, `flex` (burn's CPU backend) included. The tests hold the two
//! to each other.

mod backbone;
mod cnn;
mod device;
pub mod dinov2;
mod error;
mod failure;
mod feature_map;
mod generated;
mod guard;
pub mod head;
mod inputs;
mod pixels;
mod precision;
pub mod reconstruction;
mod registry;
pub mod resnet;
pub mod training;
pub mod weights;
pub mod zoo;

pub use backbone::{Backbone, BackboneSpec, Footprint, ImageBatch};
pub use device::{DeviceChoice, OpenDevice, adapters};
pub use error::ModelError;
pub use feature_map::{FeatureMap, Grid};
pub use pixels::PIXELS;
pub use precision::{Precision, UnknownPrecision};
pub use registry::{DEFAULT_BACKBONE, available, load};
