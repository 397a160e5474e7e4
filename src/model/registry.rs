//! Backbones by name: those built in, and those whose weights were added later.

use super::generated::NETWORKS;
use super::weights::Store;
use super::{Backbone, ModelError, OpenDevice, PIXELS, guard, pixels, zoo};

/// The network every binary holds: pcore's own small one.
pub const DEFAULT_BACKBONE: &str = "pcore_tiny";

/// Every backbone inside this binary: name and layers.
#[must_use]
pub fn available() -> Vec<(&'static str, &'static [&'static str])> {
    NETWORKS.iter().map(|network| (network.name, network.layers)).collect()
}

/// Opens backbone `name` on `device`, to return `layers`; where none is named, all that a built-in network offers, or the
/// usual ones of a known architecture ([`zoo::usual_layers`]), whose weights come from the store.
///
/// # Errors
/// [`ModelError::UnknownBackbone`] and [`ModelError::UnknownLayer`], each with the choices there are;
/// [`ModelError::Weights`] when a known architecture has no weights yet, or not the right ones;
/// [`ModelError::Device`] when a GPU fails.
pub fn load(name: &str, layers: &[String], device: &OpenDevice) -> Result<Box<dyn Backbone>, ModelError> {
    if device.is_gpu() {
        return guard::guarded(|| open(name, layers, device));
    }
    open(name, layers, device)
}

fn open(name: &str, layers: &[String], device: &OpenDevice) -> Result<Box<dyn Backbone>, ModelError> {
    if let Some(network) = NETWORKS.iter().find(|network| network.name == name) {
        return network.open(layers, device);
    }
    if name == PIXELS {
        return pixels::open(layers, device);
    }
    if !zoo::NETWORKS.contains(&zoo::network(name)) {
        let names = NETWORKS.iter().map(|n| n.name).chain(zoo::NETWORKS).chain([PIXELS]);
        let available = names.collect::<Vec<_>>().join(", ");
        return Err(ModelError::UnknownBackbone { name: name.to_owned(), available });
    }
    let weights = Store::open_default()?.open_sound(name)?;
    if layers.is_empty() {
        return zoo::load(name, &weights, &zoo::usual_layers(name), device);
    }
    zoo::load(name, &weights, layers, device)
}
