//! Backbones by name.

use super::generated::NETWORKS;
use super::{Backbone, ModelError, OpenDevice};

/// The network every binary holds: pcore's own small one.
pub const DEFAULT_BACKBONE: &str = "pcore_tiny";

/// Every backbone of this binary: name and layers.
#[must_use]
pub fn available() -> Vec<(&'static str, &'static [&'static str])> {
    NETWORKS.iter().map(|network| (network.name, network.layers)).collect()
}

/// Opens backbone `name` on `device`, to return `layers`, or all of its layers where none is named.
///
/// # Errors
/// [`ModelError::UnknownBackbone`] and [`ModelError::UnknownLayer`], each with the choices there are.
pub fn load(name: &str, layers: &[String], device: &OpenDevice) -> Result<Box<dyn Backbone>, ModelError> {
    let network = NETWORKS.iter().find(|network| network.name == name).ok_or_else(|| ModelError::UnknownBackbone {
        name: name.to_owned(),
        available: NETWORKS.iter().map(|n| n.name).collect::<Vec<_>>().join(", "),
    })?;
    network.open(layers, device)
}
