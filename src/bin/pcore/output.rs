//! Places for results, looked at before the work begins.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;

/// Refuses a folder that can't be written into, or made; leaves nothing behind.
pub(crate) fn check_folder(folder: &Path) -> Result<()> {
    let is_there = |path: &&Path| path.as_os_str().is_empty() || path.symlink_metadata().is_ok();
    let there = folder.ancestors().find(is_there).unwrap_or(folder);
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    if !there.is_dir() {
        bail!("can't write results into {}: {} is no folder; choose another place", folder.display(), there.display());
    }
    tempfile::tempfile_in(there)
        .map(drop)
        .with_context(|| format!("can't write results into {}; choose another place", there.display()))
}

/// Refuses a file whose folder can't be written into, or whose place a folder takes.
pub(crate) fn check_file(path: &Path) -> Result<()> {
    if path.is_dir() {
        bail!("can't write {}: it is a folder; name a file", path.display());
    }
    check_folder(path.parent().unwrap_or(Path::new("")))
}

/// Refuses a symbolic link where something is to grow: what is written through it would lie outside of the folder of results.
pub(crate) fn refuse_link(path: &Path) -> Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
        bail!("{} is a symbolic link, which is not followed; remove it, or name another folder", path.display());
    }
    Ok(())
}

/// Makes a folder, checked before.
pub(crate) fn prepare_folder(folder: &Path) -> Result<()> {
    check_folder(folder)?;
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))
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
        check_folder(&folder.path().join("new/deep")).unwrap();
        check_file(&folder.path().join("new/x.pcore")).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
