//! Places for results, looked at before the work begins.

use super::JobError;
use crate::bundle;
use crate::files::replace;
use crate::report::ReportError;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Refuses a folder that can't be written into, or made; leaves nothing behind.
///
/// # Errors
/// [`JobError::NoFolder`], [`JobError::Refused`].
pub fn check_folder(folder: &Path) -> Result<(), JobError> {
    let is_there = |path: &&Path| path.as_os_str().is_empty() || path.symlink_metadata().is_ok();
    let there = folder.ancestors().find(is_there).unwrap_or(folder);
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    if !there.is_dir() {
        return Err(JobError::NoFolder { folder: folder.to_owned(), found: there.to_owned() });
    }
    let refused = |source| JobError::Refused { folder: there.to_owned(), source };
    tempfile::tempfile_in(there).map(drop).map_err(refused)
}

/// Refuses a file whose folder can't be written into, or whose place a folder takes.
///
/// # Errors
/// [`JobError::IsFolder`], and those of [`check_folder`].
pub fn check_file(path: &Path) -> Result<(), JobError> {
    if path.is_dir() {
        return Err(JobError::IsFolder { path: path.to_owned() });
    }
    check_folder(path.parent().unwrap_or(Path::new("")))
}

/// Refuses a place for a bundle that somebody's file takes, or that can't be written.
///
/// # Errors
/// [`JobError::NoBundle`], and those of [`check_file`].
pub fn check_bundle(path: &Path) -> Result<(), JobError> {
    if !bundle::may_replace(path).map_err(JobError::file("opening", path))? {
        return Err(JobError::NoBundle { path: path.to_owned() });
    }
    check_file(path)
}

/// Refuses a symbolic link where something is to grow: what is written through it would lie outside of the folder of results.
pub(super) fn refuse_link(path: &Path) -> Result<(), JobError> {
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
        return Err(JobError::IsLink { path: path.to_owned() });
    }
    Ok(())
}

/// Makes a folder, checked before.
///
/// # Errors
/// Those of [`check_folder`].
pub fn prepare_folder(folder: &Path) -> Result<(), JobError> {
    check_folder(folder)?;
    fs::create_dir_all(folder).map_err(JobError::file("creating", folder))
}

/// Makes the folder of a file, if it has one.
pub(super) fn prepare_folder_of(path: &Path) -> Result<(), JobError> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => fs::create_dir_all(folder).map_err(JobError::file("creating", folder)),
        None => Ok(()),
    }
}

/// The folder of a file, or the nearest above it that is there.
pub(super) fn existing_folder(path: &Path) -> PathBuf {
    let here = || PathBuf::from(".");
    path.ancestors().skip(1).find(|folder| folder.is_dir()).map_or_else(here, Path::to_owned)
}

/// Writes a small file as a whole, and flushes it: what `run.json` calls complete is so after a power failure too.
pub(super) fn write_text(path: &Path, text: &str) -> Result<(), JobError> {
    write_bytes(path, text.as_bytes())
}

/// [`write_text`] of bytes.
pub(super) fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), JobError> {
    prepare_folder_of(path)?;
    replace(path, |file| file.write_all(bytes)).map_err(io::Error::from).map_err(JobError::file("writing", path))
}

/// [`write_text`] of what the report made, if it could be made.
pub(super) fn write_made(path: &Path, text: Result<String, ReportError>) -> Result<(), JobError> {
    write_text(path, &text.map_err(JobError::report(path))?)
}

/// A file that is not larger than it may be.
///
/// # Errors
/// [`JobError::TooLarge`], or it can't be read.
pub fn read_at_most(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, JobError> {
    let mut bytes = vec![];
    let file = fs::File::open(path).map_err(JobError::file("opening", path))?;
    file.take(limit_bytes + 1).read_to_end(&mut bytes).map_err(JobError::file("reading", path))?;
    if bytes.len() as u64 > limit_bytes {
        return Err(JobError::TooLarge { path: path.to_owned(), limit_mib: limit_bytes >> 20 });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn a_place_that_cannot_be_written_is_refused_and_a_good_one_is_left_as_it_was() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"x").unwrap();
        let wrong = [check_folder(&file), check_folder(&file.join("deeper/still")), check_file(folder.path())];
        for result in wrong {
            assert!(result.unwrap_err().to_string().contains("can't write"));
        }
        assert!(matches!(check_bundle(&file), Err(JobError::NoBundle { .. })));
        check_folder(&folder.path().join("new/deep")).unwrap();
        check_bundle(&folder.path().join("new/x.pcore")).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
