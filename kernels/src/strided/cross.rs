//! The gradients of weights and biases: sums over pixels.

use super::gather::window_columns;
use super::shape::{Strided, TAPS};
use super::turn::turn;
use crate::scratch::with_scratch;
use crate::simd::{Level, Product, Start, gemm_tile};
use rayon::prelude::*;
use std::ops::Range;

/// Pixels whose sum is made by itself; the sums are added up in the order of the pixels.
const PART: usize = 1024;
/// Pixels that are multiplied at a time: what is made of them stays in the nearest caches.
const RUN: usize = 256;
/// Panels of a task.
const PANELS: usize = 4;
/// Values of an element-wise task.
const CHUNK: usize = 1 << 14;
/// Sums side by side that [`column_sums`] makes at least.
const SUMS: usize = 64;

/// The sum over all pixels of the small end of each value of their windows in the large end times each of their own,
/// `[4, 4, from, to]`.
pub(super) fn crossed(level: Level, shape: Strided, large: &[f32], small: &[f32]) -> Vec<f32> {
    let n_pixels = shape.rows() * shape.width;
    let parts: Vec<Range<usize>> = (0..n_pixels).step_by(PART).map(|first| first..n_pixels.min(first + PART)).collect();
    let sums: Vec<Vec<f32>> =
        parts.into_par_iter().map(|pixels| of_pixels(level, shape, (large, small), pixels)).collect();
    let mut sums = sums.into_iter();
    let mut all = sums.next().unwrap_or_default();
    let rest: Vec<Vec<f32>> = sums.collect();
    if !rest.is_empty() {
        all.par_chunks_mut(CHUNK).enumerate().for_each(|(at, all)| {
            for part in &rest {
                all.iter_mut().zip(&part[at * CHUNK..]).for_each(|(sum, part)| *sum += part);
            }
        });
    }
    all
}

fn of_pixels(level: Level, shape: Strided, (large, small): (&[f32], &[f32]), pixels: Range<usize>) -> Vec<f32> {
    let to = shape.to;
    let runs: Vec<Range<usize>> = pixels.clone().step_by(RUN).map(|first| first..pixels.end.min(first + RUN)).collect();
    let mut sums = vec![0.0; shape.weights_len()];
    with_scratch(pixels.len() * to, |turned| {
        for run in &runs {
            let out = &mut turned[(run.start - pixels.start) * to..];
            turn((&small[run.start * to..], to), (run.len(), to), (out, run.len()));
        }
        let turned = &*turned;
        let columns = PANELS * level.panel_width();
        sums.par_chunks_mut(columns * to).enumerate().for_each(|(at, sums)| {
            of_columns((level, shape), large, (turned, &runs), at * columns, sums);
        });
    });
    sums
}

/// `sums`, `[columns, to]`, of the columns from `first` on. `turned` has the small end of each run, `[to, pixels]`.
fn of_columns(
    (level, shape): (Level, Strided),
    large: &[f32],
    (turned, runs): (&[f32], &[Range<usize>]),
    first: usize,
    sums: &mut [f32],
) {
    let to = shape.to;
    let n_columns = sums.len() / to;
    debug_assert!(first + n_columns <= TAPS * shape.from, "columns of a window");
    let (height, width) = (level.tile_height(), level.panel_width());
    let wide = n_columns.div_ceil(width) * width;
    with_scratch(wide * (RUN + to), |scratch| {
        let (panels, scratch) = scratch.split_at_mut(wide * RUN);
        let own = &mut scratch[..wide * to];
        let mut turned = turned;
        for (at, run) in runs.iter().enumerate() {
            let start = if at == 0 { Start::Zero } else { Start::Output };
            let (rows, rest) = turned.split_at(run.len() * to);
            turned = rest;
            for (p, panel) in panels.chunks_exact_mut(width * RUN).enumerate() {
                let columns = width.min(n_columns - p * width);
                window_columns(shape, large, run.clone(), (first + p * width, columns), (panel, width));
                for (rows, own) in rows.chunks(height * run.len()).zip(own.chunks_mut(height * wide)) {
                    let (stride, height) = (run.len(), rows.len() / run.len());
                    let product = Product { rows, stride, height, depth: run.len(), panel };
                    gemm_tile(level, &product, start, None, &mut own[p * width..], wide, width);
                }
            }
        }
        turn((own, wide), (to, n_columns), (sums, to));
    });
}

/// The sum of each column of `[n, width]`.
pub(super) fn column_sums(values: &[f32], width: usize) -> Vec<f32> {
    // Several rows at a time, where they are short.
    let wide = width * SUMS.div_ceil(width);
    let of_chunk = |values: &[f32]| {
        let mut sums = vec![0.0f32; wide];
        for values in values.chunks(wide) {
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        }
        sums
    };
    let chunks: Vec<Vec<f32>> = values.par_chunks(wide * CHUNK.div_ceil(wide)).map(of_chunk).collect();
    let mut sums = vec![0.0f64; width];
    for row in chunks.iter().flat_map(|sums| sums.chunks_exact(width)) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    sums.into_iter().map(|sum| sum as f32).collect()
}
