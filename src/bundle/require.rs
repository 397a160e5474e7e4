//! One condition that an entry has to meet.

use super::Defect;
use super::shown::shorten;
use std::fmt::Display;

/// `Defect::Field` unless `holds`; `words` gives the field and what was expected of it.
pub(crate) fn require(
    holds: bool,
    found: impl Display,
    words: impl FnOnce() -> (String, String),
) -> Result<(), Defect> {
    if holds {
        return Ok(());
    }
    let (field, expected) = words();
    Err(Defect::Field { field, expected, found: shorten(&found.to_string()) })
}
