//! A line.

use super::{FoundRecord, LineState};
use serde::Serialize;
use utoipa::ToSchema;

/// A line: where images come from, what inspects them, and where results go.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LineRecord {
    /// Its number.
    pub id: i64,
    /// What people call it.
    pub name: String,
    /// The detector.
    pub detector: String,
    /// Whether it takes images.
    pub state: LineState,
    /// Where images come from.
    #[schema(value_type = Object)]
    pub source: serde_json::Value,
    /// Where results go; secrets are left out.
    #[schema(value_type = Vec<Object>)]
    pub sinks: serde_json::Value,
    /// What is done with images that come too fast: `block`, `drop_oldest`, `spill`.
    pub policy: String,
    /// Images that wait at most, but for `spill`.
    pub capacity: i64,
    /// Images with a result.
    pub n_inspected: i64,
    /// Anomalous ones.
    pub n_anomalous: i64,
    /// Images that could not be inspected.
    pub n_failed: i64,
    /// Images that were dropped, since they came too fast.
    pub n_dropped: i64,
    /// Images that wait.
    pub n_pending: i64,
    /// Results of the last minute.
    pub per_minute: i64,
    /// 95 of 100 of the last 200 images took less, from being accepted to their result; in milliseconds.
    pub p95_ms: Option<f64>,
    /// The last results, the newest first.
    pub last: Vec<FoundRecord>,
    /// Whether images still come from where those of the fit came from.
    pub drift: DriftRecord,
    /// Why it can't go on, or what a sink says.
    pub error: Option<String>,
}

/// Whether p-values of a line are still evenly spread.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct DriftRecord {
    /// `steady`, `drifting`, or `unknown` before there are any.
    pub state: String,
    /// How unlikely the last images are, were nothing changed, over the whole run; at most 1.
    pub p: Option<f64>,
}
