//! Results by day.

use serde::Serialize;
use utoipa::ToSchema;

/// What a day brought.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TrendDay {
    /// `2026-11-28`, UTC.
    pub day: String,
    /// Images with a result.
    pub n: i64,
    /// Anomalous ones.
    pub n_anomalous: i64,
    /// Images that could not be inspected.
    pub n_failed: i64,
    /// Marked as false alarms.
    pub n_false_alarm: i64,
    /// Median of calibrated scores.
    pub median_score: Option<f64>,
    /// Their 95th percentile.
    pub p95_score: Option<f64>,
}
