//! Antialiased bilinear resampling, the same bits on every processor.
//!
//! The triangle filter of Pillow's `BILINEAR` in mode `F`, operation by operation: weights and sums
//! in `f64`, columns before rows, `f32` in between, an axis of unchanged length left alone. Vector
//! libraries were rejected because they choose the order of summation by the processor they meet,
//! so that a score would depend on the machine.

use std::ops::Range;

/// Which part of the resized axis to compute: `n_target` pixels long, `window` of them wanted.
///
/// A narrow crop out of a very long resized axis costs only the crop.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub(super) n_source: usize,
    pub(super) n_target: usize,
    pub(super) window: Range<usize>,
}

/// Source pixels `first..first + weights.len()` and how much each gives to one target pixel.
struct Taps {
    first: usize,
    weights: Vec<f64>,
}

/// Resamples `[rows.n_source, columns.n_source, n_channels]` to the two windows; the result is
/// `[rows.window.len(), columns.window.len(), n_channels]`, interleaved.
///
/// The windows lie inside their axes, and no axis is empty.
pub(super) fn bilinear(pixels: &[f32], n_channels: usize, rows: &Axis, columns: &Axis) -> Vec<f32> {
    let row_taps = taps(rows);
    // Only the source rows that some wanted target row needs go through the first pass.
    let needed = match (row_taps.first(), row_taps.last()) {
        (Some(first), Some(last)) => first.first..last.first + last.weights.len(),
        _ => 0..0,
    };
    let source_row = columns.n_source * n_channels;
    let target_row = columns.window.len() * n_channels;
    let column_taps = taps(columns);
    let mut narrowed = vec![0.0; needed.len() * target_row];
    for (from, to) in pixels[needed.start * source_row..needed.end * source_row]
        .chunks_exact(source_row)
        .zip(narrowed.chunks_exact_mut(target_row))
    {
        narrow_row(from, to, n_channels, &column_taps);
    }

    let mut result = vec![0.0; rows.window.len() * target_row];
    let mut sums = vec![0.0_f64; target_row];
    for (taps, to) in row_taps.iter().zip(result.chunks_exact_mut(target_row)) {
        sums.fill(0.0);
        for (offset, &weight) in taps.weights.iter().enumerate() {
            let start = (taps.first - needed.start + offset) * target_row;
            for (sum, &value) in sums.iter_mut().zip(&narrowed[start..start + target_row]) {
                *sum += f64::from(value) * weight;
            }
        }
        for (value, &sum) in to.iter_mut().zip(&sums) {
            *value = sum as f32;
        }
    }
    result
}

fn narrow_row(from: &[f32], to: &mut [f32], n_channels: usize, column_taps: &[Taps]) {
    for (taps, pixel) in column_taps.iter().zip(to.chunks_exact_mut(n_channels)) {
        for (channel, value) in pixel.iter_mut().enumerate() {
            let source = from[taps.first * n_channels + channel..].iter().step_by(n_channels);
            let products = source.zip(&taps.weights).map(|(&x, &weight)| f64::from(x) * weight);
            *value = products.fold(0.0, |sum, product| sum + product) as f32;
        }
    }
}

fn taps(axis: &Axis) -> Vec<Taps> {
    if axis.n_source == axis.n_target {
        let keep = |first| Taps { first, weights: vec![1.0] };
        return axis.window.clone().map(keep).collect();
    }
    let scale = axis.n_source as f64 / axis.n_target as f64;
    // Shrinking widens the filter with the step between target pixels; enlarging interpolates.
    let filter_scale = scale.max(1.0);
    axis.window.clone().map(|target| triangle(target, scale, filter_scale, axis.n_source)).collect()
}

/// The normalised triangle of half-width `filter_scale` around the target pixel's centre.
fn triangle(target: usize, scale: f64, filter_scale: f64, n_source: usize) -> Taps {
    let center = (target as f64 + 0.5) * scale;
    // Float to integer conversions saturate: below zero becomes zero.
    let first = (center - filter_scale + 0.5) as usize;
    let end = ((center + filter_scale + 0.5) as usize).min(n_source);
    let inverse = 1.0 / filter_scale;
    let mut weights: Vec<f64> =
        (first..end).map(|source| (1.0 - ((source as f64 - center + 0.5) * inverse).abs()).max(0.0)).collect();
    let total: f64 = weights.iter().sum();
    for weight in &mut weights {
        *weight /= total;
    }
    Taps { first, weights }
}
