//! How the files of a data set lie: one description says what is fitted on, what is measured on, and which file is the
//! mask of which image. `docs/layouts.md` shows every layout.

mod beside;
mod by_table;
mod defects;
mod folders;
mod from_text;
mod masks;
mod named;
mod names;
mod paths;
mod products;
mod recognise;
mod rule;
mod split;
mod test_folder;
mod tree;
mod words;

use std::path::Path;

use super::DatasetError;
use super::place::absolute;
pub(super) use masks::MaskFinder;
pub use names::{Layout, LayoutHints};
pub(super) use paths::named_masks;
use recognise::recognise;
pub(super) use rule::{Described, Kind, Part, Purpose, Said};
pub(super) use tree::SeenFromBelow;
pub(super) use words::{is_no_defect, not_normal, odd_one_out};

/// Folders above a given one that are looked at: `Data/Images/Anomaly` lies so deep.
const N_ABOVE: usize = 4;

/// Recognises the layout of `root`, for what is wanted of it.
pub(super) fn describe(
    root: &Path,
    domain: Option<&str>,
    hints: &LayoutHints,
    purpose: Purpose,
) -> Result<Described, DatasetError> {
    if let Some(table) = &hints.split {
        return by_table::describe(root, table, hints);
    }
    if let Some(described) = recognise(root, hints)? {
        return Ok(described);
    }
    if let Some(described) = tree::describe(root, domain, hints, purpose)? {
        return Ok(described);
    }
    if let Some(described) = products::describe(root, domain, hints, purpose)? {
        return Ok(described);
    }
    if !hints.good.is_empty() {
        return named::describe(root, hints);
    }
    match hints.layout {
        None | Some(Layout::Flat) if purpose == Purpose::Defects => {
            defects::describe(root, root.to_path_buf(), Layout::Flat, hints)
        }
        None | Some(Layout::Flat) => tree::flat(root, hints, purpose),
        Some(layout) => Err(refuse(root, layout)),
    }
}

/// The layout of a folder whose images are to be inspected, where it tells more than names on the way to an image.
pub(super) fn recognise_given(folder: &Path, hints: &LayoutHints) -> Result<Option<Described>, DatasetError> {
    if let Some(table) = &hints.split {
        return by_table::describe(folder, table, hints).map(Some);
    }
    match recognise(folder, hints)? {
        Some(described) => Ok(Some(described)),
        None if !hints.good.is_empty() => named::describe(folder, hints).map(Some),
        None => match hints.layout.filter(|layout| !tree::is_tree(*layout) && *layout != Layout::Products) {
            None | Some(Layout::Flat) => Ok(None),
            Some(layout) => Err(refuse(folder, layout)),
        },
    }
}

/// The layout of a tree of `train` and `test`, or of several, if `folder` is one.
pub(super) fn tree_layout(folder: &Path) -> Option<Layout> {
    let describe = |purpose| tree::describe(folder, None, &LayoutHints::default(), purpose).ok().flatten();
    let found = describe(Purpose::Evaluate).or_else(|| describe(Purpose::Fit));
    let found = found.map(|described| described.layout);
    found.or_else(|| products::is_tree_of_products(folder).then_some(Layout::Products))
}

/// The data set that a folder is a part of, where the folders above it say so.
pub(super) fn recognise_above(folder: &Path) -> Option<Described> {
    let hints = LayoutHints::default();
    let place = absolute(folder).ok()?;
    let mut above = place.ancestors().skip(1).take(N_ABOVE);
    above.find_map(|root| {
        let families = [folders::visa, beside::dagm, folders::real_iad];
        families.into_iter().find_map(|family| family(root, &hints).ok().flatten())
    })
}

fn refuse(root: &Path, layout: Layout) -> DatasetError {
    DatasetError::NotThatLayout { path: root.to_path_buf(), layout, expected: layout.expected() }
}
