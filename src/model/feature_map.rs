//! Feature maps on the host.

use super::ModelError;
use super::failure::failed;
use burn::tensor::Tensor;

/// The patch grid of a feature map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Patches from top to bottom.
    pub n_rows: usize,
    /// Patches from left to right.
    pub n_cols: usize,
}

impl Grid {
    /// `n_rows * n_cols`.
    #[must_use]
    pub fn n_patches(self) -> usize {
        self.n_rows * self.n_cols
    }
}

/// One layer's output for a batch: a vector of `dim` values per patch.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureMap {
    values: Vec<f32>,
    n_images: usize,
    dim: usize,
    grid: Grid,
}

impl FeatureMap {
    /// Wraps `values`.
    ///
    /// # Shapes
    /// `values`: `[n_images, n_rows, n_cols, dim]`, row-major (channels last).
    ///
    /// # Errors
    /// [`ModelError::FeatureShape`] when the length is not that product, or the product is zero.
    pub fn new(values: Vec<f32>, n_images: usize, grid: Grid, dim: usize) -> Result<Self, ModelError> {
        if values.is_empty() || values.len() != n_images * grid.n_patches() * dim {
            return Err(ModelError::FeatureShape {
                shape: vec![n_images, grid.n_rows, grid.n_cols, dim],
                n_values: values.len(),
            });
        }
        Ok(Self { values, n_images, dim, grid })
    }

    /// Brings `[n_images, dim, n_rows, n_cols]` from its device, channels last.
    pub(super) fn from_planes(planes: Tensor<4>) -> Result<Self, ModelError> {
        let [n_images, dim, n_rows, n_cols] = planes.dims();
        let values = host_values(planes.permute([0, 2, 3, 1]))?;
        Self::new(values, n_images, Grid { n_rows, n_cols }, dim)
    }

    /// Brings `[n_images, n_tokens, dim]` from its device and drops the class and register tokens that stand first.
    pub(super) fn from_tokens(tokens: Tensor<3>, grid: Grid) -> Result<Self, ModelError> {
        let [n_images, n_tokens, dim] = tokens.dims();
        let n_patches = grid.n_patches();
        let Some(n_extra) = n_tokens.checked_sub(n_patches) else {
            return Err(ModelError::FeatureShape {
                shape: vec![n_images, n_tokens, dim],
                n_values: n_images * n_patches * dim,
            });
        };
        let values = host_values(tokens.slice([0..n_images, n_extra..n_tokens, 0..dim]))?;
        Self::new(values, n_images, grid, dim)
    }

    /// `[n_images, n_rows, n_cols, dim]`.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// One image's `[n_rows, n_cols, dim]`.
    #[must_use]
    pub fn image(&self, index: usize) -> &[f32] {
        let size = self.grid.n_patches() * self.dim;
        &self.values[index * size..][..size]
    }

    /// Images in the batch.
    #[must_use]
    pub fn n_images(&self) -> usize {
        self.n_images
    }

    /// Values per patch.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The patch grid.
    #[must_use]
    pub fn grid(&self) -> Grid {
        self.grid
    }
}

/// The values of a tensor, row-major, on the host.
pub(super) fn host_values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, ModelError> {
    let data = tensor.try_into_data().map_err(|error| failed(&format!("{error:?}")))?;
    data.convert::<f32>().try_to_vec::<f32>().map_err(|error| failed(&format!("{error:?}")))
}
