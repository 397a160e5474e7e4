//! The best distances known.

/// The best distances known of all rows.
pub(super) struct Bounds {
    /// Smallest squared distance to the first `applied` centres.
    pub(super) square: Vec<f32>,
    pub(super) applied: Vec<u32>,
}
