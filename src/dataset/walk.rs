//! Every file below a folder, each folder once.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use super::DatasetError;
use super::place::absolute;
use crate::image::is_image_path;

/// Files and folders that one listing looks at: beyond any data set, well below a whole disk.
pub const MAX_FILES: usize = 5_000_000;

/// An image file: where to read it, and the absolute path that names it.
///
/// The second is cleaned of `.` and `..` but not of links, because a folder's name as the user sees
/// it carries the meaning.
#[derive(Clone, Debug)]
pub(super) struct FoundFile {
    pub(super) path: PathBuf,
    pub(super) place: PathBuf,
}

/// What was met so far.
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub(super) files: Vec<FoundFile>,
    pub(super) skipped: Vec<(PathBuf, String)>,
    /// Real paths of the folders entered: breaks link loops, and bounds chains of links that would
    /// reach the same files in exponentially many ways.
    entered: HashSet<PathBuf>,
    n_seen: usize,
}

impl Walk {
    /// Takes every image below `folder`; folders called one of `leave_out` are not entered.
    pub(super) fn folder(&mut self, folder: &Path, leave_out: &[&str]) -> Result<(), DatasetError> {
        let mut pending = vec![FoundFile { path: folder.to_path_buf(), place: absolute(folder)? }];
        while let Some(next) = pending.pop() {
            let real = next.path.canonicalize().map_err(failed("open the folder", &next.path))?;
            if !self.entered.insert(real) {
                self.skip(next.path, "folder already listed under another name");
                continue;
            }
            let mut folders = Vec::new();
            for entry in sorted_entries(&next.path)? {
                self.n_seen += 1;
                if self.n_seen > MAX_FILES {
                    let path = folder.to_path_buf();
                    return Err(DatasetError::TooManyFiles { path, limit: MAX_FILES });
                }
                let Some(name) = entry.file_name().map(|name| name.to_string_lossy().into_owned()) else {
                    continue;
                };
                let found = FoundFile { place: next.place.join(&name), path: entry };
                if name.starts_with('.') {
                    self.skip(found.path, "hidden");
                } else if !found.path.is_dir() {
                    self.file(found);
                } else if leave_out.contains(&name.as_str()) {
                    self.skip(found.path, "ground truth, not an input");
                } else {
                    folders.push(found);
                }
            }
            // The stack gives back the last first.
            pending.extend(folders.into_iter().rev());
        }
        Ok(())
    }

    /// Takes one file if its name says that it is an image. A dangling link with such a name is
    /// kept: reading it reports the file instead of leaving it out unseen.
    pub(super) fn file(&mut self, found: FoundFile) {
        if !is_image_path(&found.path) {
            self.skip(found.path, "not an image by its extension");
        } else if found.path.exists() && !found.path.is_file() {
            self.skip(found.path, "not a regular file");
        } else {
            self.files.push(found);
        }
    }

    pub(super) fn skip(&mut self, path: PathBuf, reason: &str) {
        self.skipped.push((path, reason.to_owned()));
    }
}

/// Names of the folders directly inside `folder` (links to folders included, hidden ones not),
/// sorted bytewise.
pub(super) fn subfolders(folder: &Path) -> Result<Vec<String>, DatasetError> {
    let entries = sorted_entries(folder)?.into_iter().filter(|entry| entry.is_dir());
    let names = entries.filter_map(|entry| entry.file_name()?.to_str().map(str::to_owned));
    Ok(names.filter(|name| !name.starts_with('.')).collect())
}

/// Checks that `path` is a folder.
pub(super) fn require_folder(path: &Path) -> Result<(), DatasetError> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(DatasetError::NotAFolder { path: path.to_path_buf() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(DatasetError::NotFound { path: path.to_path_buf() })
        }
        Err(source) => Err(failed("open the folder", path)(source)),
    }
}

/// Adapts an I/O error.
pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DatasetError + use<> {
    let path = path.to_path_buf();
    move |source| DatasetError::Io { action, path, source }
}

fn sorted_entries(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let listed = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>());
    let mut entries = listed.map_err(failed("list the folder", folder))?;
    entries.sort();
    Ok(entries)
}
