//! Patch descriptors: what a memory bank holds and what a query is.
//!
//! PatchCore (Roth et al., CVPR 2022, section 3.1): every patch takes in its neighbourhood, and the layers are brought
//! to one grid and stacked.

use super::{BankError, Context};
use crate::kernel::simd::{Level, blend, scaled_sum};
use crate::model::{FeatureMap, Grid};
use rayon::prelude::*;

/// How feature maps become descriptors.
#[derive(Clone, Debug, PartialEq)]
pub struct DescriptorSpec {
    /// Side of the square neighbourhood whose mean replaces each patch; 1 leaves patches as they are.
    pub neighbourhood: usize,
    /// Means of wider surroundings, appended to the stacked layers in this order; none by default.
    pub context: Vec<Context>,
    /// Patches of what is behind the object count as distance 0 in an image that is judged: see [`foreground`](super::foreground),
    /// whose threshold this is. `None`, and the default: all patches count.
    pub foreground: Option<f32>,
}

impl DescriptorSpec {
    /// Values per descriptor, for layers with `stacked` values in all.
    pub(crate) fn dim(&self, stacked: usize) -> usize {
        stacked + self.context.iter().map(|c| c.dim(stacked)).sum::<usize>()
    }
}

impl Default for DescriptorSpec {
    fn default() -> Self {
        Self { neighbourhood: 3, context: vec![], foreground: None }
    }
}

/// The descriptors of a batch of images.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchDescriptors {
    /// `[n_images * n_rows * n_cols, dim]`, row-major.
    pub rows: Vec<f32>,
    /// Images in the batch.
    pub n_images: usize,
    /// The patch grid of every image.
    pub grid: Grid,
    /// Values per descriptor.
    pub dim: usize,
}

impl PatchDescriptors {
    /// One image's `[n_rows * n_cols, dim]`.
    #[must_use]
    pub fn image(&self, index: usize) -> &[f32] {
        let size = self.grid.n_patches() * self.dim;
        &self.rows[index * size..][..size]
    }
}

/// Builds the descriptors of a batch: neighbourhood mean of every layer (zero padding, divided by the full
/// neighbourhood), layers resized to the finest grid (bilinear, `align_corners = false`), values concatenated, the parts
/// of each [`Context`] appended.
///
/// # Shapes
/// `layers[l]`: `[n_images, rows_l, cols_l, dim_l]`. Result: `[n_images * max rows * max cols, D]`, `D` being the sum of the
/// `dim_l`, times one more than there are context radii.
///
/// # Errors
/// [`BankError::NoLayers`], or [`BankError::BatchMismatch`] when the layers hold different numbers of images.
pub fn describe(layers: &[FeatureMap], spec: &DescriptorSpec) -> Result<PatchDescriptors, BankError> {
    let describer = Describer::new(layers, spec)?;
    let (n_images, grid, dim) = (describer.n_images(), describer.grid, describer.dim);
    let mut rows = vec![0.0; n_images * describer.image_len()];
    rows.par_chunks_mut(describer.image_len()).enumerate().for_each(|(image, out)| describer.describe(image, out));
    Ok(PatchDescriptors { rows, n_images, grid, dim })
}

/// [`describe`] image by image: the layers of a batch, checked.
pub(crate) struct Describer<'a> {
    layers: &'a [FeatureMap],
    spec: &'a DescriptorSpec,
    /// The patch grid of every image.
    pub(crate) grid: Grid,
    /// Values of the layers.
    stacked: usize,
    /// Values per descriptor.
    dim: usize,
}

impl<'a> Describer<'a> {
    pub(crate) fn new(layers: &'a [FeatureMap], spec: &'a DescriptorSpec) -> Result<Self, BankError> {
        let first = layers.first().ok_or(BankError::NoLayers)?;
        let n_images = first.n_images();
        if let Some(other) = layers.iter().find(|l| l.n_images() != n_images) {
            return Err(BankError::BatchMismatch { expected: n_images, found: other.n_images() });
        }
        let grid = layers.iter().map(FeatureMap::grid).max_by_key(|g| g.n_patches()).unwrap_or(first.grid());
        let stacked: usize = layers.iter().map(FeatureMap::dim).sum();
        let dim = spec.dim(stacked);
        Ok(Self { layers, spec, grid, stacked, dim })
    }

    fn n_images(&self) -> usize {
        self.layers[0].n_images()
    }

    /// Values per descriptor.
    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    /// Values of the descriptors of an image.
    pub(crate) fn image_len(&self) -> usize {
        self.grid.n_patches() * self.dim
    }

