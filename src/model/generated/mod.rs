//! The networks that `build.rs` made from `weights/*.onnx`, weights inside the binary.
//!
//! Each is a burn module, and, where all its operations are ones that [`crate::kernel::plan`] has, a description for
//! those kernels, which the device `cpu` then uses. Both read the same embedded weights.

mod blueprint;

use super::backbone::{Backbone, BackboneSpec, Footprint, IMAGENET_MEAN, IMAGENET_STD, ImageBatch};
use super::cnn::Cnn;
use super::{FeatureMap, Grid, ModelError, OpenDevice, Precision};
use crate::kernel::plan::{Conv, Node, Window};
use blueprint::{Blueprint, Parameter};
use burn::tensor::Tensor;

include!(concat!(env!("OUT_DIR"), "/networks.rs"));

/// One generated network.
pub(super) struct Network {
    pub(super) name: &'static str,
    /// Names of the graph's outputs, in its order.
    pub(super) layers: &'static [&'static str],
    input_size: Option<(usize, usize)>,
    weights_sha256: &'static str,
    /// For pcore's kernels, where they have every operation of the graph.
    blueprint: Option<Blueprint>,
    /// The embedded `.bpk` file.
    weights: fn() -> &'static [u8],
    load: fn(&OpenDevice) -> Box<dyn Forward>,
}

/// One output of a generated module.
enum Output {
    /// `[n, dim, n_rows, n_cols]`.
    Planes(Tensor<4>),
    /// `[n, n_tokens, dim]`, class and register tokens first.
    #[allow(dead_code, reason = "which of the two a build uses depends on the files in weights/")]
    Tokens(Tensor<3>),
}

/// What the generated modules have in common; `build.rs` writes the implementations.
trait Forward: Send + Sync {
    /// Every output of the graph for `[n, 3, h, w]`.
    fn outputs(&self, pixels: Tensor<4>) -> Vec<Output>;
}

/// Smallest image side the convolutional networks are run at: below it, deep layers have no pixels left.
const SMALLEST_SIDE_PX: usize = 32;

impl Network {
    /// Builds the module on a device, to return `layers`, or every output where none is named.
    pub(super) fn open(&self, layers: &[String], device: &OpenDevice) -> Result<Box<dyn Backbone>, ModelError> {
        let layers: Vec<String> = match layers {
            [] => self.layers.iter().map(|l| (*l).to_owned()).collect(),
            named => named.to_vec(),
        };
        let taps = layers
            .iter()
            .map(|layer| {
                self.layers.iter().position(|l| l == layer).ok_or_else(|| ModelError::UnknownLayer {
                    layer: layer.clone(),
                    network: self.name.to_owned(),
                    available: self.layers.join(", "),
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        if device.precision() == Precision::F16 && self.blueprint.is_none() {
            // Constants inside such a graph stay at 32 bits, and the two don't mix.
            let reason = format!("backbone '{}', whose graph holds operations that pcore does not know", self.name);
            return Err(ModelError::Precision { reason });
        }
        let engine = match self.blueprint.as_ref().filter(|_| device.kernels) {
            Some(blueprint) => {
                Engine::Kernels(Cnn::new(self.name, &blueprint.graph(self.name, (self.weights)(), &taps)?)?)
            }
            None => Engine::Burn { module: (self.load)(device), device: device.clone(), taps },
        };
        let spec = BackboneSpec {
            name: self.name.to_owned(),
            layers,
            weights_sha256: self.weights_sha256.to_owned(),
            mean: IMAGENET_MEAN,
            std: IMAGENET_STD,
            input_size: self.input_size,
            precision: device.precision(),
        };
        Ok(Box::new(Generated { spec, engine }))
    }
}

struct Generated {
    spec: BackboneSpec,
    engine: Engine,
}

/// What runs the network.
enum Engine {
    Kernels(Cnn),
    Burn {
        module: Box<dyn Forward>,
        device: OpenDevice,
        /// Which of the graph's outputs each layer is.
        taps: Vec<usize>,
    },
}

impl Generated {
    fn check(&self, height_px: usize, width_px: usize) -> Result<(), ModelError> {
        let network = || self.spec.name.clone();
        if let Some((expected_height, expected_width)) =
            self.spec.input_size.filter(|size| *size != (height_px, width_px))
        {
            return Err(ModelError::InputSize {
                network: network(),
                expected_height,
                expected_width,
                height_px,
                width_px,
            });
        }
        if height_px.min(width_px) < SMALLEST_SIDE_PX {
            return Err(ModelError::TooSmall { network: network(), smallest: SMALLEST_SIDE_PX, height_px, width_px });
        }
        Ok(())
    }
}

impl Backbone for Generated {
    fn spec(&self) -> &BackboneSpec {
        &self.spec
    }

    fn features(&self, images: &ImageBatch) -> Result<Vec<FeatureMap>, ModelError> {
        self.check(images.height_px(), images.width_px())?;
        match &self.engine {
            Engine::Kernels(cnn) => cnn.features(images),
            Engine::Burn { module, device, taps } => {
                maps(module.outputs(super::inputs::pixels(images, device)), taps, &self.spec.layers, images)
            }
        }
    }

    fn footprint(&self, n: usize, height_px: usize, width_px: usize) -> Result<Option<Footprint>, ModelError> {
        self.check(height_px, width_px)?;
        match &self.engine {
            Engine::Kernels(cnn) => cnn.footprint(n, height_px, width_px).map(Some),
            Engine::Burn { .. } => Ok(None),
        }
    }
}

/// The outputs of a module that are asked for, on the host; `taps` says which output each of `layers` is.
fn maps(
    outputs: Vec<Output>,
    taps: &[usize],
    layers: &[String],
    images: &ImageBatch,
) -> Result<Vec<FeatureMap>, ModelError> {
    let mut outputs: Vec<Option<Output>> = outputs.into_iter().map(Some).collect();
    let mut maps: Vec<FeatureMap> = Vec::with_capacity(taps.len());
    for (position, (layer, &tap)) in layers.iter().zip(taps).enumerate() {
        let map = match outputs[tap].take() {
            Some(Output::Planes(planes)) => FeatureMap::from_planes(planes)?,
            Some(Output::Tokens(tokens)) => {
                let grid = token_grid(layer, tokens.dims()[1], images.height_px(), images.width_px())?;
                FeatureMap::from_tokens(tokens, grid)?
            }
            // The layer was asked for twice: the first answer serves.
            None => maps[taps[..position].iter().position(|t| *t == tap).unwrap_or(0)].clone(),
        };
        maps.push(map);
    }
    Ok(maps)
}

/// Patch sizes of the vision transformers in use.
const PATCH_SIZES_PX: [usize; 4] = [14, 16, 8, 32];
/// Class token plus registers (4 in DINOv2, up to 8 elsewhere).
const MOST_EXTRA_TOKENS: usize = 9;

/// The patch grid behind `n_tokens` tokens: sides divided by the patch size, few tokens left over.
fn token_grid(layer: &str, n_tokens: usize, height_px: usize, width_px: usize) -> Result<Grid, ModelError> {
    PATCH_SIZES_PX
        .into_iter()
        .map(|patch| Grid { n_rows: height_px / patch, n_cols: width_px / patch })
        .find(|grid| (grid.n_patches()..=grid.n_patches() + MOST_EXTRA_TOKENS).contains(&n_tokens))
        .ok_or_else(|| ModelError::TokenGrid { layer: layer.to_owned(), n_tokens, height_px, width_px })
}
