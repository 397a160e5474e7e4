//! A file that is of use before it is complete.

use super::replace::{folder_of, sync_folder};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// End of the name of a file that is not complete yet.
pub const PARTIAL_SUFFIX: &str = ".partial";

/// Grows as `NAME.partial` beside its place, and is put there when it is complete; until then, what lies there stays as it
/// is. Every piece is in the file as a whole or not at all, as soon as it is written, unless the process is killed in that
/// very moment. The file can be read all the time. On Unix it is locked, so that no other process writes the same.
#[derive(Debug)]
pub struct PartialFile {
    file: File,
    path: PathBuf,
    partial: PathBuf,
    n_bytes: u64,
    is_leftover_replaced: bool,
}

impl PartialFile {
    /// Begins the file. What an interrupted process left under the partial name is replaced; symbolic links are not followed.
    ///
    /// # Errors
    /// What the system says, `ResourceBusy` where another process writes the same file, and `IsADirectory` where a folder has
    /// its name.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut name = path.file_name().map(OsString::from).unwrap_or_default();
        name.push(PARTIAL_SUFFIX);
        let partial = path.with_file_name(name);
        if fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "a folder has this name"));
        }
        let is_leftover_replaced = remove_leftover(&partial)?;
        let file = OpenOptions::new().append(true).create_new(true).open(&partial)?;
        lock(&file)?;
        Ok(Self { file, path: path.to_owned(), partial, n_bytes: 0, is_leftover_replaced })
    }

    /// Where it is until it is complete.
    #[must_use]
    pub fn partial_path(&self) -> &Path {
        &self.partial
    }

    /// Whether an interrupted process had left a file of this name, which is gone now.
    #[must_use]
    pub fn is_leftover_replaced(&self) -> bool {
        self.is_leftover_replaced
    }

    /// Bytes written so far.
    #[must_use]
    pub fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// Goes back to this length.
    ///
    /// # Errors
    /// What the system says.
    pub fn cut_to(&mut self, n_bytes: u64) -> io::Result<()> {
        self.file.set_len(n_bytes)?;
        self.n_bytes = n_bytes;
        Ok(())
    }

    /// Flushes what there is to the disk, and leaves it under its partial name.
    ///
    /// # Errors
    /// What the system says.
    pub fn keep(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Puts the complete file in its place.
    ///
    /// # Errors
    /// What the system says; the file then has its partial name or the final one.
    pub fn put_in_place(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.partial, &self.path)?;
        sync_folder(folder_of(&self.path))
    }

    /// Removes it: nothing was written that is worth keeping.
    pub fn remove(&self) {
        drop(fs::remove_file(&self.partial));
    }
}

impl Write for PartialFile {
    /// Writes all of `piece`, or nothing and an error.
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.file.write_all(piece) {
            self.file.set_len(self.n_bytes)?;
            return Err(error);
        }
        self.n_bytes += piece.len() as u64;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Makes room for a new file; says whether there was an old one.
fn remove_leftover(partial: &Path) -> io::Result<bool> {
    let found = match fs::symlink_metadata(partial) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if found.is_file() {
        lock(&OpenOptions::new().append(true).open(partial)?)?;
    }
    fs::remove_file(partial)?;
    Ok(true)
}

/// Elsewhere a lock would keep readers out. A file system without locks has to do without.
fn lock(file: &File) -> io::Result<()> {
    match cfg!(unix).then(|| file.try_lock()) {
        Some(Err(TryLockError::WouldBlock)) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another process is writing it; wait for its end, or name another folder",
        )),
        Some(Ok(()) | Err(TryLockError::Error(_))) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn the_old_file_stays_until_the_new_one_is_complete() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("results.csv");
        fs::write(&path, "old").unwrap();
        let mut file = PartialFile::create(&path).unwrap();
        for (piece, expected) in [("a\n", "a\n"), ("b\n", "a\nb\n")] {
            file.write_all(piece.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(file.partial_path()).unwrap(), expected);
            assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        }
        file.cut_to(2).unwrap();
        file.write_all(b"c\n").unwrap();
        file.put_in_place().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\nc\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_was_kept_is_replaced_by_the_next_one_which_says_so() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("results.csv");
        let mut file = PartialFile::create(&path).unwrap();
        assert!(!file.is_leftover_replaced());
        file.write_all(b"a\n").unwrap();
        file.keep().unwrap();
        let partial = file.partial_path().to_owned();
        drop(file);
        assert_eq!(fs::read_to_string(&partial).unwrap(), "a\n");
        let file = PartialFile::create(&path).unwrap();
        assert!(file.is_leftover_replaced());
        assert_eq!(fs::read_to_string(&partial).unwrap(), "");
        file.remove();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn two_writers_of_one_file_and_folders_in_its_place_are_refused_and_links_replaced() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("results.csv");
        let first = PartialFile::create(&path).unwrap();
        assert_eq!(PartialFile::create(&path).unwrap_err().kind(), io::ErrorKind::ResourceBusy);
        first.remove();
        drop(first);
        let victim = folder.path().join("victim");
        fs::write(&victim, "untouched").unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        std::os::unix::fs::symlink(&victim, folder.path().join("results.csv.partial")).unwrap();
        let mut file = PartialFile::create(&path).unwrap();
        file.write_all(b"new\n").unwrap();
        file.put_in_place().unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(PartialFile::create(&path).unwrap_err().kind(), io::ErrorKind::IsADirectory);
    }
}