    /// Writes the descriptors of one image, `[n_patches, dim]`.
    pub(crate) fn describe(&self, image: usize, out: &mut [f32]) {
        let Self { layers, spec, grid, stacked, dim } = *self;
        let mut offset = 0;
        for layer in layers {
            let (values, from, width) = (layer.image(image), layer.grid(), layer.dim());
            if from == grid {
                neighbourhood_mean(values, from, width, spec.neighbourhood, &mut out[offset..], dim);
            } else {
                let mut pooled = vec![0.0; values.len()];
                neighbourhood_mean(values, from, width, spec.neighbourhood, &mut pooled, width);
                place(&pooled, from, width, &mut out[offset..], grid, dim);
            }
            offset += width;
        }
        if spec.context.is_empty() {
            return;
        }
        let plain: Vec<f32> = out.chunks_exact(dim).flat_map(|row| &row[..stacked]).copied().collect();
        for context in &spec.context {
            context.append(&plain, grid, stacked, out, dim, offset);
            offset += context.dim(stacked);
        }
    }
}

/// Mean over `side x side` patches, outside counted as zero; the divisor is always `side * side`. The cells of `out` are
/// `out_dim` apart.
///
/// Rows are summed first, then columns: two short passes instead of one over the whole neighbourhood.
fn neighbourhood_mean(values: &[f32], grid: Grid, dim: usize, side: usize, out: &mut [f32], out_dim: usize) {
    let cells = out.chunks_mut(out_dim).map(|cell| &mut cell[..dim]);
    if side <= 1 {
        cells.zip(values.chunks_exact(dim)).for_each(|(cell, value)| cell.copy_from_slice(value));
        return;
    }
    let level = Level::best();
    let radius = side / 2;
    let stride = grid.n_cols * dim;
    let mut vertical = vec![0.0f32; stride];
    let scale = 1.0 / (side * side) as f32;
    let mut cells = cells;
    for row in 0..grid.n_rows {
        let within = row.saturating_sub(radius)..=(row + radius).min(grid.n_rows - 1);
        let sources: Vec<&[f32]> = within.map(|source| &values[source * stride..][..stride]).collect();
        scaled_sum(level, &sources, 1.0, &mut vertical);
        let mut sources: Vec<&[f32]> = Vec::with_capacity(side);
        for (col, cell) in cells.by_ref().take(grid.n_cols).enumerate() {
            let within = col.saturating_sub(radius)..=(col + radius).min(grid.n_cols - 1);
            sources.clear();
            sources.extend(within.map(|source| &vertical[source * dim..][..dim]));
            scaled_sum(level, &sources, scale, cell);
        }
    }
}

/// Resizes a layer to the grid of the descriptors; the cells of `out` are `out_dim` apart.
fn place(values: &[f32], from: Grid, dim: usize, out: &mut [f32], to: Grid, out_dim: usize) {
    let level = Level::best();
    let by_row: Vec<Lerp> = (0..to.n_rows).map(|i| Lerp::at(i, to.n_rows, from.n_rows)).collect();
    let by_col: Vec<Lerp> = (0..to.n_cols).map(|i| Lerp::at(i, to.n_cols, from.n_cols)).collect();
    let source = |row: usize, col: usize| &values[(row * from.n_cols + col) * dim..][..dim];
    for (index, cell) in out.chunks_mut(out_dim).enumerate() {
        let (y, x) = (by_row[index / to.n_cols], by_col[index % to.n_cols]);
        let corners = [source(y.low, x.low), source(y.low, x.high), source(y.high, x.low), source(y.high, x.high)];
        let weights = [
            (1.0 - y.share) * (1.0 - x.share),
            (1.0 - y.share) * x.share,
            y.share * (1.0 - x.share),
            y.share * x.share,
        ];
        blend(level, &corners, &weights, &mut cell[..dim]);
    }
}

/// Where an output index lies between two input indices (half-pixel centres, `align_corners = false`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lerp {
    pub(crate) low: usize,
    pub(crate) high: usize,
    /// Weight of `high`, 0..1.
    pub(crate) share: f32,
}

impl Lerp {
    pub(crate) fn at(index: usize, n_out: usize, n_in: usize) -> Self {
        let position = (index as f32 + 0.5) * (n_in as f32 / n_out as f32) - 0.5;
        Self::of(position, n_in)
    }

