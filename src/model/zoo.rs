//! The networks that can be loaded at run time, by name.
//!
//! A name is a network, optionally with a tag after a dot that tells weights of the same network apart:
//! `wide_resnet50_2`, `wide_resnet50_2.racm_in1k`.

use std::collections::BTreeMap;

use super::dinov2::{self, DinoV2, DinoV2Config};
use super::resnet::{self, ResNet, ResNetConfig};
use super::weights::{NamedTensors, Origin, Parameter, WeightsError};
use super::{Backbone, ModelError, OpenDevice};

/// Names of the networks [`load`] knows.
pub const NETWORKS: [&str; 12] = [
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "wide_resnet50_2",
    "wide_resnet101_2",
    "dinov2_vits14",
    "dinov2_vitb14",
    "dinov2_vitl14",
    "dinov2_vits14_reg",
    "dinov2_vitb14_reg",
    "dinov2_vitl14_reg",
];

/// A known network.
enum Architecture {
    ResNet(ResNetConfig),
    DinoV2(DinoV2Config),
}

/// The tensors of a network in its own naming, ready to be stored.
pub(crate) struct Canonical {
    /// Layers the file has weights for.
    pub(crate) layers: Vec<String>,
    /// Own names and shapes in the order of the network.
    pub(crate) parameters: Vec<Parameter>,
    /// Own name to the names in the file that make it up.
    origins: BTreeMap<String, Origin>,
}

/// Builds a known network from a weight file, up to the deepest of `layers`.
///
/// `name` may carry a tag (`wide_resnet50_2.racm_in1k`), which the spec keeps.
///
/// # Errors
/// Where the network or a layer is unknown, or the tensors are not those of the network.
pub fn load(
    name: &str,
    tensors: &NamedTensors,
    layers: &[String],
    device: &OpenDevice,
) -> Result<Box<dyn Backbone>, ModelError> {
    Ok(match architecture(name)? {
        Architecture::ResNet(config) => Box::new(ResNet::load(&config, tensors, layers, device)?),
        Architecture::DinoV2(config) => Box::new(DinoV2::load(&config, tensors, layers, device)?),
    })
}

/// Layers of a known network, in the order in which they are computed.
///
/// # Errors
/// Where the network is unknown.
pub fn layers(name: &str) -> Result<Vec<String>, ModelError> {
    Ok(match architecture(name)? {
        Architecture::ResNet(config) => config.layers(),
        Architecture::DinoV2(config) => config.layers(),
    })
}

/// The layers to use where none is named: `layer2` and `layer3` of a ResNet, as in Roth et al. (CVPR 2022); of DINOv2 two thirds
/// and all of the way up (`blocks.8` and `blocks.11` of 12), which the gearbox study found best.
#[must_use]
pub fn usual_layers(name: &str) -> Vec<String> {
    let layers = match network(name) {
        vit if vit.starts_with("dinov2_vitl") => ["blocks.17", "blocks.23"],
        vit if vit.starts_with("dinov2_") => ["blocks.8", "blocks.11"],
        _ => ["layer2", "layer3"],
    };
    layers.map(str::to_owned).to_vec()
}

/// The network of a name without its tag.
#[must_use]
pub fn network(name: &str) -> &str {
    name.split_once('.').map_or(name, |(network, _)| network)
}

/// Checks that a file holds a network, at least up to one of its layers, and names its tensors as the network does.
pub(crate) fn canonical(name: &str, tensors: &NamedTensors) -> Result<Canonical, ModelError> {
    match architecture(name)? {
        Architecture::ResNet(config) => {
            // A file may end after any stage; a stage that it begins must be complete.
            let deepest = resnet::deepest_stage(&config, tensors)?;
            let mut found = resnet::canonical(&config, tensors, deepest).map(|names| (deepest, names));
            // A graph holds only what it computes, and may be cut between two stages.
            for depth in (1..deepest).rev().filter(|_| tensors.graph().is_some()) {
                found = found.or_else(|error| {
                    resnet::canonical(&config, tensors, depth).map(|names| (depth, names)).map_err(|_| error)
                });
            }
            let (depth, names) = found?;
            let origins = names.map.into_iter().map(|(own, stored)| (own, Origin::Same(stored))).collect();
            Ok(Canonical { layers: config.layers()[..depth].to_vec(), parameters: names.parameters, origins })
        }
        Architecture::DinoV2(config) => {
            let names = dinov2::canonical(&config, tensors, config.depth)?;
            Ok(Canonical { layers: config.layers(), parameters: names.parameters, origins: names.origins })
        }
    }
}

/// Reads all tensors of a network up to its `depth`-th layer and makes of them what [`load`] makes, without keeping it: what
/// stands against loading it is known.
pub(crate) fn rehearse(name: &str, tensors: &NamedTensors, depth: usize) -> Result<(), ModelError> {
    match architecture(name)? {
        Architecture::ResNet(config) => Ok(resnet::rehearse(&config, tensors, depth)?),
        Architecture::DinoV2(config) => Ok(dinov2::rehearse(&config, tensors)?),
    }
}

impl Canonical {
    /// Values of one of the network's tensors.
    pub(crate) fn values(&self, tensors: &NamedTensors, own: &str) -> Result<Vec<f32>, WeightsError> {
        let origin = self.origins.get(own).ok_or_else(|| WeightsError::NoSuchTensor { name: own.to_owned() })?;
        origin.values(tensors)
    }
}

fn architecture(name: &str) -> Result<Architecture, ModelError> {
    let network = network(name);
    if let Some(config) = ResNetConfig::named(network) {
        return Ok(Architecture::ResNet(ResNetConfig { name: name.to_owned(), ..config }));
    }
    if let Some(config) = DinoV2Config::named(network) {
        return Ok(Architecture::DinoV2(DinoV2Config { name: name.to_owned(), ..config }));
    }
    Err(ModelError::UnknownNetwork { name: name.to_owned(), known: NETWORKS.join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_network_has_layers() {
        for name in NETWORKS {
            assert!(layers(name).unwrap().len() >= 4, "{name}");
        }
    }

    #[test]
    fn a_tag_does_not_change_the_network() {
        assert_eq!(layers("wide_resnet50_2.racm_in1k").unwrap(), layers("wide_resnet50_2").unwrap());
    }

    #[test]
    fn an_unknown_network_is_refused_with_the_known_ones() {
        let text = layers("resnet19").unwrap_err().to_string();
        assert!(text.contains("resnet18") && text.contains("weights/"), "{text}");
    }
}
