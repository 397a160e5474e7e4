//! Vision transformer blocks (Dosovitskiy et al., *An Image is Worth 16x16 Words*, 2021) on rows of tokens.
//!
//! The scores of attention exist for one tile of queries at a time. A token's result has the same bits for any number of
//! threads and in any batch.

use super::KernelError;
use super::simd::{Finish, Level, Product, Start, exp_sum, gelu, gemm_tile, normalize};
use rayon::prelude::*;

#[cfg(test)]
mod tests;

/// Rows of a task, in tiles.
const TASK_TILES: usize = 8;
/// Padding of copied rows, and the row lengths that need it: their multiples map all rows to few cache sets.
const PADDING: usize = 16;
const CONFLICT: usize = 512;

/// Rows packed as the right factor of products.
fn pack(level: Level, rows: &[f32], stride: usize, n: usize, depth: usize) -> Vec<f32> {
    let width = level.panel_width();
    let mut packed = vec![0.0; n.div_ceil(width) * width * depth];
    for (p, panel) in packed.chunks_mut(width * depth).enumerate() {
        for lane in 0..width.min(n - p * width) {
            let row = &rows[(p * width + lane) * stride..][..depth];
            row.iter().enumerate().for_each(|(step, x)| panel[step * width + lane] = *x);
        }
    }
    packed
}

/// `y = W x + b` for rows `x`, with packed weights.
#[derive(Debug, Clone)]
pub struct Linear {
    level: Level,
    from: usize,
    to: usize,
    panels: Vec<f32>,
    bias: Vec<f32>,
}

impl Linear {
    /// Packs `weight`, `[bias.len(), from]` row-major.
    ///
    /// # Errors
    /// [`KernelError::Shape`] where the weights are not `bias.len()` rows of `from`, or there are none.
    pub fn new(weight: &[f32], bias: &[f32], from: usize) -> Result<Self, KernelError> {
        Self::with_level(weight, bias, from, Level::best())
    }

    fn with_level(weight: &[f32], bias: &[f32], from: usize, level: Level) -> Result<Self, KernelError> {
        if weight.is_empty() || bias.len().checked_mul(from) != Some(weight.len()) {
            return Err(KernelError::Shape { what: "weight", len: weight.len(), dim: from });
        }
        let panels = pack(level, weight, from, bias.len(), from);
        Ok(Self { level, from, to: bias.len(), panels, bias: bias.to_vec() })
    }

    /// Applies the map to the rows of `[n, from]`, calls `then` on each finished block of rows, and adds `residual`
    /// (`[n, to]`) before.
    fn run(&self, rows: &[f32], residual: Option<&[f32]>, then: impl Fn(&mut [f32]) + Sync) -> Vec<f32> {
        let (height, width) = (self.level.tile_height(), self.level.panel_width());
        let n = rows.len() / self.from;
        let mut out = vec![0.0; n * self.to];
        let threads = rayon::current_num_threads();
        let task = n.div_ceil(n.div_ceil(TASK_TILES * height).next_multiple_of(threads)).max(1);
        out.par_chunks_mut(task * self.to).enumerate().for_each(|(t, out)| {
            let n = out.len() / self.to;
            let source = &rows[t * task * self.from..][..n * self.from];
            let (stride, copied);
            let source = if self.from.is_multiple_of(CONFLICT) {
                stride = self.from + PADDING;
                let mut copy = vec![0.0; n * stride];
                copy.chunks_mut(stride)
                    .zip(source.chunks(self.from))
                    .for_each(|(c, s)| c[..s.len()].copy_from_slice(s));
                copied = copy;
                copied.as_slice()
            } else {
                stride = self.from;
                source
            };
            let tiles = n.div_ceil(height);
            for (p, panel) in self.panels.chunks(width * self.from).enumerate() {
                let column = p * width;
                for i in 0..tiles {
                    let (from, to) = (i * n / tiles, (i + 1) * n / tiles);
                    let rows = &source[from * stride..];
                    let product = Product { rows, stride, height: to - from, depth: self.from, panel };
                    let residual = residual.map(|r| (&r[(t * task + from) * self.to + column..], self.to));
                    let finish = Finish { residual, low: f32::NEG_INFINITY, high: f32::INFINITY };
                    let finish = residual.is_some().then_some(&finish);
                    let start = Start::Bias(&self.bias[column..]);
                    let columns = width.min(self.to - column);
                    gemm_tile(
                        self.level,
                        &product,
                        start,
                        finish,
                        &mut out[from * self.to + column..],
                        self.to,
                        columns,
                    );
                }
            }
            then(out);
        });
        out
    }
}

/// Scale and shift of a layer norm.
#[derive(Debug, Clone)]
pub struct Norm {
    /// One factor per value of a token.
    pub scale: Vec<f32>,
    /// One summand per value.
    pub shift: Vec<f32>,
    /// Added to the variance.
    pub epsilon: f32,
}

