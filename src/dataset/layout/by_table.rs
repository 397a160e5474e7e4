//! A data set by the table that was named.

use super::names::{Layout, LayoutHints};
use super::recognise::recognise;
use super::rule::{Described, Purpose};
use super::split::{described, read};
use super::tree;
use crate::dataset::DatasetError;
use std::path::Path;

/// Describes `root` by the table that was named.
pub(super) fn describe(root: &Path, table: &Path, hints: &LayoutHints) -> Result<Described, DatasetError> {
    let without = LayoutHints { split: None, ..hints.clone() };
    let below = match recognise(root, &without)? {
        Some(described) => Some(described),
        // A table of a tree of `train` and `test` may leave the masks to the tree.
        None => tree::describe(root, None, &without, Purpose::Evaluate).unwrap_or(None),
    };
    let (rule, warnings) = read(root, table, below.map(|described| described.rule))?;
    if rule.is_empty() {
        let (path, reason) = (table.to_path_buf(), format!("no line names an image below {}", root.display()));
        return Err(DatasetError::TableLine { path, line: 1, reason });
    }
    described(root, Layout::Split, table.display().to_string(), rule, warnings)
}
