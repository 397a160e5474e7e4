//! Weights packed for tiles of bf16 parts.

use super::simd::{Lines, SPLIT_BLOCK, SPLIT_PANEL, SPLIT_STEPS, pack_split};
use rayon::prelude::*;

/// Packs `weight`, `[to, from, taps]`: per panel of outputs, per tap, blocks of inputs. Inputs that are no whole blocks are
/// packed as one long row, tap by tap.
pub(super) fn pack_panels(weight: &[f32], from: usize, taps: usize) -> Lines<u16> {
    let panel = (taps * from).div_ceil(SPLIT_STEPS) * SPLIT_BLOCK;
    let mut packed = Lines::zeros((weight.len() / (from * taps)).div_ceil(SPLIT_PANEL) * panel);
    packed.par_chunks_mut(panel).zip(weight.par_chunks(SPLIT_PANEL * from * taps)).for_each(|(packed, filters)| {
        for (column, filter) in filters.chunks_exact(from * taps).enumerate() {
            for (input, filter) in filter.chunks_exact(taps).enumerate() {
                for (tap, weight) in filter.iter().enumerate() {
                    let step = tap * from + input;
                    let block = &mut packed[step / SPLIT_STEPS * SPLIT_BLOCK..][..SPLIT_BLOCK];
                    pack_split(*weight, step % SPLIT_STEPS, column, block);
                }
            }
        }
    });
    packed
}
