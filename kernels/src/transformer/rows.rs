//! Rows at distances that the processor's cache takes well, and packed for products.

use crate::simd::Level;

/// Padding of copied rows.
pub(super) const PADDING: usize = 16;
/// Row lengths that are multiples of this one map all rows to few cache sets: such rows are padded.
const CONFLICT: usize = 512;

/// Rows and the distance between their starts.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) values: &'a [f32],
    pub(super) stride: usize,
}

/// Distance between the starts of rows of `dim` that the processor's cache takes well.
pub(super) fn spread(dim: usize) -> usize {
    if dim.is_multiple_of(CONFLICT) { dim + PADDING } else { dim }
}

/// The rows themselves, or a copy in `copy` where their length is bad for the cache.
pub(super) fn unconflicted<'a>(rows: Rows<'a>, dim: usize, copy: &'a mut Vec<f32>) -> Rows<'a> {
    let stride = spread(dim);
    if stride == dim {
        return rows;
    }
    let n = rows.values.len() / rows.stride;
    copy.resize(n * stride, 0.0);
    for (copy, row) in copy.chunks_mut(stride).zip(rows.values.chunks(rows.stride)) {
        copy[..dim].copy_from_slice(&row[..dim]);
    }
    Rows { values: copy, stride }
}

/// Rows packed as the right factor of products; `packed` is whole panels.
pub(super) fn pack(level: Level, rows: &[f32], stride: usize, n: usize, depth: usize, packed: &mut [f32]) {
    let width = level.panel_width();
    for (p, panel) in packed.chunks_mut(width * depth).enumerate() {
        let filled = width.min(n - p * width);
        if filled < width {
            panel.fill(0.0);
        }
        for lane in 0..filled {
            let row = &rows[(p * width + lane) * stride..][..depth];
            row.iter().enumerate().for_each(|(step, x)| panel[step * width + lane] = *x);
        }
    }
}
