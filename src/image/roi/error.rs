//! Why there is no such part of an image.

use crate::image::ImageError;

/// Why a shape says nothing of which part of an image is looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RoiError {
    /// The text is none of the forms.
    #[error(
        "{text}: expected a rectangle LEFT,TOP,WIDTH,HEIGHT in pixels or percent (10%,0%,80%,100%), a polygon of at least three points X,Y X,Y X,Y, or the file of a mask"
    )]
    Form {
        /// What was given.
        text: String,
    },
    /// A rectangle without area.
    #[error("the rectangle {text} has no area")]
    NoArea {
        /// What was given.
        text: String,
    },
    /// A shape that is not within the image.
    #[error("{text} reaches beyond the image, which has {} x {} pixels (width x height)", size.1, size.0)]
    Beyond {
        /// What was given.
        text: String,
        /// Rows and columns of the image.
        size: (usize, usize),
    },
    /// A mask that marks nothing.
    #[error("the mask {file} marks no pixel: what is white in it counts")]
    Black {
        /// The mask.
        file: String,
    },
    /// A mask with more changes between black and white than a bundle keeps.
    #[error(
        "the mask {file} changes between black and white {found} times, row by row; at most {limit} are kept: draw it with even edges, or smaller"
    )]
    Ragged {
        /// The mask.
        file: String,
        /// Its changes.
        found: usize,
        /// The most.
        limit: usize,
    },
    /// The mask can't be read, or is of another shape than the image.
    #[error(transparent)]
    Mask(#[from] ImageError),
}
