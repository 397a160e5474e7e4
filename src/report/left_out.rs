//! What a listing left out, for files and machines.

use crate::dataset::{Listing, Skipped, path_text};
use serde::Serialize;

/// A file or folder that was found and not used.
#[derive(Clone, Debug, Serialize)]
pub struct LeftOut {
    path: String,
    kind: &'static str,
    reason: String,
    is_failure: bool,
}

impl LeftOut {
    /// All of a listing.
    #[must_use]
    pub fn of(listing: &Listing) -> Vec<Self> {
        let of = |Skipped { path, why }: &Skipped| Self {
            path: path_text(path),
            kind: why.kind(),
            reason: why.to_string(),
            is_failure: why.is_failure(),
        };
        listing.skipped.iter().map(of).collect()
    }
}
