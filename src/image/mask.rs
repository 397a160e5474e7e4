//! Masks.

use super::resize::nearest_index;
use super::{ImageError, PixelBox};

/// Which pixels are meant: in ground truth, those that are defective.
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
    /// What lies in any of these rectangles.
    ///
    /// # Errors
    /// [`ImageError::Box`] for one that is not inside the image.
    pub fn of_boxes(boxes: &[PixelBox], (height_px, width_px): (usize, usize)) -> Result<Mask, ImageError> {
        let mut values = vec![false; height_px * width_px];
        for own in boxes {
            let PixelBox { top_px, left_px, height_px: rows, width_px: columns } = *own;
            if top_px.saturating_add(rows) > height_px || left_px.saturating_add(columns) > width_px {
                return Err(ImageError::Box { found: *own, height_px, width_px });
            }
            for y in top_px..top_px + rows {
                values[y * width_px + left_px..][..columns].fill(true);
            }
        }
        Ok(Mask { values, height_px, width_px })
    }

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

    pub(super) fn united_with(mut self, other: &Mask) -> Result<Mask, ImageError> {
        let (mask, image) = ((other.height_px, other.width_px), (self.height_px, self.width_px));
        if mask != image {
            return Err(ImageError::MaskFrame { mask, image });
        }
        self.values.iter_mut().zip(&other.values).for_each(|(value, other)| *value |= other);
        Ok(self)
    }

    /// The mask on the frame of its image: scaled (nearest neighbour) where its sides have the image's ratio within
    /// rounding.
    ///
    /// # Errors
    /// [`ImageError::MaskFrame`] if the ratio differs.
    pub fn on_frame(self, height_px: usize, width_px: usize) -> Result<Mask, ImageError> {
        if (self.height_px, self.width_px) == (height_px, width_px) {
            return Ok(self);
        }
        self.fits_frame(height_px, width_px)?;
        Ok(self.resize_nearest(height_px, width_px))
    }

    /// Whether its sides have the ratio of those of an image, within rounding.
    ///
    /// # Errors
    /// [`ImageError::MaskFrame`] if they have not.
    pub(crate) fn fits_frame(&self, height_px: usize, width_px: usize) -> Result<(), ImageError> {
        let (mask, image) = ((self.height_px, self.width_px), (height_px, width_px));
        let fits = mask == image || is_scaled(mask, image) || is_scaled(image, mask);
        if fits { Ok(()) } else { Err(ImageError::MaskFrame { mask, image }) }
    }
}

/// Whether `to` is `from` scaled by one factor, each side rounded up or down to whole pixels.
fn is_scaled(from: (usize, usize), to: (usize, usize)) -> bool {
    let bounds = |from: usize, to: usize| ((to as f64 - 1.0) / from as f64, (to as f64 + 1.0) / from as f64);
    let (rows, columns) = (bounds(from.0, to.0), bounds(from.1, to.1));
    rows.0.max(columns.0) < rows.1.min(columns.1) && to.0 <= from.0 && to.1 <= from.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_scaled_where_only_its_size_differs() {
        let sizes = [((100, 60), (50, 30)), ((50, 30), (100, 60)), ((101, 61), (50, 30)), ((1000, 750), (333, 250))];
        for (image, mask) in sizes {
            let all = Mask { values: vec![true; mask.0 * mask.1], height_px: mask.0, width_px: mask.1 };
            let found = all.on_frame(image.0, image.1).unwrap();
            assert_eq!((found.height_px, found.width_px, found.values.len()), (image.0, image.1, image.0 * image.1));
        }
        for (image, mask) in
            [((100, 60), (60, 100)), ((100, 60), (100, 64)), ((100, 60), (96, 60)), ((80, 60), (40, 33))]
        {
            let all = Mask { values: vec![true; mask.0 * mask.1], height_px: mask.0, width_px: mask.1 };
            let error = all.on_frame(image.0, image.1).unwrap_err().to_string();
            let sizes = [mask.1, mask.0, image.1, image.0].map(|side| side.to_string());
            assert!(sizes.iter().all(|side| error.contains(side)), "{error}");
        }
    }
}
