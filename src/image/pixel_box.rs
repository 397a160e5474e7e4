//! Rectangles of pixels.

/// A rectangle of pixels, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelBox {
    /// First row.
    pub top_px: usize,
    /// First column.
    pub left_px: usize,
    /// Rows.
    pub height_px: usize,
    /// Columns.
    pub width_px: usize,
}

impl PixelBox {
    /// The box with `n` times its own height and width added on every side, within an image of `size` (height, width).
    #[must_use]
    pub fn grown(self, n: usize, size: (usize, usize)) -> Self {
        let grow = |start: usize, length: usize, limit: usize| {
            let first = start.saturating_sub(n * length);
            (first, (start + length + n * length).min(limit).max(first + 1) - first)
        };
        let (top_px, height_px) = grow(self.top_px, self.height_px, size.0);
        let (left_px, width_px) = grow(self.left_px, self.width_px, size.1);
        Self { top_px, left_px, height_px, width_px }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growing_stops_at_the_border() {
        let small = PixelBox { top_px: 4, left_px: 0, height_px: 2, width_px: 3 };
        let grown = PixelBox { top_px: 2, left_px: 0, height_px: 5, width_px: 6 };
        assert_eq!(small.grown(1, (7, 99)), grown);
    }
}
