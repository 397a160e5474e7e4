//! What a device said as it failed, as an error.

use super::ModelError;

/// The error for what a device said, with what helps most often.
pub(super) fn failed(said: &str) -> ModelError {
    let said = one_line(said);
    ModelError::Device {
        reason: format!(
            "{said} (too little memory is a common cause: try a smaller `Pace::batch` or `PipelineSpec::preprocessing`)"
        ),
    }
}

/// What a device said over many lines, without the frame around it.
pub(super) fn one_line(said: &str) -> String {
    let frame = ["", "Caused by:", "Asked at:", "No backtrace available"];
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !frame.contains(line)).collect();
    if lines.is_empty() { "it gave no reason".to_owned() } else { lines.join(": ") }
}
