//! Files that are whole at every moment.
//!
//! - [`replace()`], [`replace_unsynced`]: a path holds the old file or the new one, whatever happens.
//! - [`PartialFile`]: a file that grows by whole pieces beside its place, readable all the time, and is put there at the end.
//! - [`create_folders`], [`remove_leftovers`]: folders of results.

mod folder;
mod partial;
mod replace;

pub use folder::{create_folders, remove_leftovers};
pub use partial::{PARTIAL_SUFFIX, PartialFile};
pub(crate) use replace::TEMPORARY_SUFFIX;
pub use replace::{ReplaceFailure, STALE_AFTER, replace, replace_unsynced};

use std::io;

/// Whether an error says that the place is full: the disk, the user's share of it, or the size a file may have.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}
