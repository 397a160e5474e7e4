//! The bundle before the last change, kept beside it.

use crate::bundle::{self, BundleError, Contents};
use crate::detect::Registry;
use crate::files::replace;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// End of the name of a kept bundle: `part.pcore.before` beside `part.pcore`.
pub const BEFORE_SUFFIX: &str = ".before";

/// Where the bundle before the last change of `path` is kept.
#[must_use]
pub fn before_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(BEFORE_SUFFIX);
    PathBuf::from(name)
}

/// Replaces the bundle at `path` by a changed one, and keeps what was there for [`undo`]. Whenever the process is killed, `path`
/// holds the old bundle or the new one, and the kept file is whole.
///
/// # Errors
/// [`BundleError`]: one of the files can't be written; the bundle is then as it was.
pub fn write_changed(path: &Path, contents: &Contents) -> Result<(), BundleError> {
    write_changed_with(path, contents, Registry::built_in())
}

/// As [`write_changed`], of one of the detectors in `registry`.
///
/// # Errors
/// As [`write_changed`].
pub fn write_changed_with(path: &Path, contents: &Contents, registry: &Registry) -> Result<(), BundleError> {
    if path.exists() {
        let refused = |source| BundleError::Keep { path: before_path(path), source };
        let mut old = File::open(path).map_err(refused)?;
        replace(&before_path(path), |file| io::copy(&mut old, file).map(drop))
            .map_err(|failure| refused(failure.into()))?;
    }
    bundle::write(path, contents, registry)
}

/// Puts the bundle before the last change in its place again, and keeps what was there: a second time brings it back. Gives
/// the contents that are in place now.
///
/// # Errors
/// [`BundleError`]: nothing is kept, what is kept is not sound, or the files can't be moved; the bundle is then as it was.
pub fn undo(path: &Path) -> Result<Contents, BundleError> {
    undo_with(path, Registry::built_in())
}

/// As [`undo`], of one of the detectors in `registry`.
///
/// # Errors
/// As [`undo`].
pub fn undo_with(path: &Path, registry: &Registry) -> Result<Contents, BundleError> {
    let kept = before_path(path);
    if !kept.exists() {
        return Err(BundleError::NothingKept { path: path.to_owned() });
    }
    let contents = bundle::read(&kept, registry)?;
    let refused = |source| BundleError::Keep { path: kept.clone(), source };
    let bytes = fs::read(path).map_err(refused)?;
    if fs::read(&kept).map_err(refused)? == bytes {
        return Err(BundleError::NothingKept { path: path.to_owned() });
    }
    // Killed in between, the undone bundle stays under this name.
    let mut undone = OsString::from(kept.as_os_str());
    undone.push(".undone");
    let undone = PathBuf::from(undone);
    replace(&undone, |file| file.write_all(&bytes)).map_err(|failure| refused(failure.into()))?;
    bundle::write(path, &contents, registry)?;
    fs::rename(&undone, &kept).map_err(refused)?;
    Ok(contents)
}
