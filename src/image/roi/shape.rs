//! Parts of an image as people name them.

use super::{RoiArea, RoiError};
use crate::image::{Limits, read_mask};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A length along a side of the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// Pixels.
    Px(f64),
    /// Percent of the side.
    Percent(f64),
}

/// A part of an image as it is named: in pixels of one image, the first of a fit, or in percent of any.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RoiShape {
    /// Left, top, width, height.
    Rectangle([Length; 4]),
    /// The corners `[x, y]` of a polygon, at least three.
    Polygon(Vec<[Length; 2]>),
    /// A mask image of the image's proportions; what is white in it counts, as [`read_mask`](crate::image::read_mask()) says.
    Mask(PathBuf),
    /// A part that is known in shares already.
    Area(RoiArea),
}

/// Shares are kept in so many parts, so that their decimals are read back as they are.
const PARTS: f64 = 1e12;

impl Length {
    fn share(self, side: usize) -> f64 {
        let share = match self {
            Self::Px(px) => px / side.max(1) as f64,
            Self::Percent(percent) => percent / 100.0,
        };
        (share * PARTS).round() / PARTS
    }
}

impl RoiShape {
    /// The part of an image of `size` (rows, columns).
    ///
    /// # Errors
    /// [`RoiError`] for one that is empty or not within the image, and for a mask that can't be read or is of another shape.
    pub fn area(&self, size: (usize, usize)) -> Result<RoiArea, RoiError> {
        let beyond = || RoiError::Beyond { text: self.to_string(), size };
        let is_share = |share: f64| (0.0..=1.0).contains(&share);
        match self {
            Self::Rectangle([left, top, width, height]) => {
                let [left, width] = [left, width].map(|length| length.share(size.1));
                let [top, height] = [top, height].map(|length| length.share(size.0));
                if !(width > 0.0 && height > 0.0) {
                    return Err(RoiError::NoArea { text: self.to_string() });
                }
                let ends = [left + width, top + height].map(|end| end - 1.0 / PARTS);
                if [left, top].into_iter().chain(ends).all(is_share) {
                    Ok(RoiArea::Rectangle([left, top, width, height]))
                } else {
                    Err(beyond())
                }
            }
            Self::Polygon(corners) => {
                let corners: Vec<[f64; 2]> = corners.iter().map(|[x, y]| [x.share(size.1), y.share(size.0)]).collect();
                match corners.iter().flatten().all(|share| is_share(*share)) {
                    true if corners.len() < 3 => Err(RoiError::Form { text: self.to_string() }),
                    true => Ok(RoiArea::Polygon(corners)),
                    false => Err(beyond()),
                }
            }
            Self::Mask(path) => {
                let file = || path.display().to_string();
                let mask = read_mask(path, &Limits::default())?;
                mask.fits_frame(size.0, size.1).map_err(|error| error.in_file(path))?;
                if !mask.values.contains(&true) {
                    return Err(RoiError::Black { file: file() });
                }
                let limit = RoiArea::MAX_CHANGES;
                match mask.values.windows(2).filter(|pair| pair[0] != pair[1]).count() {
                    found if found > limit => Err(RoiError::Ragged { file: file(), found, limit }),
                    _ => Ok(RoiArea::Mask(mask)),
                }
            }
            Self::Area(area) => Ok(area.clone()),
        }
    }
}

impl FromStr for Length {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (number, of): (&str, fn(f64) -> Self) = match text.trim().strip_suffix('%') {
            Some(percent) => (percent, Self::Percent),
            None => (text.trim(), Self::Px),
        };
        number.trim().parse::<f64>().ok().filter(|number| number.is_finite()).map(of).ok_or(())
    }
}

impl FromStr for RoiShape {
    type Err = RoiError;

