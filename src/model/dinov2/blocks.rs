//! The burn modules of a DINOv2 transformer.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{gelu, softmax};
use burn::tensor::{Device, Tensor, TensorData};

use super::config::DinoV2Config;
use super::load::{BlockWeights, Dense, EPSILON, Normed, Weights};
use crate::model::weights;

/// A transformer block: attention and a two-layer perceptron, each on normalised tokens and added to them.
#[derive(Module, Debug)]
pub(super) struct Block {
    pub(super) norm1: LayerNorm,
    /// Queries, keys and values of all heads, `3 * dim` outputs. The queries are already divided by the square root
    /// of the length of a head.
    pub(super) qkv: Linear,
    pub(super) projection: Linear,
    pub(super) norm2: LayerNorm,
    pub(super) hidden: Linear,
    pub(super) output: Linear,
    /// Attention heads.
    pub(super) n_heads: usize,
}

/// Patch embedding, extra tokens, blocks and final normalisation.
#[derive(Module, Debug)]
pub(super) struct Transformer {
    pub(super) patches: Conv2d,
    /// Class token with its position, then the registers: `[1, 1 + n_registers, dim]`.
    pub(super) extra: Param<Tensor<3>>,
    pub(super) blocks: Vec<Block>,
    pub(super) norm: LayerNorm,
}

impl Block {
    fn new(config: &DinoV2Config, weights: BlockWeights, device: &Device) -> Self {
        let dim = config.dim;
        let BlockWeights { norm1, mut qkv, projection, norm2, hidden, output } = weights;
        // Dividing the queries once here spares a pass over the attention weights per image.
        let scale = 1.0 / ((dim / config.n_heads) as f32).sqrt();
        qkv.weight[..dim * dim].iter_mut().chain(&mut qkv.bias[..dim]).for_each(|w| *w *= scale);
        Self {
            norm1: norm(norm1, device),
            qkv: linear(qkv, device),
            projection: linear(projection, device),
            norm2: norm(norm2, device),
            hidden: linear(hidden, device),
            output: linear(output, device),
            n_heads: config.n_heads,
        }
    }

    fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        let tokens = tokens.clone() + self.attention(self.norm1.forward(tokens));
        let hidden = gelu(self.hidden.forward(self.norm2.forward(tokens.clone())));
        tokens + self.output.forward(hidden)
    }

    fn attention(&self, tokens: Tensor<3>) -> Tensor<3> {
        let [n_images, n_tokens, dim] = tokens.dims();
        let length = dim / self.n_heads;
        let qkv = self.qkv.forward(tokens).reshape([n_images, n_tokens, 3, self.n_heads, length]);
        let part = |i: usize| {
            let part = qkv.clone().slice([0..n_images, 0..n_tokens, i..i + 1]);
            part.reshape([n_images, n_tokens, self.n_heads, length]).swap_dims(1, 2)
        };
        let (queries, keys, values) = (part(0), part(1), part(2));
        let weights = softmax(queries.matmul(keys.swap_dims(2, 3)), 3);
        let mixed = weights.matmul(values).swap_dims(1, 2).reshape([n_images, n_tokens, dim]);
        self.projection.forward(mixed)
    }
}

impl Transformer {
    pub(super) fn new(config: &DinoV2Config, weights: Weights, device: &Device) -> Self {
        let DinoV2Config { dim, patch, .. } = *config;
        let Weights { patches, extra, blocks, norm: last } = weights;
        let mut conv = Conv2dConfig::new([3, dim], [patch; 2]).with_stride([patch; 2]).init(device);
        let shape = [dim, 3, patch, patch];
        conv.weight = Param::from_tensor(Tensor::from_data(TensorData::new(patches.weight, shape), device));
        conv.bias = Some(vector(patches.bias, device));
        let n_extra = extra.len() / dim;
        Self {
            patches: conv,
            extra: Param::from_tensor(Tensor::from_data(TensorData::new(extra, [1, n_extra, dim]), device)),
            blocks: blocks.into_iter().map(|block| Block::new(config, block, device)).collect(),
            norm: norm(last, device),
        }
    }

    /// Tokens `[batch, 1 + n_registers + n_patches, dim]` after the blocks for which `keep` holds.
    pub(super) fn forward(
        &self,
        pixels: Tensor<4>,
        positions: Tensor<3>,
        keep: impl Fn(usize) -> bool,
    ) -> Vec<Option<Tensor<3>>> {
        let n_images = pixels.dims()[0];
        let patches = self.patches.forward(pixels).flatten::<3>(2, 3).swap_dims(1, 2) + positions;
        let mut tokens = Tensor::cat(vec![self.extra.val().repeat_dim(0, n_images), patches], 1);
        let mut outputs = Vec::with_capacity(self.blocks.len());
        for (i, block) in self.blocks.iter().enumerate() {
            tokens = block.forward(tokens);
            outputs.push(keep(i).then(|| tokens.clone()));
        }
        outputs
    }
}

fn vector(values: Vec<f32>, device: &Device) -> Param<Tensor<1>> {
    let length = values.len();
    Param::from_tensor(Tensor::from_data(TensorData::new(values, [length]), device))
}

fn linear(dense: Dense, device: &Device) -> Linear {
    let outputs = dense.bias.len();
    let inputs = dense.weight.len() / outputs;
    let weight = weights::transposed(&dense.weight, inputs);
    let mut module = LinearConfig::new(inputs, outputs).init(device);
    module.weight = Param::from_tensor(Tensor::from_data(TensorData::new(weight, [inputs, outputs]), device));
    module.bias = Some(vector(dense.bias, device));
    module
}

fn norm(Normed { gamma, beta }: Normed, device: &Device) -> LayerNorm {
    let mut module = LayerNormConfig::new(gamma.len()).with_epsilon(EPSILON).init(device);
    module.gamma = vector(gamma, device);
    module.beta = Some(vector(beta, device));
    module
}
