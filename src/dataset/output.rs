//! How pcore knows its own results again.
//!
//! A folder that holds a file called [`OUTPUT_MARK`] is left out of every listing with all below it, since overlays and maps
//! look like any other image.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file that marks a folder of results.
pub const OUTPUT_MARK: &str = "pcore-output.json";
/// The folder of bundles, where nobody chose another.
const HOME: &str = ".pcore";
/// What a bundle's name ends with.
const BUNDLE_EXTENSION: &str = "pcore";

/// Makes `folder` and marks it as results of pcore; call it before anything else is written there, so that an interrupted
/// run is marked as well.
///
/// A folder that holds other files already is not marked itself, for these may be images: only those of its folders that
/// `pictures` names are made and marked, which pcore fills with pictures. Of these a symbolic link is left alone: nothing is
/// written through it, now or later.
///
/// # Errors
/// If a folder or the file cannot be written.
pub fn mark_output(folder: &Path, pictures: &[&str]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    if is_marked(folder) {
        return Ok(());
    }
    if fs::read_dir(folder)?.next().is_none() {
        return mark(folder);
    }
    for inner in pictures.iter().map(|name| folder.join(name)) {
        if fs::symlink_metadata(&inner).is_ok_and(|found| found.is_symlink()) {
            continue;
        }
        fs::create_dir_all(&inner)?;
        mark(&inner)?;
    }
    Ok(())
}

/// Never through a link, and never over another file.
fn mark(folder: &Path) -> io::Result<()> {
    let text = concat!(
        "{\n  \"about\": \"Results of pcore. No images are taken from this folder; delete this file where they should be.\",\n",
        "  \"pcore_version\": \"",
        env!("CARGO_PKG_VERSION"),
        "\"\n}\n"
    );
    match OpenOptions::new().write(true).create_new(true).open(folder.join(OUTPUT_MARK)) {
        Ok(mut file) => file.write_all(text.as_bytes()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether the folder itself is marked, or holds bundles by its name.
pub(super) fn is_marked(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name == HOME) || folder.join(OUTPUT_MARK).is_file()
}

/// Whether a file is a bundle by its name, or a mark.
pub(super) fn is_own_file(file: &Path) -> bool {
    file.extension().is_some_and(|found| found == BUNDLE_EXTENSION)
        || file.file_name().is_some_and(|name| name == OUTPUT_MARK)
}

/// Finds the marked folder that a path lies in; each folder is looked at once.
#[derive(Debug, Default)]
pub(super) struct Owners {
    known: HashMap<PathBuf, Option<PathBuf>>,
}

impl Owners {
    /// The nearest marked folder among `folder`, an absolute path, and those above it.
    pub(super) fn of(&mut self, folder: &Path) -> Option<PathBuf> {
        if let Some(known) = self.known.get(folder) {
            return known.clone();
        }
        let found = folder.ancestors().find(|above| above.join(OUTPUT_MARK).is_file());
        // Bundles are in the folder itself: images further down are somebody's own.
        let found = found.or_else(|| Some(folder).filter(|folder| is_marked(folder))).map(Path::to_path_buf);
        self.known.insert(folder.to_path_buf(), found.clone());
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn new_empty_and_marked_folders_are_marked_and_others_only_where_pictures_go() {
        let root = TempDir::new().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir(at("empty")).unwrap();
        fs::create_dir_all(at("used/overlays")).unwrap();
        fs::write(at("used/a.png"), "x").unwrap();
        for name in ["new/deep", "empty", "used", "new/deep"] {
            mark_output(&at(name), &["overlays", "maps"]).unwrap();
        }
        let marked =
            ["new/deep", "new", "empty", "used", "used/overlays", "used/maps"].map(|name| is_marked(&at(name)));
        assert_eq!(marked, [true, false, true, false, true, true]);
        assert!(!at("empty/overlays").exists());
        let mut owners = Owners::default();
        assert_eq!(owners.of(&at("new/deep/overlays/x")), Some(at("new/deep")));
        assert_eq!(owners.of(&at("used")), None);
        assert_eq!(owners.of(&at("home/.pcore")), Some(at("home/.pcore")));
        assert_eq!(owners.of(&at("home/.pcore/images")), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_mark_is_not_written_through_a_link() {
        let root = TempDir::new().unwrap();
        let (folder, target) = (root.path().join("out"), root.path().join("target"));
        fs::create_dir(&folder).unwrap();
        fs::write(&target, "mine").unwrap();
        std::os::unix::fs::symlink(&target, folder.join(OUTPUT_MARK)).unwrap();
        mark_output(&folder, &[]).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "mine");
    }

    #[cfg(unix)]
    #[test]
    fn a_linked_folder_of_pictures_gets_no_mark() {
        let root = TempDir::new().unwrap();
        let (folder, target) = (root.path().join("out"), root.path().join("target"));
        fs::create_dir(&folder).unwrap();
        fs::create_dir(&target).unwrap();
        std::os::unix::fs::symlink(&target, folder.join("overlays")).unwrap();
        mark_output(&folder, &["overlays", "maps"]).unwrap();
        assert!(!is_marked(&target) && is_marked(&folder.join("maps")));
    }
}
