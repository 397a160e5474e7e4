//! Replacing a file so that its path holds either the old or the new one, whatever happens.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use tempfile::NamedTempFile;

/// Age from which a temporary file counts as left behind by a killed process: one hour. A file that is
/// still being written is younger, every write renews its time.
pub const STALE_AFTER: Duration = Duration::from_secs(3600);

/// End of the names of temporary files.
pub(crate) const TEMPORARY_SUFFIX: &str = ".pcore.tmp";

/// Bytes gathered before they go to the system.
const BUFFER_BYTES: usize = 1 << 20;

/// Where the replacement stopped.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReplaceFailure {
    /// The path names no file.
    NoFileName,
    /// The new file was not written; the old one is unchanged.
    Write(io::Error),
    /// The new file is in place, but the folder was not flushed.
    FolderSync(io::Error),
}

impl From<ReplaceFailure> for io::Error {
    fn from(failure: ReplaceFailure) -> Self {
        match failure {
            ReplaceFailure::NoFileName => Self::new(io::ErrorKind::InvalidFilename, "the path names no file"),
            ReplaceFailure::Write(error) | ReplaceFailure::FolderSync(error) => error,
        }
    }
}

/// Writes a temporary file beside `path`, flushes it to the disk, renames it to `path`, flushes the
/// folder, and removes what killed writers of the same file left behind. A symbolic link at `path` is replaced, not
/// followed.
///
/// # Errors
/// [`ReplaceFailure`]; the temporary file is removed.
pub fn replace(path: &Path, fill: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>) -> Result<(), ReplaceFailure> {
    let name = path.file_name().ok_or(ReplaceFailure::NoFileName)?;
    let folder = folder_of(path);
    let temporary = temporary_file(folder, name).map_err(ReplaceFailure::Write)?;
    let mut writer = BufWriter::with_capacity(BUFFER_BYTES, temporary.as_file());
    fill(&mut writer).and_then(|()| writer.flush()).map_err(ReplaceFailure::Write)?;
    drop(writer);
    temporary.as_file().sync_all().map_err(ReplaceFailure::Write)?;
    temporary.persist(path).map_err(|error| ReplaceFailure::Write(error.error))?;
    sync_folder(folder).map_err(ReplaceFailure::FolderSync)?;
    remove_stale(folder, name);
    Ok(())
}

/// Replaces `path` by a file with these bytes: whole for every reader, also where the process is killed, but not flushed to
/// the disk, for files that are many and can be made again. A symbolic link at `path` is replaced, not followed.
///
/// # Errors
/// What the system says; the temporary file is removed.
pub fn replace_unsynced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(ReplaceFailure::NoFileName)?;
    let mut temporary = temporary_file(folder_of(path), name)?;
    temporary.write_all(bytes)?;
    temporary.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// The folder a file is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        Some(_) | None => Path::new("."),
    }
}

/// Whether a file of this name is one that a killed process left behind: `.NAME.XXXXXX.pcore.tmp`.
pub(super) fn is_temporary(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".") && name.ends_with(TEMPORARY_SUFFIX.as_bytes())
}

/// A file that is to be renamed to `name` in `folder`.
fn temporary_file(folder: &Path, name: &OsStr) -> io::Result<NamedTempFile> {
    let prefix = temporary_prefix(name);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(TEMPORARY_SUFFIX);
    // The default is a file only its owner may read; ours is an ordinary file under the umask.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

fn temporary_prefix(name: &OsStr) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    prefix
}

/// Makes the rename itself survive a power failure. Only Unix can flush a folder.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Removes what killed writers of this file left behind. The file is written by now, so that nothing
/// that goes wrong here is worth an error: the next write tries again.
fn remove_stale(folder: &Path, name: &OsStr) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let prefix = temporary_prefix(name);
    for entry in entries.flatten() {
        let file_name = entry.file_name();
        let file_name = file_name.as_encoded_bytes();
        let is_ours = file_name.starts_with(prefix.as_encoded_bytes())
            && file_name.ends_with(TEMPORARY_SUFFIX.as_bytes())
            && file_name.len() > prefix.len() + TEMPORARY_SUFFIX.len();
        if is_ours && is_stale(&entry) {
            drop(fs::remove_file(entry.path()));
        }
    }
}

fn is_stale(entry: &fs::DirEntry) -> bool {
    entry.metadata().is_ok_and(|metadata| {
        let age = metadata.modified().ok().and_then(|modified| modified.elapsed().ok());
        metadata.is_file() && age.is_some_and(|age| age >= STALE_AFTER)
    })
}