    /// The neighbours of a fractional index, clamped to the edges.
    pub(crate) fn of(position: f32, n_in: usize) -> Self {
        let position = position.clamp(0.0, (n_in - 1) as f32);
        let low = position as usize;
        Self { low, high: (low + 1).min(n_in - 1), share: position - low as f32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn map(values: Vec<f32>, n_images: usize, n_rows: usize, n_cols: usize, dim: usize) -> FeatureMap {
        FeatureMap::new(values, n_images, Grid { n_rows, n_cols }, dim).unwrap()
    }

    /// Pixel by pixel, straight from the definition.
    fn naive(layers: &[FeatureMap], side: usize) -> Vec<f32> {
        let grid = layers.iter().map(FeatureMap::grid).max_by_key(|g| g.n_patches()).unwrap();
        let mut out = vec![];
        for image in 0..layers[0].n_images() {
            for r in 0..grid.n_rows {
                for c in 0..grid.n_cols {
                    for l in layers {
                        let g = l.grid();
                        let mean = |row: usize, col: usize, k: usize| {
                            let (mut sum, radius) = (0.0f64, (side / 2) as isize);
                            for dy in -radius..=radius {
                                for dx in -radius..=radius {
                                    let (y, x) = (row as isize + dy, col as isize + dx);
                                    if y >= 0 && x >= 0 && y < g.n_rows as isize && x < g.n_cols as isize {
                                        sum += f64::from(
                                            l.image(image)[((y as usize) * g.n_cols + x as usize) * l.dim() + k],
                                        );
                                    }
                                }
                            }
                            sum / (side * side) as f64
                        };
                        let position = |i: usize, n_out: usize, n_in: usize| {
                            ((i as f64 + 0.5) * n_in as f64 / n_out as f64 - 0.5).clamp(0.0, (n_in - 1) as f64)
                        };
                        let (y, x) = (position(r, grid.n_rows, g.n_rows), position(c, grid.n_cols, g.n_cols));
                        let (y0, x0) = (y.floor() as usize, x.floor() as usize);
                        let (y1, x1) = ((y0 + 1).min(g.n_rows - 1), (x0 + 1).min(g.n_cols - 1));
                        let (fy, fx) = (y - y0 as f64, x - x0 as f64);
                        for k in 0..l.dim() {
                            let top = (1.0 - fx) * mean(y0, x0, k) + fx * mean(y0, x1, k);
                            let bottom = (1.0 - fx) * mean(y1, x0, k) + fx * mean(y1, x1, k);
                            out.push(((1.0 - fy) * top + fy * bottom) as f32);
                        }
                    }
                }
            }
        }
        out
    }

    proptest! {
        #[test]
        fn equals_the_definition(
            n_images in 1usize..3, rows in 1usize..7, cols in 1usize..7, small_rows in 1usize..5, small_cols in 1usize..5,
            dims in (1usize..4, 1usize..4), side in prop::sample::select(vec![1usize, 3, 5]), seed in 0u32..1000,
        ) {
            let value = |i: usize| ((i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) % 2000) as f32 / 1000.0 - 1.0;
            let fine = map((0..n_images * rows * cols * dims.0).map(value).collect(), n_images, rows, cols, dims.0);
            let (r, c) = (small_rows.min(rows), small_cols.min(cols));
            let coarse = map((0..n_images * r * c * dims.1).map(|i| value(i + 77)).collect(), n_images, r, c, dims.1);
            let layers = [fine, coarse];
            let found = describe(&layers, &DescriptorSpec { neighbourhood: side, context: vec![], foreground: None }).unwrap();
            prop_assert_eq!(found.dim, dims.0 + dims.1);
            for (a, b) in found.rows.iter().zip(naive(&layers, side)) {
                prop_assert!((a - b).abs() < 1e-5, "{} {}", a, b);
            }
        }
    }

    #[test]
    fn an_images_descriptors_ignore_its_company() {
        let values: Vec<f32> = (0..3 * 16 * 5).map(|i| (i as f32).sin()).collect();
        let spec = DescriptorSpec::default();
        let together = describe(&[map(values.clone(), 3, 4, 4, 5)], &spec).unwrap();
        for i in 0..3 {
            let alone = describe(&[map(values[i * 80..][..80].to_vec(), 1, 4, 4, 5)], &spec).unwrap();
            assert_eq!(alone.rows, together.image(i));
        }
    }

    #[test]
    fn refuses_no_layers_and_mixed_batches() {
        assert!(matches!(describe(&[], &DescriptorSpec::default()), Err(BankError::NoLayers)));
        let (a, b) = (map(vec![0.0; 4], 1, 2, 2, 1), map(vec![0.0; 8], 2, 2, 2, 1));
        assert!(matches!(
            describe(&[a, b], &DescriptorSpec::default()),
            Err(BankError::BatchMismatch { expected: 1, found: 2 })
        ));
    }
}
