//! The anomaly map: one score per pixel.

/// Anomaly scores on a pixel grid, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct AnomalyMap {
    /// `[height_px * width_px]`, row-major, unclamped distances.
    pub values: Vec<f32>,
    /// Rows.
    pub height_px: usize,
    /// Columns.
    pub width_px: usize,
}
