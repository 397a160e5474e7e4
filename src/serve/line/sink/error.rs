//! Why a result was not delivered.

/// Why a result was not delivered.
#[derive(Debug, thiserror::Error)]
pub(super) enum SinkError {
    /// It may be delivered later.
    #[error("{0}")]
    Later(String),
    /// It never will be.
    #[error("{0}")]
    Never(String),
}