    fn from_str(text: &str) -> Result<Self, RoiError> {
        let bad = || RoiError::Form { text: text.to_owned() };
        if text.trim().is_empty() {
            return Err(bad());
        }
        if text.contains(|c: char| !(c.is_ascii_digit() || ",.%+-; ".contains(c))) {
            return Ok(Self::Mask(PathBuf::from(text)));
        }
        let lengths = |text: &str| text.split(',').map(str::parse).collect::<Result<Vec<Length>, ()>>();
        let points: Vec<&str> = text.split([';', ' ']).filter(|point| !point.is_empty()).collect();
        let points: Vec<Vec<Length>> = points.into_iter().map(lengths).collect::<Result<_, _>>().map_err(|()| bad())?;
        if let [rectangle] = &points[..] {
            let [left, top, width, height] = rectangle[..] else { return Err(bad()) };
            return Ok(Self::Rectangle([left, top, width, height]));
        }
        let corner = |point: &Vec<Length>| <[Length; 2]>::try_from(&point[..]).map_err(|_| bad());
        let corners: Vec<[Length; 2]> = points.iter().map(corner).collect::<Result<_, _>>()?;
        if corners.len() < 3 { Err(bad()) } else { Ok(Self::Polygon(corners)) }
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Px(px) => write!(f, "{px}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl fmt::Display for RoiShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |lengths: &[Length]| lengths.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        match self {
            Self::Rectangle(lengths) => f.write_str(&joined(lengths)),
            Self::Polygon(corners) => {
                f.write_str(&corners.iter().map(|corner| joined(corner)).collect::<Vec<_>>().join(" "))
            }
            Self::Mask(path) => write!(f, "{}", path.display()),
            Self::Area(_) => f.write_str("a part in shares"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::write_png_grey8;

    fn area(text: &str, size: (usize, usize)) -> Result<RoiArea, RoiError> {
        text.parse::<RoiShape>()?.area(size)
    }

    #[test]
    fn shapes_are_read_in_pixels_and_percent() {
        let half = RoiArea::Rectangle([0.25, 0.5, 0.5, 0.5]);
        for text in ["50,50,100,50", "25%,50%,50%,50%", "25%,50,50%,50", " 50, 50,100,50".trim()] {
            let text = text.replace(", ", ",");
            assert_eq!(area(&text, (100, 200)).unwrap(), half, "{text}");
        }
        let corners = RoiArea::Polygon(vec![[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]]);
        for text in ["0,0 200,0 100,100", "0,0;200,0;50%,100%"] {
            assert_eq!(area(text, (100, 200)).unwrap(), corners, "{text}");
            assert_eq!(
                text.parse::<RoiShape>().unwrap().to_string().parse::<RoiShape>().unwrap().to_string(),
                text.replace(';', " ")
            );
        }
        // Sides that are no whole number of percent end where the image does.
        assert!(area("0,0,7,3", (3, 7)).is_ok() && area("1,0,6,3", (3, 7)).is_ok());
    }

    #[test]
    fn what_is_no_part_of_an_image_is_refused_in_words() {
        let refused = [
            ("", "expected a rectangle"),
            ("1,2,3", "expected a rectangle"),
            ("1,2,3,4,5", "expected a rectangle"),
            ("0,0 5,5", "at least three points"),
            ("0,0 5,5 1,2,3", "at least three points"),
            ("1,,2,3", "expected a rectangle"),
            ("0,0,0,5", "has no area"),
            ("0,0,-3,5", "has no area"),
            ("150,0,51,10", "beyond the image, which has 200 x 100 pixels"),
            ("0%,0%,101%,10%", "beyond the image"),
            ("-1,0,20,10", "beyond the image"),
            ("0,0 201,0 5,5", "beyond the image"),
            ("no/such/mask.png", "no/such/mask.png"),
        ];
        for (text, words) in refused {
            let error = area(text, (100, 200)).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn a_mask_says_what_is_white_and_has_the_proportions_of_the_image() {
        let folder = tempfile::TempDir::new().unwrap();
        let mask = |name: &str, white: usize| {
            let path = folder.path().join(name);
            let bytes: Vec<u8> = (0..20 * 40).map(|i| if i < white { 255 } else { 0 }).collect();
            write_png_grey8(&path, &bytes, 20, 40).unwrap();
            RoiShape::Mask(path)
        };
        let upper = mask("upper.png", 400).area((200, 400)).unwrap();
        assert!(upper.contains(0.49, 0.9) && !upper.contains(0.51, 0.1));
        let error = mask("black.png", 0).area((200, 400)).unwrap_err().to_string();
        assert!(error.contains("black.png marks no pixel"), "{error}");
        assert!(mask("wide.png", 9).area((300, 300)).is_err());
    }
}
