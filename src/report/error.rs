//! What can go wrong while a report is made.

use thiserror::Error;

/// Why a picture, table or page could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// Pixel data does not have the size it claims.
    #[error("{what} holds {found} values, expected {expected} for {height_px} x {width_px} pixels")]
    Size {
        /// What was given.
        what: &'static str,
        /// Rows claimed.
        height_px: usize,
        /// Columns claimed.
        width_px: usize,
        /// Values that size needs.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// A picture without pixels, or with more than a picture may have.
    #[error("{what} is {height_px} x {width_px} pixels, expected 1 to {limit} on each side")]
    Extent {
        /// What was given.
        what: &'static str,
        /// Rows.
        height_px: usize,
        /// Columns.
        width_px: usize,
        /// Longest side allowed.
        limit: usize,
    },
    /// The ends of a colour scale are not two finite numbers, low below high.
    #[error("the colour scale runs from {low} to {high}, expected finite numbers, the first below the second")]
    Scale {
        /// Lower end.
        low: f32,
        /// Upper end.
        high: f32,
    },
    /// The encoding of a picture failed.
    #[error("the picture could not be encoded: {0}")]
    Encoding(#[from] image::ImageError),
    /// A row could not be written to `results.csv`.
    #[error("a row of results.csv could not be written: {0}")]
    Csv(#[from] csv::Error),
    /// Something has no form in JSON, or its output refused.
    #[error("JSON could not be written: {0}")]
    Json(#[from] serde_json::Error),
    /// A line of `results.jsonl` is no row.
    #[error("line {line} of results.jsonl is no row: {source}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// A table has no form in Parquet.
    #[error("Parquet could not be written or read: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// A file could not be written.
    #[error("the results could not be written: {0}")]
    Io(#[from] std::io::Error),
}
