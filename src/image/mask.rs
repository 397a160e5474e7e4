//! Ground truth masks.

use std::path::Path;

use super::resize::nearest_index;
use super::{Image, ImageError, Limits, read};

/// A pixel counts as defective above this share of full scale.
const DEFECT_ABOVE: f32 = 0.5;

/// Which pixels are defective.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    /// `[height_px * width_px]`, row-major; `true` is defective.
    pub values: Vec<bool>,
    /// Rows.
    pub height_px: usize,
    /// Columns.
    pub width_px: usize,
}

impl Mask {
    /// The mask on another grid: `source = floor((target + 0.5) * source_size / target_size)` per
    /// axis, the convention of Pillow's `NEAREST`, in integers.
    pub fn resize_nearest(&self, height_px: usize, width_px: usize) -> Mask {
        let mut values = Vec::with_capacity(height_px.saturating_mul(width_px));
        for y in 0..height_px {
            let row = nearest_index(y, self.height_px, height_px) * self.width_px;
            let columns = (0..width_px).map(|x| nearest_index(x, self.width_px, width_px));
            values.extend(columns.map(|column| self.values[row + column]));
        }
        Mask { values, height_px, width_px }
    }
}

/// Reads a mask from any image file: a pixel is defective if one of its channels lies above half
/// of full scale, so that coloured masks count as well as white ones.
///
/// # Errors
/// Those of [`read`].
pub fn read_mask(path: &Path, limits: &Limits) -> Result<Mask, ImageError> {
    let image = read(path, limits)?;
    Ok(from_image(&image))
}

fn from_image(image: &Image) -> Mask {
    let pixels = image.pixels().chunks_exact(image.n_channels());
    let values = pixels.map(|pixel| pixel.iter().any(|&value| value > DEFECT_ABOVE)).collect();
    Mask { values, height_px: image.height_px(), width_px: image.width_px() }
}