impl Norm {
    /// Normalises every row.
    ///
    /// # Errors
    /// [`KernelError::Shape`] where the values are not rows of the norm's length.
    pub fn apply(&self, rows: &[f32]) -> Result<Vec<f32>, KernelError> {
        let dim = self.scale.len();
        if dim == 0 || self.shift.len() != dim || !rows.len().is_multiple_of(dim) {
            return Err(KernelError::Shape { what: "rows of a norm", len: rows.len(), dim });
        }
        Ok(self.run(rows, Level::best()))
    }

    fn run(&self, rows: &[f32], level: Level) -> Vec<f32> {
        let dim = self.scale.len();
        let mut out = vec![0.0; rows.len()];
        out.par_chunks_mut(16 * dim).zip(rows.par_chunks(16 * dim)).for_each(|(out, rows)| {
            for (out, row) in out.chunks_mut(dim).zip(rows.chunks(dim)) {
                normalize(level, row, &self.scale, &self.shift, self.epsilon, out);
            }
        });
        out
    }
}

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

impl Block {
    /// Runs the block on images of `tokens` tokens each, `[images * tokens, dim]`.
    ///
    /// # Errors
    /// [`KernelError::Shape`] where the parts of the block do not fit each other or the values are not whole images.
    pub fn apply(&self, values: &[f32], tokens: usize) -> Result<Vec<f32>, KernelError> {
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
        if tokens == 0 || !values.len().is_multiple_of(tokens.saturating_mul(dim)) {
            return Err(KernelError::Shape { what: "tokens", len: values.len(), dim: tokens.saturating_mul(dim) });
        }
        let level = self.qkv.level;
        let qkv = self.qkv.run(&self.norm1.run(values, level), None, |_| ());
        let mixed = attention(level, &qkv, tokens, dim, self.heads);
        let values = self.projection.run(&mixed, Some(values), |_| ());
        let hidden = self.up.run(&self.norm2.run(&values, level), None, |rows| gelu(level, rows));
        Ok(self.down.run(&hidden, Some(&values), |_| ()))
    }
}

/// Softmax attention of packed queries, keys and values `[images * tokens, 3 dim]` to `[images * tokens, dim]`.
fn attention(level: Level, qkv: &[f32], tokens: usize, dim: usize, heads: usize) -> Vec<f32> {
    let (height, width) = (level.tile_height(), level.panel_width());
    let size = dim / heads;
    let scale = 1.0 / (size as f32).sqrt();
    let panels = tokens.div_ceil(width);
    let stride = panels * width + PADDING;
    let mut out = vec![0.0; qkv.len() / 3];
    for (qkv, out) in qkv.chunks(tokens * 3 * dim).zip(out.chunks_mut(tokens * dim)) {
        // Keys as panels of tokens, values as panels of their elements.
        let packed: Vec<(Vec<f32>, Vec<f32>)> = (0..heads)
            .into_par_iter()
            .map(|h| {
                let keys = pack(level, &qkv[dim + h * size..], 3 * dim, tokens, size);
                let mut values = vec![0.0; size.div_ceil(width) * width * tokens];
                for (p, panel) in values.chunks_mut(width * tokens).enumerate() {
                    let columns = width.min(size - p * width);
                    for (t, row) in panel.chunks_mut(width).enumerate() {
                        let from = t * 3 * dim + 2 * dim + h * size + p * width;
                        row[..columns].copy_from_slice(&qkv[from..from + columns]);
                    }
                }
                (keys, values)
            })
            .collect();
        out.par_chunks_mut(height * dim).enumerate().for_each_init(
            || vec![0.0; height * stride],
            |scores, (t, out)| {
                let n = out.len() / dim;
                for (h, (keys, values)) in packed.iter().enumerate() {
                    let queries = &qkv[t * height * 3 * dim + h * size..];
                    for (p, panel) in keys.chunks(width * size).enumerate() {
                        let product = Product { rows: queries, stride: 3 * dim, height: n, depth: size, panel };
                        gemm_tile(level, &product, Start::Zero, None, &mut scores[p * width..], stride, width);
                    }
                    let mut inverse = [0.0; 16];
                    for (row, inverse) in scores.chunks_mut(stride).zip(&mut inverse).take(n) {
                        let row = &mut row[..tokens];
                        let most = row.iter().fold(f32::NEG_INFINITY, |a, b| if *b > a { *b } else { a });
                        *inverse = 1.0 / exp_sum(level, row, most, scale);
                    }
                    for (p, panel) in values.chunks(width * tokens).enumerate() {
                        let column = h * size + p * width;
                        let columns = width.min(size - p * width);
                        let product = Product { rows: scores, stride, height: n, depth: tokens, panel };
                        gemm_tile(level, &product, Start::Zero, None, &mut out[column..], dim, columns);
                        for (row, inverse) in out.chunks_mut(dim).zip(&inverse) {
                            row[column..column + columns].iter_mut().for_each(|x| *x *= inverse);
                        }
                    }
                }
            },
        );
    }
    out
}
