//! JSON that people can read too.

use super::ReportError;
use serde::Serialize;

/// A value as indented JSON that ends in a line end.
///
/// # Errors
/// [`ReportError::Json`] for what has no form in JSON.
pub fn json_text(value: &impl Serialize) -> Result<String, ReportError> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}
