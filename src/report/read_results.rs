//! Results of a run, read back.

use super::{ReportError, ResultRow};
use serde::Deserialize;

/// What `run.json` says of a run; what an older pcore did not write is empty.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct PastRun {
    /// Version of the program.
    pub pcore_version: String,
    /// What was done: `infer`, `eval`.
    pub command: String,
    /// When it began, in UTC.
    pub began: String,
    /// The bundle's file.
    pub bundle: String,
    /// SHA-256 over the training images.
    pub data_fingerprint: String,
    /// Values of maps above it are in regions.
    pub pixel_threshold: Option<f32>,
    /// The kinds of maps that the run wrote.
    pub maps: Vec<String>,
    /// Whether the run came to its end.
    pub complete: bool,
}

impl PastRun {
    /// Reads `run.json`.
    ///
    /// # Errors
    /// [`ReportError::Json`].
    pub fn read(text: &str) -> Result<Self, ReportError> {
        Ok(serde_json::from_str(text)?)
    }
}

impl ResultRow {
    /// Reads `results.jsonl`; a last line without a line end is no row.
    ///
    /// # Errors
    /// [`ReportError::Line`] for a line that is none.
    pub fn read_all(text: &str) -> Result<Vec<Self>, ReportError> {
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let read = |(at, line): (usize, &str)| {
            serde_json::from_str(line).map_err(|source| ReportError::Line { line: at + 1, source })
        };
        whole.lines().enumerate().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_with_and_without_later_keys_and_a_torn_one_is_named() {
        let text = "{\"path\":\"a\",\"score\":1.5,\"verdict\":\"normal\",\"later\":1}\n{\"path\":\"b\"}\n{\"pa";
        let rows = ResultRow::read_all(text).unwrap();
        assert_eq!((rows.len(), rows[0].score, rows[1].score), (2, Some(1.5), None));
        assert!(ResultRow::read_all("").unwrap().is_empty());
        let error = ResultRow::read_all("{\"path\":\"a\"}\n{\"verdict\":\"odd\"}\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("odd"), "{error}");
        assert!(!PastRun::read("{\"command\":\"infer\"}").unwrap().complete);
    }
}
