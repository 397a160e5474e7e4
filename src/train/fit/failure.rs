//! What a fit leaves out.

/// A training image that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// Its name in the listing.
    pub name: String,
    /// Why.
    pub reason: String,
}
