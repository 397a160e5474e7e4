//! Conditions: the named operating states (cold, warm; cell, module) that normal images come in.

use super::ConditionError;
use crate::dataset::{ConditionTable, DatasetError, composed};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// A condition's name, shared instead of copied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Condition(Arc<str>);

impl Condition {
    /// The condition of that name, in composed Unicode (NFC): a name typed on another system is the same.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(composed(name).into())
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What tells the condition of an image.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ConditionRule {
    /// There is only one condition.
    None,
    /// Images whose 90th intensity percentile exceeds a limit are `warm`, the others `cold`.
    P90 {
        /// The limit; found on the training images where it is not given.
        limit: Option<f32>,
    },
    /// The first `boundary` images of a folder are `cold`, the others `warm`.
    Index {
        /// First warm index.
        boundary: usize,
    },
    /// The name of the folder that holds the image, `good` and the like skipped.
    Folder,
    /// A CSV file with the columns `path,condition`.
    Table(PathBuf),
}

impl ConditionRule {
    /// Name of the condition below the limit or the boundary.
    pub const LOW: &'static str = "cold";
    /// Name of the condition above it.
    pub const HIGH: &'static str = "warm";
    /// Refuses a table that can't be read, before work is built on it.
    ///
    /// # Errors
    /// What is wrong with the table.
    pub fn check(&self) -> Result<(), DatasetError> {
        match self {
            Self::Table(path) => ConditionTable::read(path).map(drop),
            Self::None | Self::P90 { .. } | Self::Index { .. } | Self::Folder => Ok(()),
        }
    }
    /// Name of the only condition where there is just one.
    pub const ONLY: &'static str = "all";
}

impl FromStr for ConditionRule {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let bad = || ConditionError::Rule { text: text.to_owned() };
        let is_csv = text.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("csv"));
        match text.split_once(':') {
            _ if is_csv => Ok(Self::Table(PathBuf::from(text))),
            None if text == "none" => Ok(Self::None),
            None if text == "p90" => Ok(Self::P90 { limit: None }),
            None if text == "folder" => Ok(Self::Folder),
            Some(("p90", limit)) => match limit.parse::<f32>() {
                Ok(limit) if limit.is_finite() => Ok(Self::P90 { limit: Some(limit) }),
                Ok(_) | Err(_) => Err(bad()),
            },
            Some(("index", boundary)) => {
                boundary.parse().map(|boundary| Self::Index { boundary }).map_err(|_not_a_number| bad())
            }
            Some(_) | None => Err(bad()),
        }
    }
}

impl fmt::Display for ConditionRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::P90 { limit: None } => f.write_str("p90"),
            Self::P90 { limit: Some(limit) } => write!(f, "p90:{limit}"),
            Self::Index { boundary } => write!(f, "index:{boundary}"),
            Self::Folder => f.write_str("folder"),
            Self::Table(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_round_trip() {
        for text in ["none", "p90", "p90:0.3089", "index:500", "folder", "a/b.csv", "c:/x.CSV"] {
            assert_eq!(text.parse::<ConditionRule>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn rules_that_are_none_are_refused() {
        for text in ["", "p91", "p90:", "p90:nan", "index", "index:-1", "folder:x", "table.txt"] {
            assert!(matches!(text.parse::<ConditionRule>(), Err(ConditionError::Rule { .. })), "{text}");
        }
    }
}
