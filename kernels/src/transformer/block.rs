//! A block: attention and perceptron.

use super::attention::attention;
use super::linear::{Linear, Norm, shares};
use super::rows::{Rows, spread};
use crate::KernelError;
use crate::simd::gelu;
use rayon::prelude::*;

/// Values of the hidden layer that a task holds.
const HIDDEN: usize = 256 * 1024;

/// Most rows of a task, in tiles.
const TASK_TILES: usize = 12;

/// A pre-norm block: `x += attention(norm1(x)); x += mlp(norm2(x))`.
#[derive(Debug, Clone)]
pub struct Block {
    /// Norm before attention.
    pub norm1: Norm,
    /// Queries, keys and values of all heads in one map, `dim` to `3 dim`, in this order.
    pub qkv: Linear,
    /// The map after attention, `dim` to `dim`; a layer scale is folded into its weights and bias.
    pub projection: Linear,
    /// Norm before the perceptron.
    pub norm2: Norm,
    /// First map of the perceptron; a GELU follows.
    pub up: Linear,
    /// Second map of the perceptron, with its layer scale.
    pub down: Linear,
    /// Number of heads.
    pub heads: usize,
}

/// Memory of a run that the next one uses again.
#[derive(Debug, Default)]
pub struct Workspace {
    qkv: Vec<f32>,
    packed: Vec<f32>,
    mixed: Vec<f32>,
}

/// Memory of one task.
#[derive(Default)]
struct Local {
    /// Rows after attention.
    middle: Vec<f32>,
    normed: Vec<f32>,
    hidden: Vec<f32>,
}

impl Block {
    /// Runs the block in place on images of `tokens` tokens each, `[images * tokens, dim]`.
    ///
    /// # Errors
    /// [`KernelError::Shape`] where the parts of the block do not fit each other or the values are not whole images.
    pub fn apply(&self, values: &mut [f32], tokens: usize, workspace: &mut Workspace) -> Result<(), KernelError> {
        self.check(values.len(), tokens)?;
        let (level, dim) = (self.qkv.level, self.norm1.scale.len());
        let Workspace { qkv, packed, mixed } = workspace;
        qkv.resize(3 * values.len(), 0.0);
        mixed.resize(values.len(), 0.0);
        let stride = spread(dim);
        shares(level, qkv, 3 * dim, TASK_TILES).into_par_iter().for_each_init(Vec::new, |normed, (rows, qkv)| {
            let n = rows.len();
            normed.resize(n * stride, 0.0);
            self.norm1.run(&values[rows.start * dim..rows.end * dim], level, normed, stride);
            self.qkv.run(Rows { values: normed, stride }, n, None, qkv, 3 * dim);
        });
        attention(level, qkv, [tokens, dim, self.heads], packed, mixed);
        let tiles = (HIDDEN / self.up.to / level.tile_height()).clamp(1, TASK_TILES);
        shares(level, values, dim, tiles).into_par_iter().for_each_init(Local::default, |local, (rows, values)| {
            self.rest(values, &mixed[rows.start * dim..rows.end * dim], local);
        });
        Ok(())
    }

    /// What follows attention, for the rows of one task.
    fn rest(&self, values: &mut [f32], mixed: &[f32], local: &mut Local) {
        let (level, dim) = (self.qkv.level, self.norm1.scale.len());
        let n = values.len() / dim;
        let Local { middle, normed, hidden } = local;
        middle.resize(n * dim, 0.0);
        let stride = spread(dim);
        normed.resize(n * stride, 0.0);
        let rows = if stride == dim {
            Rows { values: mixed, stride: dim }
        } else {
            for (copy, row) in normed.chunks_mut(stride).zip(mixed.chunks(dim)) {
                copy[..dim].copy_from_slice(row);
            }
            Rows { values: normed, stride }
        };
        self.projection.run(rows, n, Some(values), middle, dim);
        self.norm2.run(middle, level, normed, stride);
        let wide = spread(self.up.to);
        hidden.resize(n * wide, 0.0);
        self.up.run(Rows { values: normed, stride }, n, None, hidden, wide);
        gelu(level, hidden);
        self.down.run(Rows { values: hidden, stride: wide }, n, Some(middle), values, dim);
    }

    /// Refuses parts and values that do not fit each other.
    fn check(&self, n_values: usize, tokens: usize) -> Result<(), KernelError> {
        let dim = self.norm1.scale.len();
        let fits = |what, linear: &Linear, from: usize, to: usize| {
            let wrong = KernelError::Shape { what, len: linear.from, dim: from };
            if linear.from == from && linear.to == to { Ok(()) } else { Err(wrong) }
        };
        for norm in [&self.norm1, &self.norm2] {
            if dim == 0 || norm.scale.len() != dim || norm.shift.len() != dim {
                return Err(KernelError::Shape { what: "norm", len: norm.scale.len(), dim });
            }
        }
        fits("qkv", &self.qkv, dim, 3 * dim)?;
        fits("projection", &self.projection, dim, dim)?;
        fits("up", &self.up, dim, self.up.to)?;
        fits("down", &self.down, self.up.to, dim)?;
        if self.heads == 0 || !dim.is_multiple_of(self.heads) {
            return Err(KernelError::Shape { what: "heads", len: dim, dim: self.heads });
        }
        let image = tokens.saturating_mul(dim);
        if tokens == 0 || !n_values.is_multiple_of(image) {
            return Err(KernelError::Shape { what: "tokens", len: n_values, dim: image });
        }
        Ok(())
    }
}
