//! Weights that are published somewhere.

/// One set of weights and where its publisher offers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestEntry {
    /// Network, with a tag after a dot where there are several sets of weights.
    pub name: String,
    /// HTTPS address of the file.
    pub url: String,
    /// Lower-case hexadecimal SHA-256 of the file, or its first digits; empty where nothing is known.
    pub sha256: String,
    /// Licence of the weights.
    pub licence: String,
    /// The publisher's own name for them.
    pub origin: String,
}

impl ManifestEntry {
    /// What is known of the file's hash, in brackets after a space; empty where nothing is.
    #[must_use]
    pub fn hash_note(&self) -> String {
        match self.sha256.len() {
            0 => String::new(),
            64 => format!(" (sha256 {})", self.sha256),
            _ => format!(" (its sha256 begins with {})", self.sha256),
        }
    }
}
