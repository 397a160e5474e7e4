//! The layouts that are no tree of `train` and `test`.

use super::names::LayoutHints;
use super::rule::Described;
use super::{beside, folders};
use crate::dataset::DatasetError;
use std::path::Path;

/// The layouts that are no tree of `train` and `test`, whatever is wanted of them.
pub(super) fn recognise(root: &Path, hints: &LayoutHints) -> Result<Option<Described>, DatasetError> {
    if !hints.good.is_empty() {
        return Ok(None);
    }
    for family in [folders::visa, beside::dagm, beside::kolektor, folders::real_iad, folders::folder] {
        if let Some(described) = family(root, hints)? {
            return Ok(Some(described));
        }
    }
    Ok(None)
}
