//! The data folder: everything the server keeps lies below it.

use super::ServeError;
use super::clock::{day, now_ms};
use crate::files::replace;
use fs4::fs_std::FileExt;
use rand::Rng;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Characters that are kept of a file's name.
const LONGEST_NAME: usize = 100;

/// The folder, held by this process alone.
#[derive(Debug)]
pub(super) struct DataFolder {
    root: PathBuf,
    owner: String,
    /// Held as long as it is open.
    _lock: File,
}

impl DataFolder {
    /// Makes the folder where it is not there, takes it for this process, and removes what a killed one left unfinished.
    ///
    /// # Errors
    /// [`ServeError::Taken`] where another server uses it; what the system says.
    pub(super) fn open(root: &Path) -> Result<Self, ServeError> {
        let refused = |source| ServeError::Data { path: root.to_owned(), source };
        fs::create_dir_all(root).map_err(refused)?;
        let root = root.canonicalize().map_err(refused)?;
        let lock = File::options().create(true).truncate(false).write(true).open(root.join("lock")).map_err(refused)?;
        if !lock.try_lock_exclusive().map_err(refused)? {
            return Err(ServeError::Taken { path: root });
        }
        drop(fs::remove_dir_all(root.join("tmp")));
        for folder in ["tmp", "bundles", "jobs", "inbox", "datasets", "lines"] {
            fs::create_dir_all(root.join(folder)).map_err(refused)?;
        }
        let owner = root.join("owner");
        if !owner.exists() {
            let name = format!("{:016x}", rand::rng().random::<u64>());
            replace(&owner, |file| file.write_all(name.as_bytes())).map_err(|failure| refused(failure.into()))?;
        }
        let owner = file_name(&fs::read_to_string(&owner).map_err(refused)?);
        Ok(Self { root, owner, _lock: lock })
    }

    /// The database.
    pub(super) fn database(&self) -> PathBuf {
        self.root.join("pcore.sqlite3")
    }

    /// The folder itself.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The bundle of this SHA-256, which is hexadecimal.
    pub(super) fn bundle(&self, sha: &str) -> PathBuf {
        self.root.join("bundles").join(format!("{sha}.pcore"))
    }

    /// The folder of a job.
    pub(super) fn job(&self, id: i64) -> PathBuf {
        self.root.join("jobs").join(id.to_string())
    }

    /// The folder of a data set.
    pub(super) fn dataset(&self, id: i64) -> PathBuf {
        self.root.join("datasets").join(id.to_string())
    }

    /// The folder of a line.
    pub(super) fn line(&self, id: i64) -> PathBuf {
        self.root.join("lines").join(id.to_string())
    }

    /// The name that this server claims files with.
    pub(super) fn owner(&self) -> &str {
        &self.owner
    }

    /// A place that nobody else uses, for what is not finished; it is gone after a start.
    pub(super) fn unfinished(&self) -> PathBuf {
        self.root.join("tmp").join(format!("{:016x}", rand::rng().random::<u64>()))
    }

    /// A new place for a single image, by days.
    ///
    /// # Errors
    /// What the system says where its folder can't be made.
    pub(super) fn inbox(&self, name: &str) -> io::Result<PathBuf> {
        let folder = self.root.join("inbox").join(day(now_ms()));
        fs::create_dir_all(&folder)?;
        Ok(folder.join(format!("{:016x}-{}", rand::rng().random::<u64>(), file_name(name))))
    }

    /// The folders of single images, the last days first.
    pub(super) fn inbox_days(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.root.join("inbox")).into_iter().flatten().flatten();
        let mut days: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        days.sort_unstable_by(|a, b| b.cmp(a));
        days
    }

    /// What lies in one of its folders, with numbers for names.
    pub(super) fn numbered(&self, folder: &str) -> Vec<(i64, PathBuf)> {
        let entries = fs::read_dir(self.root.join(folder)).into_iter().flatten().flatten();
        let numbered = |entry: fs::DirEntry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path()));
        entries.filter_map(numbered).collect()
    }
}

/// What a file that somebody calls `name` is called here: its last part, of letters, digits and `._-` alone.
pub(super) fn file_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain = |c: char| if c.is_alphanumeric() || ".-_".contains(c) { c } else { '_' };
    let all: Vec<char> = last.trim_start_matches('.').chars().map(plain).collect();
    // The end tells the format.
    let name: String = all[all.len().saturating_sub(LONGEST_NAME)..].iter().collect();
    if name.trim_matches('.').is_empty() { "image".to_owned() } else { name }
}

/// What people see of the name of an upload: its path below the folder that was uploaded, without what is no text.
pub(super) fn shown_name(name: &str) -> String {
    let parts = name.split(['/', '\\']).filter(|part| !part.is_empty() && *part != "." && *part != "..");
    let parts: Vec<String> = parts.map(|part| part.chars().filter(|c| !c.is_control()).collect()).collect();
    let name: String = parts.join("/").chars().take(4 * LONGEST_NAME).collect();
    if name.is_empty() { "image".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_leaves_its_folder() {
        for (name, expected) in [
            ("../../etc/passwd", "passwd"),
            ("C:\\windows\\a b.png", "a_b.png"),
            ("..", "image"),
            ("", "image"),
            (".hidden.png", "hidden.png"),
            ("a\0b\n.tiff", "a_b_.tiff"),
            ("검사-1.png", "검사-1.png"),
        ] {
            assert_eq!(file_name(name), expected, "{name:?}");
        }
        assert_eq!(file_name(&format!("{}.png", "x".repeat(300))).len(), LONGEST_NAME);
        assert!(file_name(&format!("{}.png", "x".repeat(300))).ends_with(".png"));
        assert_eq!(shown_name("../lot 1/./a.png"), "lot 1/a.png");
        assert_eq!(shown_name("/\u{7}"), "image");
    }

    #[test]
    fn a_folder_is_one_servers_and_what_was_unfinished_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataFolder::open(folder.path()).unwrap();
        fs::write(first.unfinished(), b"half").unwrap();
        assert!(matches!(DataFolder::open(folder.path()), Err(ServeError::Taken { .. })));
        drop(first);
        let again = DataFolder::open(folder.path()).unwrap();
        assert_eq!(fs::read_dir(again.root().join("tmp")).unwrap().count(), 0);
    }
}
