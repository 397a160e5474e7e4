//! The result of an image.

use super::MarkWord;
use serde::{Deserialize, Serialize};
use std::time::SystemTime;
use utoipa::ToSchema;

/// The name and version of this form.
pub const SCHEMA: &str = "pcore.result.v1";

/// What the numbers of a result are counted in.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct FoundUnits {
    /// Of `raw_score`.
    pub raw_score: &'static str,
    /// Of `score` and `threshold`.
    pub score: &'static str,
    /// Of regions, width and height.
    pub regions: &'static str,
    /// Of `ms`.
    pub ms: &'static str,
}

impl FoundUnits {
    /// Those of every result.
    pub const ALL: Self = Self {
        raw_score: "distance in feature space",
        score: "standard deviations above the mean of held-out normal images",
        regions: "pixels of the image",
        ms: "milliseconds",
    };
}

/// A result: what `pcore infer` writes of the same image, with where it came from.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FoundRecord {
    /// Name and version of this form.
    pub schema: &'static str,
    /// Its number.
    pub id: i64,
    /// The job it belongs to.
    pub job: Option<i64>,
    /// The line it came over.
    pub line: Option<i64>,
    /// What the image is called.
    pub name: String,
    /// When it was inspected, RFC 3339, UTC.
    pub at: String,
    /// When it was accepted, RFC 3339, UTC.
    pub accepted_at: String,
    /// The detector.
    pub detector: String,
    /// SHA-256 of its bundle.
    pub bundle: String,
    /// `normal` or `anomalous`; `null` where the image could not be inspected.
    pub verdict: Option<String>,
    /// As measured.
    pub raw_score: Option<f32>,
    /// Calibrated: compared with the threshold.
    pub score: Option<f32>,
    /// Scores above it are anomalous.
    pub threshold: Option<f32>,
    /// How often a normal image scores so high or higher.
    pub p_value: Option<f64>,
    /// The condition it was told to be in.
    pub condition: Option<String>,
    /// Where the map exceeds the pixel threshold, the largest peak first.
    #[schema(value_type = Vec<Object>)]
    pub regions: serde_json::Value,
    /// Columns.
    pub width: Option<i64>,
    /// Rows.
    pub height: Option<i64>,
    /// Time spent on it.
    pub ms: Option<f64>,
    /// Why it could not be inspected.
    pub error: Option<String>,
    /// What people say of it.
    pub feedback: Option<FeedbackRecord>,
    /// What the numbers are counted in.
    pub units: FoundUnits,
}

impl FoundRecord {
    /// When the image was inspected.
    pub(in crate::serve) fn time(&self) -> SystemTime {
        humantime::parse_rfc3339(&self.at).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

/// What somebody said of a result.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FeedbackRecord {
    /// What.
    pub mark: MarkWord,
    /// Where the defect is, `[left, top, width, height]` in pixels.
    #[serde(default)]
    pub r#box: Option<[i64; 4]>,
    /// In their words.
    #[serde(default)]
    pub note: Option<String>,
    /// When, RFC 3339, UTC.
    #[serde(default, skip_deserializing)]
    pub at: String,
    /// Who.
    #[serde(default, skip_deserializing)]
    pub by: String,
}

/// Results.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FoundPage {
    /// The results.
    pub results: Vec<FoundRecord>,
    /// `after` of the next page; `null` at the end.
    pub next: Option<String>,
    /// How many there are in all.
    pub total: i64,
}
