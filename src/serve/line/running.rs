//! The threads of lines.

use crate::serve::ServeOptions;
use crate::serve::record::{DriftRecord, LineState};
use crate::serve::store::LineSettings;
use crate::serve::work::Station;
use serde_json::Value;
use std::sync::Arc;

/// The lines of a server.
pub(in crate::serve) struct Lines {
    station: Arc<Station>,
}

impl Lines {
    pub(in crate::serve) fn new(station: Arc<Station>) -> Self {
        Self { station }
    }

    pub(in crate::serve) fn apply(&self, _id: i64) {
        let _ = &self.station;
    }

    pub(in crate::serve) fn stop(&self, _id: i64) {}

    pub(in crate::serve) fn stop_all(&self) {}

    pub(in crate::serve) fn state(&self, _id: i64, running: bool) -> (LineState, Option<String>) {
        (if running { LineState::Running } else { LineState::Stopped }, None)
    }

    pub(in crate::serve) fn drift(&self, _id: i64) -> DriftRecord {
        DriftRecord { state: "unknown".to_owned(), p: None }
    }
}

pub(in crate::serve) fn check(_settings: &LineSettings, _options: &ServeOptions) -> Result<(), String> {
    Ok(())
}

pub(in crate::serve) fn redacted(sinks: &str) -> Value {
    serde_json::from_str(sinks).unwrap_or(Value::Null)
}
