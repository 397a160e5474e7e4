//! The regions of a mask.

use super::EvalError;

/// A mask taken apart into its 8-connected regions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Components {
    /// Per pixel, row-major: 0 outside, else the region's number from 1, in
    /// the order in which a row-by-row walk meets them.
    pub labels: Vec<u32>,
    /// Pixels per region; region `i` has number `i + 1`.
    pub sizes: Vec<usize>,
}

/// Finds the 8-connected regions of `mask` (`[height_px * width_px]`, row-major).
///
/// # Errors
///
/// [`EvalError::PixelCount`] if the mask does not have that many pixels, and
/// [`EvalError::TooManyRegions`] beyond `u32::MAX` regions.
pub fn connected_components(mask: &[bool], height_px: usize, width_px: usize) -> Result<Components, EvalError> {
    if height_px.checked_mul(width_px) != Some(mask.len()) {
        return Err(EvalError::PixelCount { what: "mask", index: 0, height_px, width_px, found: mask.len() });
    }
    let mut labels = vec![0u32; mask.len()];
    let mut sizes = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for start in 0..mask.len() {
        if !mask[start] || labels[start] != 0 {
            continue;
        }
        let label = u32::try_from(sizes.len() + 1).map_err(|_| EvalError::TooManyRegions { limit: u32::MAX })?;
        labels[start] = label;
        open.push(start);
        let mut size = 0;
        while let Some(pixel) = open.pop() {
            size += 1;
            let (row, column) = (pixel / width_px, pixel % width_px);
            for next_row in row.saturating_sub(1)..(row + 2).min(height_px) {
                for next_column in column.saturating_sub(1)..(column + 2).min(width_px) {
                    let next = next_row * width_px + next_column;
                    if mask[next] && labels[next] == 0 {
                        labels[next] = label;
                        open.push(next);
                    }
                }
            }
        }
        sizes.push(size);
    }
    Ok(Components { labels, sizes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::twin;
    use proptest::prelude::*;

    fn mask(rows: &[&str]) -> (Vec<bool>, usize, usize) {
        let pixels = rows.concat().bytes().map(|byte| byte == b'#').collect();
        (pixels, rows.len(), rows[0].len())
    }

    #[test]
    fn diagonal_neighbours_are_one_region() {
        let (pixels, height, width) = mask(&["#..#", ".#..", "...#"]);
        let found = connected_components(&pixels, height, width).unwrap();
        assert_eq!(found.sizes, [2, 1, 1]);
        assert_eq!(found.labels, [1, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0, 3]);
    }

    #[test]
    fn rows_do_not_wrap_around() {
        let (pixels, height, width) = mask(&["..#", "...", "#.."]);
        let found = connected_components(&pixels, height, width).unwrap();
        assert_eq!(found.sizes, [1, 1]);
        let (pixels, height, width) = mask(&["...#", "#..."]);
        let found = connected_components(&pixels, height, width).unwrap();
        assert_eq!(found.sizes, [1, 1]);
    }

    #[test]
    fn empty_and_single_pixel_masks_work() {
        assert!(connected_components(&[], 0, 0).unwrap().sizes.is_empty());
        assert!(connected_components(&[], 3, 0).unwrap().sizes.is_empty());
        assert_eq!(connected_components(&[true], 1, 1).unwrap().sizes, [1]);
    }

    #[test]
    fn rejects_a_mask_of_another_size() {
        let found = connected_components(&[true; 5], 2, 3);
        assert!(matches!(found, Err(EvalError::PixelCount { found: 5, .. })));
        assert!(connected_components(&[], usize::MAX, 2).is_err());
    }

    proptest! {
        #[test]
        fn regions_agree_with_label_propagation(
            width in 1usize..9,
            pixels in prop::collection::vec(any::<bool>(), 0..60),
        ) {
            let height = pixels.len() / width;
            let pixels = &pixels[..height * width];
            let fast = connected_components(pixels, height, width).unwrap();
            prop_assert_eq!(&fast.labels, &twin::components(pixels, width));
            for (index, &size) in fast.sizes.iter().enumerate() {
                let counted = fast.labels.iter().filter(|&&label| label as usize == index + 1).count();
                prop_assert_eq!(counted, size);
            }
        }
    }
}
