//! What can be wrong with the input of an evaluation.

use thiserror::Error;

/// Why maps and masks, or scores, can't be evaluated.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum EvalError {
    /// A map or mask does not hold the number of pixels its size says.
    #[error(
        "{what} {index} holds {found} pixels, its map is {height_px} x {width_px}: resize the mask to the map first"
    )]
    PixelCount {
        /// `map` or `mask`.
        what: &'static str,
        /// Position in the list given.
        index: usize,
        /// Rows of the map.
        height_px: usize,
        /// Columns of the map.
        width_px: usize,
        /// Pixels found.
        found: usize,
    },
    /// A score is not a number and has no place in a ranking.
    #[error("{what} {index} contains a NaN score: look at the image behind it, or leave it out")]
    NanScore {
        /// `image` or `map`.
        what: &'static str,
        /// Position in the list given.
        index: usize,
    },
    /// More regions than the ranking can number.
    #[error("the masks hold more than {limit} regions: evaluate them in parts")]
    TooManyRegions {
        /// The largest count supported.
        limit: u32,
    },
    /// The limit of the false positive rate is outside `(0, 1]`.
    #[error("the false positive rate limit is {found}, expected above 0 and at most 1")]
    FprLimit {
        /// The value given.
        found: f64,
    },
}
