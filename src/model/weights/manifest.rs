//! The public sources of known weights.

use toml::{Table, Value};

use super::WeightsError;
use super::published::ManifestEntry;

/// The manifest that comes with pcore.
const BUILT_IN: &str = include_str!("../../../weights/manifest.toml");
/// Largest manifest accepted, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// A list of weights that can be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    entries: Vec<ManifestEntry>,
}

impl Manifest {
    /// The manifest that comes with pcore.
    ///
    /// # Errors
    /// Never in a released version: a test reads it.
    pub fn built_in() -> Result<Self, WeightsError> {
        Self::parse(BUILT_IN)
    }

    /// Reads a manifest in TOML: tables `[[weights]]` with `name`, `url`, `licence`, `origin` and, where known,
    /// `sha256` or `sha256_prefix`.
    ///
    /// # Errors
    /// Where a key is missing, unknown or malformed, or a name comes twice.
    pub fn parse(text: &str) -> Result<Self, WeightsError> {
        if text.len() > MAX_BYTES {
            return Err(WeightsError::TooLarge {
                what: "manifest in bytes",
                limit: MAX_BYTES as u64,
                found: text.len() as u64,
            });
        }
        let table: Table = text.parse().map_err(|error| bad(format!("no TOML: {error}")))?;
        let Some(Value::Array(list)) = table.get("weights") else { return Err(bad("no [[weights]]".to_owned())) };
        let mut entries: Vec<ManifestEntry> = Vec::with_capacity(list.len());
        for (i, value) in list.iter().enumerate() {
            let entry = entry(value).map_err(|reason| bad(format!("entry {}: {reason}", i + 1)))?;
            if entries.iter().any(|other| other.name == entry.name) {
                return Err(bad(format!("\"{}\" comes twice", entry.name)));
            }
            entries.push(entry);
        }
        Ok(Self { entries })
    }

    /// All entries.
    #[must_use]
    pub fn entries(&self) -> &[ManifestEntry] {
        &self.entries
    }

    /// The entry of a name.
    ///
    /// # Errors
    /// Where there is none.
    pub fn entry(&self, name: &str) -> Result<&ManifestEntry, WeightsError> {
        self.entries.iter().find(|entry| entry.name == name).ok_or_else(|| WeightsError::NotInManifest {
            name: name.to_owned(),
            known: self.entries.iter().map(|entry| entry.name.clone()).collect(),
        })
    }
}

fn entry(value: &Value) -> Result<ManifestEntry, String> {
    let table = value.as_table().ok_or("no table")?;
    const KEYS: [&str; 6] = ["name", "url", "sha256", "sha256_prefix", "licence", "origin"];
    if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!("unknown key \"{key}\", expected one of {}", KEYS.join(", ")));
    }
    let text = |key: &str| -> Result<String, String> {
        table
            .get(key)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| format!("\"{key}\" is missing or no string"))
    };
    let sha256 = match (table.contains_key("sha256"), table.contains_key("sha256_prefix")) {
        (true, true) => return Err("both sha256 and sha256_prefix".to_owned()),
        (true, false) => text("sha256")?,
        (false, true) => text("sha256_prefix")?,
        (false, false) => String::new(),
    };
    let is_hex = sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !is_hex || sha256.len() > 64 || (table.contains_key("sha256") && sha256.len() != 64) {
        return Err(format!("\"{sha256}\" is no SHA-256 in lower-case hexadecimal digits"));
    }
    Ok(ManifestEntry {
        name: text("name")?,
        url: text("url")?,
        sha256,
        licence: text("licence")?,
        origin: text("origin")?,
    })
}

fn bad(reason: String) -> WeightsError {
    WeightsError::Manifest { reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zoo;

    #[test]
    fn every_built_in_entry_is_a_known_network_over_https() {
        let manifest = Manifest::built_in().unwrap();
        assert!(manifest.entries().len() >= 17);
        for entry in manifest.entries() {
            assert!(zoo::layers(&entry.name).is_ok(), "{}", entry.name);
            assert!(entry.url.starts_with("https://"), "{}", entry.url);
        }
    }

    #[test]
    fn every_network_has_a_source() {
        let manifest = Manifest::built_in().unwrap();
        for name in zoo::NETWORKS {
            assert!(manifest.entry(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_misspelt_key_is_named() {
        let text = "[[weights]]\nname = \"a\"\nurl = \"u\"\nlicense = \"l\"\norigin = \"o\"\n";
        let message = Manifest::parse(text).unwrap_err().to_string();
        assert!(message.contains("\"license\"") && message.contains("entry 1"), "{message}");
    }

    #[test]
    fn a_cut_hash_is_refused() {
        let text = "[[weights]]\nname = \"a\"\nurl = \"u\"\nsha256 = \"abcd\"\nlicence = \"l\"\norigin = \"o\"\n";
        assert!(Manifest::parse(text).unwrap_err().to_string().contains("no SHA-256"));
    }
}
