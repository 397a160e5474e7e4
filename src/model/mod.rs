//! Backbones: normalised images in, feature maps out.
//!
//! burn tensors stay inside this module. What leaves it is host data in one layout, so that everything after the
//! network is the same code, and the same bits, whatever device the network ran on.

mod backbone;
mod device;
pub mod dinov2;
mod error;
mod feature_map;
mod generated;
mod guard;
mod registry;
pub mod resnet;
pub mod weights;
pub mod zoo;

pub use backbone::{Backbone, BackboneSpec, ImageBatch};
pub use device::{DeviceChoice, OpenDevice, adapters};
pub use error::ModelError;
pub use feature_map::{FeatureMap, Grid};
pub use registry::{DEFAULT_BACKBONE, available, load};
