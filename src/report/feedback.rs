//! What people say of results.

use super::{ReportError, ResultRow, json_text};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What somebody says of an image's verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Mark {
    /// It was called anomalous and is normal.
    FalseAlarm,
    /// It was called normal and is defective.
    Missed,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FalseAlarm => "false alarm",
            Self::Missed => "missed",
        })
    }
}

/// One image that was marked, and what had been said of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeedbackRow {
    /// As in the results.
    pub path: String,
    /// What it is.
    pub mark: Mark,
    /// When it was marked, as RFC 3339 in UTC.
    pub at: String,
    /// Its raw score.
    pub raw_score: Option<f32>,
    /// Its p-value.
    pub p_value: Option<f64>,
    /// Its condition.
    pub condition: Option<String>,
}

/// The marks of a folder of results.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    /// In the order of marking.
    pub marks: Vec<FeedbackRow>,
}

impl Feedback {
    /// Reads `feedback.json`.
    ///
    /// # Errors
    /// [`ReportError::Json`].
    pub fn read(text: &str) -> Result<Self, ReportError> {
        Ok(serde_json::from_str(text)?)
    }

    /// What [`Self::read`] reads.
    ///
    /// # Errors
    /// [`ReportError::Json`].
    pub fn text(&self) -> Result<String, ReportError> {
        json_text(self)
    }

    /// Marks an image, in place of what was said of it before.
    pub fn mark(&mut self, row: &ResultRow, mark: Mark, at: &str) {
        self.clear(&row.path);
        self.marks.push(FeedbackRow {
            path: row.path.clone(),
            mark,
            at: at.to_owned(),
            raw_score: row.raw_score,
            p_value: row.p_value,
            condition: row.condition.clone(),
        });
    }

    /// Takes back what was said of an image; whether there was something.
    pub fn clear(&mut self, path: &str) -> bool {
        let n_before = self.marks.len();
        self.marks.retain(|row| row.path != path);
        self.marks.len() < n_before
    }
}
