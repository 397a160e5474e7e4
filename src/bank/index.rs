//! How the rows of a bank are searched.

use super::BankError;
use std::fmt;
use std::str::FromStr;

/// How the rows of a bank are searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexKind {
    /// All of them are compared: the nearest row is found.
    #[default]
    Exact,
    /// Those in the lists whose means are nearest are compared ([`InvertedFile`](crate::kernel::InvertedFile)): faster for
    /// large banks, and nearly always the nearest row is found.
    InvertedFile,
}

impl IndexKind {
    /// Share of left-out normal patches whose nearest row an inverted file must find.
    pub const LEAST_RECALL: f64 = 0.99;

    /// Lists for a bank of `n_rows`: their square root, which makes the search for lists as dear as that in one of them.
    #[must_use]
    pub fn n_lists(n_rows: usize) -> usize {
        ((n_rows as f64).sqrt().round() as usize).clamp(1, n_rows.max(1))
    }
}

impl FromStr for IndexKind {
    type Err = BankError;

    fn from_str(text: &str) -> Result<Self, BankError> {
        match text {
            "exact" => Ok(Self::Exact),
            "ivf" => Ok(Self::InvertedFile),
            _ => Err(BankError::IndexKind { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for IndexKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exact => "exact",
            Self::InvertedFile => "ivf",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_round_trip_and_others_are_refused() {
        for kind in [IndexKind::Exact, IndexKind::InvertedFile] {
            assert_eq!(kind.to_string().parse::<IndexKind>().unwrap(), kind);
        }
        assert!(matches!("hnsw".parse::<IndexKind>(), Err(BankError::IndexKind { .. })));
        assert_eq!([0, 1, 3, 72_000].map(IndexKind::n_lists), [1, 1, 2, 268]);
    }
}
