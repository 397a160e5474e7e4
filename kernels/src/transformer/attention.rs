//! Softmax attention.

use super::rows::{PADDING, pack};
use crate::simd::{Level, Product, Start, exp_sum, gemm_tile, largest};
use rayon::prelude::*;

/// Attention of packed queries, keys and values, `[images * tokens, 3 dim]`, to `[images * tokens, dim]`. `packed` is
/// memory that is used again.
pub(super) fn attention(
    level: Level,
    qkv: &[f32],
    [tokens, dim, heads]: [usize; 3],
    packed: &mut Vec<f32>,
    out: &mut [f32],
) {
    let (height, width) = (level.tile_height(), level.panel_width());
    let size = dim / heads;
    let scale = 1.0 / (size as f32).sqrt();
    let stride = tokens.div_ceil(width) * width + PADDING;
    // Of each head: keys as panels of tokens, then values as panels of their elements.
    let keys = tokens.div_ceil(width) * width * size;
    let each = keys + size.div_ceil(width) * width * tokens;
    packed.resize(heads * each, 0.0);
    for (qkv, out) in qkv.chunks(tokens * 3 * dim).zip(out.chunks_mut(tokens * dim)) {
        packed.par_chunks_mut(each).enumerate().for_each(|(h, packed)| {
            let (keys, values) = packed.split_at_mut(keys);
            pack(level, &qkv[dim + h * size..], 3 * dim, tokens, size, keys);
            for (p, panel) in values.chunks_mut(width * tokens).enumerate() {
                let columns = width.min(size - p * width);
                for (t, row) in panel.chunks_mut(width).enumerate() {
                    let from = t * 3 * dim + 2 * dim + h * size + p * width;
                    row[..columns].copy_from_slice(&qkv[from..from + columns]);
                    row[columns..].fill(0.0);
                }
            }
        });
        let packed = &*packed;
        out.par_chunks_mut(height * dim).enumerate().for_each_init(
            || vec![0.0; height * stride],
            |scores, (t, out)| {
                let n = out.len() / dim;
                for (h, packed) in packed.chunks(each).enumerate() {
                    let (keys, values) = packed.split_at(keys);
                    let queries = &qkv[t * height * 3 * dim + h * size..];
                    for (p, panel) in keys.chunks(width * size).enumerate() {
                        let product = Product { rows: queries, stride: 3 * dim, height: n, depth: size, panel };
                        gemm_tile(level, &product, Start::Zero, None, &mut scores[p * width..], stride, width);
                    }
                    let mut inverse = [0.0; 16];
                    for (row, inverse) in scores.chunks_mut(stride).zip(&mut inverse).take(n) {
                        let row = &mut row[..tokens];
                        *inverse = 1.0 / exp_sum(level, row, largest(level, row), scale);
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
}
