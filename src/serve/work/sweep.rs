//! After a start: what a killed server left that nobody knows.

use super::Station;
use crate::serve::store::StoreError;
use std::fs;
use std::path::Path;

/// Days of single images that are looked through: what a killed server left is in the last one.
const DAYS: usize = 2;

/// Removes files whose request was never answered, and has jobs go on.
///
/// # Errors
/// What the database says.
pub(in crate::serve) fn sweep(station: &Station) -> Result<(), StoreError> {
    let Station { place, store, .. } = station;
    for (id, folder) in place.numbered("jobs") {
        if !store.has_job(id)? {
            remove(&folder);
        }
    }
    for (id, folder) in place.numbered("datasets") {
        if store.dataset(id).is_err() {
            remove(&folder);
        } else {
            sweep_files(&folder, |path| store.has_image(path))?;
        }
    }
    for folder in place.inbox_days().into_iter().take(DAYS) {
        sweep_files(&folder, |path| store.knows_path(path))?;
    }
    for (_, folder) in place.numbered("lines") {
        sweep_files(&folder.join("frames"), |path| store.knows_path(path))?;
    }
    let bundles = fs::read_dir(place.root().join("bundles")).into_iter().flatten().flatten();
    for path in bundles.map(|entry| entry.path()) {
        let sha = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if !store.uses_bundle(&sha)? {
            remove(&path);
        }
    }
    store.resume_jobs()
}

/// Removes the files of a folder that nobody knows.
fn sweep_files(folder: &Path, is_known: impl Fn(&Path) -> Result<bool, StoreError>) -> Result<(), StoreError> {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_file() && !is_known(&path).unwrap_or(true) {
            remove(&path);
        }
    }
    Ok(())
}

fn remove(path: &Path) {
    tracing::info!(path = %path.display(), "removed: a request that was never answered left it");
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    if let Err(error) = removed {
        tracing::warn!(path = %path.display(), %error, "can't be removed");
    }
}
