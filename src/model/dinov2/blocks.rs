//! The burn modules of a DINOv2 transformer, layer scale already folded.

use burn::module::{Module, Param};
use burn::nn::conv::Conv2d;
use burn::nn::{LayerNorm, Linear};
use burn::tensor::Tensor;
use burn::tensor::activation::{gelu, softmax};

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
