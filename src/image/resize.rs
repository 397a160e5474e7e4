//! Ways to bring an image of any shape to the network's.

use std::fmt;
use std::str::FromStr;

use super::ImageError;
use super::bounds::MAX_INPUT_PX;

/// Short side of `shortest-crop` when none is given: 256, the usual step before a 224 crop.
pub const SHORTEST_PX: usize = 256;

/// How an image of any shape fills the network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resize {
    /// Both axes to the target, aspect ignored, antialiased bilinear.
    StretchBilinear,
    /// Both axes to the target, aspect ignored, nearest source pixel.
    StretchNearest,
    /// As large as fits with the aspect kept, centred, the rest filled with the mean colour.
    FitPad,
    /// Short side to `shortest_px` with the aspect kept, then the target cut from the centre. Where
    /// the resized image is smaller than the target, the rest is filled with the mean colour.
    ShortestCrop {
        /// Length of the short side before the cut.
        shortest_px: usize,
    },
}

impl Resize {
    /// The name without the short side: `stretch-bilinear`, `stretch-nearest`, `fit-pad` or
    /// `shortest-crop`. `Display` adds the short side, and `FromStr` reads both forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Resize::StretchBilinear => "stretch-bilinear",
            Resize::StretchNearest => "stretch-nearest",
            Resize::FitPad => "fit-pad",
            Resize::ShortestCrop { .. } => "shortest-crop",
        }
    }
}

impl fmt::Display for Resize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resize::StretchBilinear | Resize::StretchNearest | Resize::FitPad => f.write_str(self.as_str()),
            Resize::ShortestCrop { shortest_px } => write!(f, "{}:{shortest_px}", self.as_str()),
        }
    }
}

impl FromStr for Resize {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        let shortest = |shortest_px| Resize::ShortestCrop { shortest_px };
        let resize = match text.split_once(':') {
            None => match text {
                "stretch-bilinear" => Some(Resize::StretchBilinear),
                "stretch-nearest" => Some(Resize::StretchNearest),
                "fit-pad" => Some(Resize::FitPad),
                "shortest-crop" => Some(shortest(SHORTEST_PX)),
                _ => None,
            },
            Some(("shortest-crop", pixels)) => {
                pixels.parse().ok().filter(|pixels| (1..=MAX_INPUT_PX).contains(pixels)).map(shortest)
            }
            Some(_) => None,
        };
        resize.ok_or_else(|| ImageError::UnknownResize { found: text.to_owned() })
    }
}

/// `floor((target + 0.5) * n_source / n_target)` without rounding errors.
pub(super) fn nearest_index(target: usize, n_source: usize, n_target: usize) -> usize {
    // u128, so that no size overflows; the quotient is below `n_source` as `target < n_target`.
    let index = (2 * target as u128 + 1) * n_source as u128 / (2 * n_target as u128);
    index as usize
}
