//! Bounds of pixels and of sides.

/// Largest absolute value of a pixel, in units of full scale: room for counts of 32 bits stored as floats, and far enough
/// from the end of 32-bit floats that features, squared distances and scores of the built-in network stay finite on every
/// instruction set.
pub const MAX_VALUE: f32 = 1e10;

/// Rows, columns and short side that a preprocessing may ask for.
pub const MAX_INPUT_PX: usize = 8192;
