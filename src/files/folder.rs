//! Folders of results.

use super::replace::is_temporary;
use std::fs;
use std::io;
use std::path::{Component, Path};

/// Makes the folders of `below` under `root`, one after the other; a symbolic link among them is refused, so that nothing is
/// written outside of `root`, which may be a link itself.
///
/// # Errors
/// What the system says, and `InvalidInput` for a link or for a path that leads out of `root`.
pub fn create_folders(root: &Path, below: &Path) -> io::Result<()> {
    let refused =
        |path: &Path, why: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} {why}", path.display())));
    let mut path = root.to_path_buf();
    for part in below.components() {
        let Component::Normal(name) = part else { return refused(below, "leads out of the folder of results") };
        path.push(name);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => {}
            Ok(found) if found.is_symlink() => {
                return refused(&path, "is a symbolic link, which is not followed; remove it, or name another folder");
            }
            Ok(_) => return refused(&path, "is there already and is no folder"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::create_dir(&path) {
                // Another thread was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
                made => made?,
            },
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Removes the temporary files that killed processes left in `folder` and, with `deep`, below it. Links are not followed, nor
/// is `folder` where it is one and `deep` is asked for. What can't be removed stays: it is never read.
pub fn remove_leftovers(folder: &Path, deep: bool) {
    if deep && fs::symlink_metadata(folder).is_ok_and(|found| found.is_symlink()) {
        return;
    }
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_file() && is_temporary(&entry.file_name()) {
            drop(fs::remove_file(entry.path()));
        } else if kind.is_dir() && deep {
            remove_leftovers(&entry.path(), deep);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;

    #[test]
    fn folders_are_made_and_links_out_of_the_root_are_refused() {
        let (outside, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let root = folder.path().join("root");
        symlink(outside.path(), &root).unwrap();
        // The root itself may be a link.
        create_folders(&root, Path::new("a/b")).unwrap();
        assert!(outside.path().join("a/b").is_dir());
        create_folders(&root, Path::new("a/b")).unwrap();
        symlink(folder.path(), root.join("a/link")).unwrap();
        fs::write(root.join("a/file"), "").unwrap();
        for (below, why) in
            [("a/link/c", "symbolic link"), ("a/file/c", "no folder"), ("../c", "out of"), ("/c", "out of")]
        {
            let error = create_folders(&root, Path::new(below)).unwrap_err().to_string();
            assert!(error.contains(why), "{below}: {error}");
        }
        assert!(!folder.path().join("c").exists());
    }

    #[test]
    fn only_temporary_files_are_leftovers() {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("inner")).unwrap();
        let files = [".a.png.x1Y2z3.pcore.tmp", "a.pcore.tmp", ".a.tmp", "a.png", "inner/.b.x1Y2z3.pcore.tmp"];
        for file in files {
            fs::write(folder.path().join(file), "").unwrap();
        }
        let left = || files.iter().filter(|file| folder.path().join(file).exists()).count();
        remove_leftovers(folder.path(), false);
        assert_eq!((left(), folder.path().join(files[0]).exists()), (4, false));
        symlink(folder.path(), folder.path().join("link")).unwrap();
        remove_leftovers(&folder.path().join("link"), true);
        assert_eq!(left(), 4);
        remove_leftovers(folder.path(), true);
        assert_eq!((left(), folder.path().join(files[4]).exists()), (3, false));
    }
}
