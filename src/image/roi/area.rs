//! Parts of an image of any size.

use crate::image::Mask;

/// A part of an image, in shares of its height and width, so that it is the same part of an image of any size.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RoiArea {
    /// An upright rectangle: left, top, width, height.
    Rectangle([f64; 4]),
    /// The corners `[x, y]` of a polygon, at least three; where it crosses itself, what an odd number of its edges surrounds.
    Polygon(Vec<[f64; 2]>),
    /// What a mask marks, scaled to the image.
    Mask(Mask),
}

impl RoiArea {
    /// Most changes between black and white of a mask, row by row.
    pub const MAX_CHANGES: usize = 1 << 20;

    /// Whether a point, in shares of the image, 0 to 1, lies in it. Left and upper edges do, the others do not.
    #[must_use]
    pub fn contains(&self, y: f64, x: f64) -> bool {
        match self {
            Self::Rectangle([left, top, width, height]) => {
                (*left..left + width).contains(&x) && (*top..top + height).contains(&y)
            }
            Self::Polygon(corners) => {
                let edges = corners.iter().zip(corners.iter().cycle().skip(1));
                let crossed = edges
                    .filter(|([ax, ay], [bx, by])| (*ay > y) != (*by > y) && x < ax + (y - ay) / (by - ay) * (bx - ax));
                crossed.count() % 2 == 1
            }
            Self::Mask(mask) => {
                let at = |share: f64, n: usize| ((share * n as f64) as usize).min(n.saturating_sub(1));
                mask.values.get(at(y, mask.height_px) * mask.width_px + at(x, mask.width_px)).copied().unwrap_or(false)
            }
        }
    }
}

/// Which part of every image is looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Roi {
    /// What lies in none of these is not looked at; without any, all of the image is.
    pub inside: Vec<RoiArea>,
    /// Nor is what lies in one of these.
    pub ignored: Vec<RoiArea>,
}

impl Roi {
    /// Whether a point, in shares of the image, is looked at. One that is not of the image (0 to 1) is not.
    #[must_use]
    pub fn contains(&self, y: f64, x: f64) -> bool {
        let is_in = |area: &RoiArea| area.contains(y, x);
        let is_of_image = (0.0..1.0).contains(&y) && (0.0..1.0).contains(&x);
        is_of_image && (self.inside.is_empty() || self.inside.iter().any(is_in)) && !self.ignored.iter().any(is_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_lie_in_shapes_by_their_left_and_upper_edges() {
        let rectangle = RoiArea::Rectangle([0.25, 0.5, 0.5, 0.25]);
        let cases = [((0.5, 0.25), true), ((0.74, 0.74), true), ((0.75, 0.5), false), ((0.5, 0.75), false)];
        for ((y, x), expected) in cases {
            assert_eq!(rectangle.contains(y, x), expected, "{y} {x}");
        }
        let triangle = RoiArea::Polygon(vec![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]);
        assert!(triangle.contains(0.3, 0.3) && !triangle.contains(0.6, 0.6) && !triangle.contains(1.1, -0.1));
        let mask = Mask { values: vec![true, false, false, true], height_px: 2, width_px: 2 };
        let mask = RoiArea::Mask(mask);
        assert!(mask.contains(0.1, 0.1) && mask.contains(0.9, 0.9) && !mask.contains(0.1, 0.9));
    }

    #[test]
    fn areas_are_joined_and_ignored_ones_taken_away() {
        let (left, right) = (RoiArea::Rectangle([0.0, 0.0, 0.3, 1.0]), RoiArea::Rectangle([0.7, 0.0, 0.3, 1.0]));
        let roi = Roi { inside: vec![left, right], ignored: vec![RoiArea::Rectangle([0.0, 0.0, 1.0, 0.5])] };
        assert!(roi.contains(0.6, 0.1) && roi.contains(0.6, 0.9));
        assert!(!roi.contains(0.6, 0.5) && !roi.contains(0.4, 0.1));
        let all = Roi::default();
        assert!(all.contains(0.0, 0.0) && !all.contains(-0.1, 0.5) && !all.contains(0.5, 1.0));
    }
}
