//! Masks on the network's pixels, where maps are compared with them.

use crate::image::{Mask, Placement};

/// The mask at the network's input size, `[height_px * width_px]` row-major: each pixel takes the source pixel under its
/// centre (nearest neighbour, as Pillow's NEAREST); padding is normal.
#[must_use]
pub fn mask_at_input(mask: &Mask, placement: &Placement, height_px: usize, width_px: usize) -> Vec<bool> {
    let ((scale_y, scale_x), (offset_y, offset_x)) = (placement.scale(), placement.offset_px());
    let source = |index: usize, scale: f64, offset: i64, n: usize| -> Option<usize> {
        let position = (index as f64 + 0.5 - offset as f64) / scale;
        (position >= 0.0 && position < n as f64).then_some(position as usize)
    };
    let columns: Vec<Option<usize>> = (0..width_px).map(|x| source(x, scale_x, offset_x, mask.width_px)).collect();
    (0..height_px)
        .flat_map(|y| {
            let row = source(y, scale_y, offset_y, mask.height_px);
            columns
                .iter()
                .map(move |x| matches!((row, x), (Some(row), Some(x)) if mask.values[row * mask.width_px + x]))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Preprocessing, Resize};

    fn mask(height_px: usize, width_px: usize) -> Mask {
        let values = (0..height_px * width_px).map(|i| (i * 7919) % 5 == 0).collect();
        Mask { values, height_px, width_px }
    }

    #[test]
    fn stretching_is_the_nearest_resize() {
        let mask = mask(37, 95);
        let placement = Preprocessing::imagenet(64, 48, Resize::StretchBilinear).placement(37, 95);
        assert_eq!(mask_at_input(&mask, &placement, 64, 48), mask.resize_nearest(64, 48).values);
    }

    #[test]
    fn padding_is_normal_and_a_crop_keeps_the_centre() {
        let all = Mask { values: vec![true; 20 * 40], height_px: 20, width_px: 40 };
        let padded = Preprocessing::imagenet(40, 40, Resize::FitPad).placement(20, 40);
        let found = mask_at_input(&all, &padded, 40, 40);
        assert_eq!((found[0], found[20 * 40 + 20], found.iter().filter(|v| **v).count()), (false, true, 800));
        let cropped = Preprocessing::imagenet(20, 20, Resize::ShortestCrop { shortest_px: 20 }).placement(20, 40);
        assert!(mask_at_input(&all, &cropped, 20, 20).iter().all(|v| *v));
    }
}
