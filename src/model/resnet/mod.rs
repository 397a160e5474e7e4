//! Residual networks (He et al. 2015, arXiv 1512.03385) and their wide variants (Zagoruyko and Komodakis 2016, arXiv
//! 1605.07146), as torchvision builds them: the stride of a bottleneck sits in its 3 x 3 convolution ("v1.5").
//!
//! Batch normalisation is folded into the convolution before it at load: with scale `s = gamma / sqrt(variance + eps)`,
//! `weight' = s * weight` per output channel and `bias' = beta - s * mean`. Only the stages up to the deepest
//! requested layer are built, so a file may end there.
//!
//! Layers: `layer1` (stride 4) to `layer4` (stride 32), each the output of a whole stage. Input of any size; a map has
//! `ceil(size / stride)` rows and columns. Normalisation: mean and standard deviation of ImageNet.
//!
//! Names in weight files: those of torchvision, which timm shares (`conv1.weight`, `layer1.0.bn2.running_mean`,
//! `layer2.0.downsample.0.weight`), below any prefix (`module.`, `state_dict.`). ONNX files are recognised by walking
//! the graph from the input, whatever their names, with batch normalisation as nodes or folded.

mod blocks;
mod config;
mod graph;
mod load;
mod onnx;
mod plan;

use super::backbone::{IMAGENET_MEAN, IMAGENET_STD};
use super::cnn::Cnn;
use super::inputs;
use super::weights::NamedTensors;
use super::{Backbone, BackboneSpec, FeatureMap, Footprint, ImageBatch, ModelError, OpenDevice};
use blocks::Stages;
pub use config::ResNetConfig;
use plan::Plan;

/// Smallest image side that is run: below it, `layer4` looks at padding more than at the image.
const SMALLEST_SIDE_PX: usize = 32;

/// A residual network with weights, cut after its deepest requested layer.
#[derive(Debug)]
pub struct ResNet {
    spec: BackboneSpec,
    engine: Engine,
}

/// What runs the network.
#[derive(Debug)]
enum Engine {
    Kernels(Cnn),
    Burn {
        stages: Box<Stages>,
        device: OpenDevice,
        /// Index of the stage of each requested layer.
        taps: Vec<usize>,
    },
}

impl ResNet {
    /// Builds the network from a weight file, up to the deepest of `layers`.
    ///
    /// # Errors
    /// Where a layer is unknown, or the file does not hold the network.
    pub fn load(
        config: &ResNetConfig,
        tensors: &NamedTensors,
        layers: &[String],
        device: &OpenDevice,
    ) -> Result<Self, ModelError> {
        let available = config.layers();
        let taps = inputs::taps(&config.name, layers, &available)?;
        let depth = taps.iter().max().map_or(0, |deepest| deepest + 1);
        let plan = Plan::new(config, depth);
        let (convs, weights_sha256) = load::folded(config, &plan, tensors)?;
        let engine = if device.kernels {
            Engine::Kernels(Cnn::new(&config.name, &graph::graph(&plan, convs, &taps))?)
        } else {
            let stages = device.in_precision(Stages::new(&plan, convs, &device.device));
            Engine::Burn { stages: Box::new(stages), device: device.clone(), taps }
        };
        let spec = BackboneSpec {
            name: config.name.clone(),
            layers: layers.to_vec(),
            weights_sha256,
            mean: IMAGENET_MEAN,
            std: IMAGENET_STD,
            input_size: None,
            precision: device.precision(),
        };
        Ok(Self { spec, engine })
    }
}

impl ResNet {
    fn check(&self, height_px: usize, width_px: usize) -> Result<(), ModelError> {
        if height_px.min(width_px) < SMALLEST_SIDE_PX {
            let network = self.spec.name.clone();
            return Err(ModelError::TooSmall { network, smallest: SMALLEST_SIDE_PX, height_px, width_px });
        }
        Ok(())
    }
}

impl Backbone for ResNet {
    fn spec(&self) -> &BackboneSpec {
        &self.spec
    }

    fn features(&self, images: &ImageBatch) -> Result<Vec<FeatureMap>, ModelError> {
        self.check(images.height_px(), images.width_px())?;
        match &self.engine {
            Engine::Kernels(cnn) => cnn.features(images),
            Engine::Burn { stages, device, taps } => {
                let outputs = stages.forward(inputs::pixels(images, device), taps);
                taps.iter().filter_map(|tap| outputs[*tap].clone()).map(FeatureMap::from_planes).collect()
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

pub(crate) use load::{canonical, deepest_stage, rehearse};
