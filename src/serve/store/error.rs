//! What the database refuses.

use crate::serve::record::UnknownWord;
use std::path::PathBuf;

/// Why something can't be kept or told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Of a later program.
    #[error(
        "{} was written by a newer pcore (version {found} of its tables, this one knows {known}); use that one",
        path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: usize,
        /// That of this program.
        known: usize,
    },
    /// What was asked for is not there.
    #[error("there is no {what} {which}")]
    Missing {
        /// `job`, `detector`.
        what: &'static str,
        /// Its number or name.
        which: String,
    },
    /// What is there contradicts.
    #[error("{0}")]
    Conflict(String),
    /// A word of another program.
    #[error("the database holds {0}")]
    Word(#[from] UnknownWord),
    /// Text that is no JSON.
    #[error("the database holds no JSON where some is expected: {0}")]
    Json(#[from] serde_json::Error),
    /// What SQLite says.
    #[error("the database: {0}")]
    Sql(#[from] rusqlite::Error),
}

impl StoreError {
    /// Something that is not there.
    pub(in crate::serve) fn missing(what: &'static str, which: impl Into<Which>) -> Self {
        Self::Missing { what, which: which.into().0 }
    }
}

/// A number or a name.
pub(in crate::serve) struct Which(String);

impl From<i64> for Which {
    fn from(number: i64) -> Self {
        Self(number.to_string())
    }
}

impl From<&str> for Which {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

/// `None` where there is no such row.
pub(super) fn optional<T>(found: Result<T, rusqlite::Error>) -> Result<Option<T>, StoreError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(rusqlite::Error::QueryReturnedNoRows) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
