//! What is wrong with a checkpoint.

use crate::model::weights::WeightsError;

/// Name in messages.
pub(super) const FORMAT: &str = "PyTorch";

pub(super) fn bad(reason: &str) -> WeightsError {
    WeightsError::malformed(FORMAT, reason)
}
