//! Every file below a folder, each folder once.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use super::content::{Content, content};
use super::error::failed;
use super::output::{Owners, is_marked, is_own_file};
use super::place::absolute;
use super::{DatasetError, Skipped, Why};
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

/// Folders and files that systems and storage devices put anywhere, in lower case.
const SYSTEM: &[&str] = &[
    "#recycle",
    "$recycle.bin",
    "@eadir",
    "__macosx",
    "desktop.ini",
    "ehthumbs.db",
    "lost+found",
    "system volume information",
    "thumbs.db",
];
/// Of these, those whose name begins with a dot, as it is.
const SYSTEM_HIDDEN: &[&str] = &[".DS_Store", ".Spotlight-V100", ".Trashes", ".fseventsd", ".thumbnails"];
/// What a Mac stores of a file `NAME` on foreign disks: `._NAME`.
const MAC_PREFIX: &str = "._";

/// What was met so far.
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub(super) files: Vec<FoundFile>,
    pub(super) skipped: Vec<Skipped>,
    /// Real paths of the folders entered: breaks link loops, and bounds chains of links that would
    /// reach the same files in exponentially many ways.
    entered: HashSet<PathBuf>,
    owners: Owners,
    n_seen: usize,
}

impl Walk {
    /// Takes every image below `folder`; folders called one of `leave_out` are not entered. A folder below that cannot be
    /// read is skipped as such.
    ///
    /// # Errors
    /// If `folder` itself cannot be read or holds results of pcore, or there are too many files.
    pub(super) fn folder(&mut self, folder: &Path, leave_out: &[&str]) -> Result<(), DatasetError> {
        let root = FoundFile { path: folder.to_path_buf(), place: absolute(folder)? };
        if let Some(owner) = self.owners.of(&root.place) {
            return Err(DatasetError::OwnOutput { path: root.path, owner });
        }
        let folders = self.entries(&root, leave_out, folder)?;
        let mut pending = folders;
        while let Some(next) = pending.pop() {
            match self.entries(&next, leave_out, folder) {
                Ok(folders) => pending.extend(folders),
                Err(DatasetError::Io { source, .. }) => {
                    self.skip(next.path, Why::Unreadable { reason: source.to_string() });
                }
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    /// Takes the files of one folder; gives the folders in it, the last first, as a stack wants them.
    fn entries(&mut self, at: &FoundFile, leave_out: &[&str], root: &Path) -> Result<Vec<FoundFile>, DatasetError> {
        let real = at.path.canonicalize().map_err(failed("open the folder", &at.path))?;
        if !self.entered.insert(real) {
            self.skip(at.path.clone(), Why::SameFolder);
            return Ok(vec![]);
        }
        let mut folders = Vec::new();
        for entry in sorted_entries(&at.path)? {
            self.n_seen += 1;
            if self.n_seen > MAX_FILES {
                return Err(DatasetError::TooManyFiles { path: root.to_path_buf(), limit: MAX_FILES });
            }
            let Some(name) = entry.file_name().map(ToOwned::to_owned) else { continue };
            let found = FoundFile { place: at.place.join(&name), path: entry };
            let is_folder = found.path.is_dir();
            if let Some(why) = by_name(&found.place, is_folder) {
                self.skip(found.path, why);
            } else if !is_folder {
                self.file(found);
            } else if leave_out.iter().any(|left| name == *left) {
                self.skip(found.path, Why::Mask);
            } else {
                folders.push(found);
            }
        }
        folders.reverse();
        Ok(folders)
    }

    /// Takes one file if its name or its content says that it is an image. A dangling link with such a name is
    /// kept: reading it reports the file instead of leaving it out unseen.
    pub(super) fn file(&mut self, found: FoundFile) {
        let is_named_image = is_image_path(&found.path);
        let why = match std::fs::metadata(&found.path) {
            Ok(metadata) if metadata.is_file() => match content(&found.path) {
                Ok(Content::Image) => return self.files.push(found),
                Ok(Content::Other(format)) => Why::OtherFormat { format },
                Ok(Content::Nothing) => Why::NoImage,
                Err(error) => Why::Unreadable { reason: error.to_string() },
            },
            // A pipe is not opened: that would wait for its writer.
            Ok(_) if is_named_image => Why::NoRegularFile,
            Ok(_) => Why::NoImage,
            Err(_) if is_named_image => return self.files.push(found),
            Err(error) => Why::Unreadable { reason: error.to_string() },
        };
        self.skip(found.path, why);
    }

    /// Takes a file that was named, whatever its name and content, unless it is pcore's own output.
    pub(super) fn named_file(&mut self, found: FoundFile) {
        let folder = found.place.parent().unwrap_or(&found.place);
        match self.owners.of(folder) {
            Some(_) => self.skip(found.path, Why::OwnOutput),
            None => self.files.push(found),
        }
    }

    /// Takes a file that a pattern names, as if its folder had been walked.
    pub(super) fn matched_file(&mut self, found: FoundFile) {
        let folder = found.place.parent().unwrap_or(&found.place);
        if self.owners.of(folder).is_some() {
            self.skip(found.path, Why::OwnOutput);
        } else if let Some(why) = by_name(&found.place, false) {
            self.skip(found.path, why);
        } else {
            self.file(found);
        }
    }

    pub(super) fn skip(&mut self, path: PathBuf, why: impl Into<Why>) {
        self.skipped.push(Skipped { path, why: why.into() });
    }
}

/// What is left out whatever it holds.
pub(super) fn by_name(place: &Path, is_folder: bool) -> Option<Why> {
    let name = place.file_name()?.to_string_lossy();
    let is_system = SYSTEM.contains(&name.to_lowercase().as_str()) || SYSTEM_HIDDEN.contains(&&*name);
    if is_system || name.starts_with(MAC_PREFIX) {
        Some(Why::System)
    } else if is_folder && is_marked(place) || !is_folder && is_own_file(place) {
        Some(Why::OwnOutput)
    } else if name.starts_with('.') {
        Some(Why::Hidden)
    } else {
        None
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

fn sorted_entries(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let listed = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>());
    let mut entries = listed.map_err(failed("list the folder", folder))?;
    entries.sort();
    Ok(entries)
}
