//! DINOv2 vision transformers (Oquab et al. 2023, arXiv 2304.07193), with and without registers (Darcet et al. 2023,
//! arXiv 2309.16588).
//!
//! Images are cut into 14 x 14 patches; height and width must be multiples of 14, anything else is refused with the
//! nearest valid sizes. Layers:
//!
//! - `blocks.N`: the tokens after block `N`, counted from 0;
//! - `norm:blocks.N`: the same after the network's final layer normalisation, as the original repository's
//!   `get_intermediate_layers(..., norm=True)` returns them; for the last block this is `x_norm_patchtokens`.
//!
//! Only patch tokens are returned, on a grid of `height / 14` rows and `width / 14` columns; class and register tokens take part in
//! the computation and are dropped from the result.
//!
//! # Position embeddings at other sizes
//!
//! The published tables have 37 x 37 positions (518 pixels). For any other grid they are interpolated bicubically as
//! the original repository's hub models do, because those are the weights people have:
//!
//! | | antialias | coordinates |
//! |---|---|---|
//! | `dinov2_vit*14` | no | scale `(size + 0.1) / 37`, the release's guard against rounding |
//! | `dinov2_vit*14_reg` | yes | scale `size / 37` |
//!
//! timm always antialiases and never adds 0.1: equal for the networks with registers, slightly different for those
//! without. Hugging Face transformers does neither. At 37 x 37 all three use the table as it is.
//!
//! # Names in weight files
//!
//! Those of the original repository (`blocks.0.attn.qkv.weight`, `ls1.gamma`, `register_tokens`), of timm
//! (`reg_token`, position table without class token) and of Hugging Face transformers
//! (`encoder.layer.0.attention.attention.query.weight`), below any prefix. Layer scale is folded into the projections
//! before it at load.

mod blocks;
mod config;
mod kernels;
mod load;
mod position;

use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::TensorData;

use super::backbone::{IMAGENET_MEAN, IMAGENET_STD};
use super::inputs;
use super::weights::NamedTensors;
use super::{Backbone, BackboneSpec, FeatureMap, Footprint, Grid, ImageBatch, ModelError, OpenDevice};
use blocks::Transformer;
pub use config::DinoV2Config;
use config::Tap;
use kernels::Kernels;
pub(crate) use load::{canonical, rehearse};
use position::PositionTable;

/// Interpolated position embeddings kept for sizes that come again.
const SIZES_KEPT: usize = 4;

/// A DINOv2 transformer with weights, cut after its deepest requested block.
#[derive(Debug)]
pub struct DinoV2 {
    spec: BackboneSpec,
    config: DinoV2Config,
    engine: Engine,
    positions: PositionTable,
    /// Interpolated tables `[n_rows * n_cols, dim]` by grid, oldest first.
    kept: Mutex<Vec<(Grid, Arc<[f32]>)>>,
    taps: Vec<Tap>,
}

/// What runs the network.
#[derive(Debug)]
enum Engine {
    Kernels(Box<Kernels>),
    Burn { transformer: Box<Transformer>, device: OpenDevice },
}

impl DinoV2 {
    /// Builds the network from a weight file, up to the deepest of `layers`.
    ///
    /// # Errors
    /// Where a layer is unknown, or the file does not hold the network.
    pub fn load(
        config: &DinoV2Config,
        tensors: &NamedTensors,
        layers: &[String],
        device: &OpenDevice,
    ) -> Result<Self, ModelError> {
        let taps: Vec<Tap> = inputs::taps(&config.name, layers, &config.layers())?
            .into_iter()
            .map(|index| Tap { block: index % config.depth, normed: index >= config.depth })
            .collect();
        let depth = taps.iter().map(|tap| tap.block + 1).max().unwrap_or(0);
        let (weights, positions, weights_sha256) = load::weights(config, tensors, depth)?;
        let engine = if device.kernels {
            Engine::Kernels(Box::new(Kernels::new(config, weights)?))
        } else {
            let transformer = device.in_precision(Transformer::new(config, weights, &device.device));
            Engine::Burn { transformer: Box::new(transformer), device: device.clone() }
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
        Ok(Self { spec, config: config.clone(), engine, positions, kept: Mutex::default(), taps })
    }

    /// The patches of an image of this size.
    fn grid(&self, height_px: usize, width_px: usize) -> Result<Grid, ModelError> {
        let patch = self.config.patch;
        if !height_px.is_multiple_of(patch) || !width_px.is_multiple_of(patch) {
            return Err(ModelError::NotDivisible { network: self.spec.name.clone(), patch, height_px, width_px });
        }
        Ok(Grid { n_rows: height_px / patch, n_cols: width_px / patch })
    }

    /// Position embeddings `[n_rows * n_cols, dim]`.
    fn positions(&self, grid: Grid) -> Arc<[f32]> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, table)) = kept.iter().find(|(other, _)| *other == grid) {
            return Arc::clone(table);
        }
        let table: Arc<[f32]> = self.positions.resized(grid.n_rows, grid.n_cols).into();
        if kept.len() == SIZES_KEPT {
            kept.remove(0);
        }
        kept.push((grid, Arc::clone(&table)));
        table
    }
}

impl Backbone for DinoV2 {
    fn spec(&self) -> &BackboneSpec {
        &self.spec
    }

    fn features(&self, images: &ImageBatch) -> Result<Vec<FeatureMap>, ModelError> {
        let grid = self.grid(images.height_px(), images.width_px())?;
        let positions = self.positions(grid);
        match &self.engine {
            Engine::Kernels(kernels) => kernels.features(images, grid, &positions, &self.taps),
            Engine::Burn { transformer, device } => {
                let shape = [1, grid.n_patches(), self.config.dim];
                let positions = device.tensor(TensorData::new(positions.to_vec(), shape));
                let keep = |block| self.taps.iter().any(|tap| tap.block == block);
                let outputs = transformer.forward(inputs::pixels(images, device), positions, keep);
                let map = |tap: &Tap| {
                    let tokens = outputs[tap.block].clone()?;
                    let tokens = if tap.normed { transformer.norm.forward(tokens) } else { tokens };
                    Some(FeatureMap::from_tokens(tokens, grid))
                };
                self.taps.iter().filter_map(map).collect()
            }
        }
    }

    fn footprint(&self, n: usize, height_px: usize, width_px: usize) -> Result<Option<Footprint>, ModelError> {
        let grid = self.grid(height_px, width_px)?;
        match &self.engine {
            Engine::Kernels(kernels) => {
                let maps = self.taps.iter().map(|_| (grid, self.config.dim)).collect();
                Ok(Some(Footprint { bytes: kernels.bytes(n, grid, self.taps.len()), maps }))
            }
            Engine::Burn { .. } => Ok(None),
        }
    }
}
