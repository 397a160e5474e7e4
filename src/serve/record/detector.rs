//! A detector.

use serde::Serialize;
use utoipa::ToSchema;

/// A detector, as its bundle says.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DetectorRecord {
    /// Its short name, for addresses.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// SHA-256 of the bundle in use.
    pub version: String,
    /// The methods, joined by `+`.
    pub method: String,
    /// The network.
    pub backbone: String,
    /// When this version came, RFC 3339, UTC.
    pub fitted_at: String,
    /// Normal images it learned from.
    pub n_images: usize,
    /// Names of its conditions.
    pub conditions: Vec<String>,
    /// False alarms that the threshold allows, 0..1.
    pub alpha: f64,
    /// The threshold of raw scores over all conditions.
    pub threshold: Option<f32>,
    /// Held-out images behind it.
    pub n_held_out: usize,
    /// How the threshold came about.
    pub calibration: String,
    /// Bytes of the bundle.
    pub bytes: u64,
    /// What was done to it, the newest first.
    pub lineage: Vec<LineageStep>,
    /// Whether there is a version before this one.
    pub can_undo: bool,
    /// Versions there are.
    pub n_versions: i64,
    /// Training images that score unlike the others.
    pub suspects: Vec<String>,
    /// Why the bundle can't be used, where it can't.
    pub error: Option<String>,
}

/// A version of a detector.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LineageStep {
    /// What was done.
    pub what: String,
    /// When, RFC 3339, UTC.
    pub at: String,
    /// SHA-256 of the bundle that came of it.
    pub version: String,
}
