//! The two JSON files as they are written.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::StationError;

/// `threshold.json`.
#[derive(Deserialize, Serialize)]
pub(super) struct ThresholdJson {
    pub(super) value: f64,
    pub(super) metric: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) q: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ntotal: Option<u64>,
    #[serde(flatten)]
    pub(super) other: BTreeMap<String, Value>,
}

/// `meta.json`.
#[derive(Deserialize, Serialize)]
pub(super) struct MetaJson {
    pub(super) input_size: u32,
    pub(super) mean: [f64; 3],
    pub(super) std: [f64; 3],
    pub(super) grid: [u32; 2],
    pub(super) metric: String,
    pub(super) backbone: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) layers: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data_name: Option<String>,
    #[serde(flatten)]
    pub(super) other: BTreeMap<String, Value>,
}

/// A byte order mark in front, which .NET likes to write, is passed over.
pub(super) fn parse<T: DeserializeOwned>(file: &'static str, text: &str) -> Result<T, StationError> {
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|source| StationError::Json { file, source })
}
