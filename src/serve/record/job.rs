//! A job.

use super::{JobKind, JobState};
use serde::Serialize;
use utoipa::ToSchema;

/// A job, and how far it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct JobRecord {
    /// Its number.
    pub id: i64,
    /// What it does.
    pub kind: JobKind,
    /// How far it is.
    pub state: JobState,
    /// The detector it uses or makes.
    pub detector: String,
    /// What people call it.
    pub title: String,
    /// Images, or steps of the present stage.
    pub n_total: i64,
    /// Of these, done.
    pub n_done: i64,
    /// Images that could not be inspected or read.
    pub n_failed: i64,
    /// Anomalous images.
    pub n_anomalous: i64,
    /// The present stage, in words; `null` where there is one only.
    pub stage: Option<String>,
    /// Seconds that are left, as far as that can be said.
    pub eta_s: Option<f64>,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// RFC 3339, UTC.
    pub started_at: Option<String>,
    /// RFC 3339, UTC.
    pub ended_at: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// What it has to say at its end: figures of a fit, of an update, of a comparison.
    pub report: Option<serde_json::Value>,
    /// Who asked for it.
    pub by: String,
}

/// Jobs, the newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<JobRecord>,
    /// `before` of the next page; `null` at the end.
    pub next: Option<i64>,
}
