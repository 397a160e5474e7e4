//! What the settings of a detector may be: one set of limits for the command line, for what is written and for what is read.
//!
//! Sizes of the network's input are limited by [`MAX_INPUT_PX`](crate::image::MAX_INPUT_PX), contexts by
//! [`MAX_CONTEXT_RADIUS`](crate::bank::MAX_CONTEXT_RADIUS) and [`MAX_CONTEXT_PARTS`](crate::bank::MAX_CONTEXT_PARTS), the
//! neighbours of an image score by [`MAX_REWEIGHT_NEIGHBOURS`](crate::score::MAX_REWEIGHT_NEIGHBOURS).

use std::ops::RangeInclusive;

/// Largest side of the square of patches averaged into one descriptor; odd numbers up to it are allowed.
pub const MAX_NEIGHBOURHOOD: usize = 31;

/// Most neighbours that a map, or the local density, may average over.
pub const MAX_MAP_NEIGHBOURS: usize = 100;

/// Largest standard deviation of the Gaussian that smooths the map, pixels.
pub const MAX_MAP_SIGMA_PX: f32 = 100.0;

/// What may be subtracted from a channel, in units of full scale: a mean in units of 0..255 is refused.
pub const MEANS: RangeInclusive<f32> = -10.0..=10.0;

/// What a channel may be divided by, in units of full scale.
pub const DEVIATIONS: RangeInclusive<f32> = 1e-6..=10.0;

/// Largest size of a number among descriptors and the points of a gate: squares of differences stay far from the end of
/// `f32`.
pub const MAX_MAGNITUDE: f32 = 1e15;

/// Largest size of a score or threshold.
pub const MAX_SCORE: f32 = 1e20;

/// Smallest standard deviation of scores other than 0: a score divided by it stays a number.
pub const LEAST_SCORE_DEVIATION: f32 = 1e-18;

/// Most layers of a network, policies, and entries of other short lists.
pub const MAX_ENTRIES: usize = 64;

/// Most characters of a name.
pub const MAX_NAME_CHARS: usize = 1000;

/// Most turned copies of a training image.
pub const MAX_COPIES: usize = 360;

/// Stands for an index that is not known, such as the image of a row that was imported from another program.
pub const UNKNOWN: u32 = u32::MAX;
