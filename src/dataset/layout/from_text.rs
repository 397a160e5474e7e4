//! A layout from its name.

use super::names::Layout;
use crate::dataset::DatasetError;
use std::str::FromStr;

impl FromStr for Layout {
    type Err = DatasetError;

    fn from_str(text: &str) -> Result<Self, DatasetError> {
        Self::named(text).ok_or_else(|| DatasetError::UnknownLayout { found: text.to_owned() })
    }
}
