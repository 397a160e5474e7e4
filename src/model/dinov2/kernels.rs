//! A DINOv2 transformer on pcore's own CPU kernels.

use super::config::{DinoV2Config, Tap};
use super::load::{BlockWeights, Dense, EPSILON, Normed, Weights};
use crate::kernel::KernelError;
use crate::kernel::transformer::{Block, Linear, Norm, Workspace};
use crate::model::{FeatureMap, Grid, ImageBatch, ModelError};
use std::sync::{Mutex, PoisonError};

/// Tokens that go through the blocks together, as far as more than one image is concerned.
const TOGETHER: usize = 4096;

/// Values that a task on some rows of tokens holds at most.
const TASK_VALUES: u64 = 1 << 20;

/// The network with packed weights. Several threads may run it at once.
#[derive(Debug)]
pub(super) struct Kernels {
    name: String,
    dim: usize,
    patch: usize,
    /// From the pixels of a patch, `[3, patch, patch]`, to a token.
    patches: Linear,
    /// Class token with its position, then the registers: `[1 + n_registers, dim]`.
    extra: Vec<f32>,
    blocks: Vec<Block>,
    norm: Norm,
    /// Memory of earlier runs.
    idle: Mutex<Vec<Workspace>>,
}

impl Kernels {
    pub(super) fn new(config: &DinoV2Config, weights: Weights) -> Result<Self, ModelError> {
        let failed = |error: KernelError| failed(&config.name, &error);
        let inputs = 3 * config.patch * config.patch;
        let patches = Linear::new(&weights.patches.weight, &weights.patches.bias, inputs).map_err(failed)?;
        let blocks = weights.blocks.into_iter().map(|b| block(b, config.n_heads)).collect::<Result<_, _>>();
        Ok(Self {
            name: config.name.clone(),
            dim: config.dim,
            patch: config.patch,
            patches,
            extra: weights.extra,
            blocks: blocks.map_err(failed)?,
            norm: norm(weights.norm),
            idle: Mutex::default(),
        })
    }

    /// The maps of `taps`; `positions` is `[grid.n_patches(), dim]`.
    pub(super) fn features(
        &self,
        images: &ImageBatch,
        grid: Grid,
        positions: &[f32],
        taps: &[Tap],
    ) -> Result<Vec<FeatureMap>, ModelError> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let held = idle().pop();
        let mut workspace = held.unwrap_or_default();
        // From inside the pool: a thread outside of it would sleep and be woken again in every step.
        let values = rayon::scope(|_| self.run(images, grid, positions, taps, &mut workspace));
        let values = values.map_err(|error| failed(&self.name, &error))?;
        idle().push(workspace);
        values.into_iter().map(|values| FeatureMap::new(values, images.n_images(), grid, self.dim)).collect()
    }

    /// Bytes that [`Self::features`] holds at the peak for `n` images, beside them.
    pub(super) fn bytes(&self, n: usize, grid: Grid, n_taps: usize) -> u64 {
        let (n_patches, dim, threads) = (grid.n_patches() as u64, self.dim as u64, rayon::current_num_threads() as u64);
        let n_tokens = (self.extra.len() / self.dim) as u64 + n_patches;
        let together = (TOGETHER as u64 / n_tokens).max(1).min(n as u64);
        // Tokens; queries, keys and values; the result of attention; keys and values of one image, packed.
        let tokens = together * n_tokens * dim * (1 + 3 + 1) + 2 * n_tokens * dim + 128 * dim;
        // Scores of a tile of queries, and the rows of a task with their hidden layer.
        let tasks = threads * (16 * n_tokens + TASK_VALUES);
        let results = (n_taps + 1) as u64 * n as u64 * n_patches * dim;
        let pixels = n_patches * (3 * self.patch * self.patch) as u64 + n_patches * dim;
        (tokens + tasks + results + pixels).saturating_mul(size_of::<f32>() as u64)
    }

    /// Patch tokens of all images at each tap.
    fn run(
        &self,
        images: &ImageBatch,
        grid: Grid,
        positions: &[f32],
        taps: &[Tap],
        workspace: &mut Workspace,
    ) -> Result<Vec<Vec<f32>>, KernelError> {
        let n_patches = grid.n_patches();
        let n_extra = self.extra.len() / self.dim;
        let n_tokens = n_extra + n_patches;
        let mut maps: Vec<Vec<f32>> =
            taps.iter().map(|_| Vec::with_capacity(images.n_images() * n_patches * self.dim)).collect();
        let together = (TOGETHER / n_tokens).max(1);
        let mut pixels = vec![0.0; n_patches * 3 * self.patch * self.patch];
        for first in (0..images.n_images()).step_by(together) {
            let n = together.min(images.n_images() - first);
            let mut tokens = vec![0.0; n * n_tokens * self.dim];
            for (i, tokens) in tokens.chunks_mut(n_tokens * self.dim).enumerate() {
                let (extra, patches) = tokens.split_at_mut(self.extra.len());
                extra.copy_from_slice(&self.extra);
                cut(images.image(first + i), grid, self.patch, &mut pixels);
                self.patches.apply(&pixels, positions, patches)?;
            }
            for (index, block) in self.blocks.iter().enumerate() {
                block.apply(&mut tokens, n_tokens, workspace)?;
                for (tap, map) in taps.iter().zip(&mut maps).filter(|(tap, _)| tap.block == index) {
                    for image in tokens.chunks(n_tokens * self.dim) {
                        let patches = &image[n_extra * self.dim..];
                        if tap.normed {
                            map.extend(self.norm.apply(patches)?);
                        } else {
                            map.extend_from_slice(patches);
                        }
                    }
                }
            }
        }
        Ok(maps)
    }
}

/// Cuts an image `[3, height, width]` into patches: `[n_rows * n_cols, 3, patch, patch]`.
fn cut(image: &[f32], grid: Grid, patch: usize, out: &mut [f32]) {
    let width = grid.n_cols * patch;
    let height = grid.n_rows * patch;
    let area = patch * patch;
    for (at, out) in out.chunks_mut(3 * area).enumerate() {
        let (row, col) = (at / grid.n_cols, at % grid.n_cols);
        for (line, out) in out.chunks_mut(patch).enumerate() {
            let (channel, y) = (line / patch, row * patch + line % patch);
            out.copy_from_slice(&image[(channel * height + y) * width + col * patch..][..patch]);
        }
    }
}

fn block(weights: BlockWeights, heads: usize) -> Result<Block, KernelError> {
    let BlockWeights { norm1, qkv, projection, norm2, hidden, output } = weights;
    Ok(Block {
        norm1: norm(norm1),
        qkv: linear(&qkv)?,
        projection: linear(&projection)?,
        norm2: norm(norm2),
        up: linear(&hidden)?,
        down: linear(&output)?,
        heads,
    })
}

fn linear(Dense { weight, bias }: &Dense) -> Result<Linear, KernelError> {
    Linear::new(weight, bias, weight.len() / bias.len().max(1))
}

fn norm(Normed { gamma, beta }: Normed) -> Norm {
    Norm { scale: gamma, shift: beta, epsilon: EPSILON as f32 }
}

fn failed(name: &str, error: &KernelError) -> ModelError {
    ModelError::Kernels { network: name.to_owned(), reason: error.to_string() }
}
