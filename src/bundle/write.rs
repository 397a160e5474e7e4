//! From contents to bytes, and from bytes to a file that is either the old or the new one.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::header::{self, NO_CHECKSUM, TENSORS, Tensor};
use super::{BundleError, Contents, Defect, FORMAT_VERSION, MAX_FILE_BYTES, Manifest};

/// Age from which a temporary file counts as left behind by a killed process: one hour. A file that is
/// still being written is younger, every write renews its time.
pub const STALE_AFTER: Duration = Duration::from_secs(3600);

/// End of the names of temporary files.
const TEMPORARY_SUFFIX: &str = ".pcore.tmp";

/// Values converted to bytes at a time.
const CHUNK_VALUES: usize = 1 << 14;

/// Buffer between the converted values and the file.
const BUFFER_BYTES: usize = 1 << 20;

/// Writes a bundle file, replacing the one that is there.
///
/// The bytes go to a temporary file `.NAME.XXXXXX.pcore.tmp` in the same folder, which is flushed to the
/// disk and then renamed: at every moment, also after a crash, the path holds either the old bundle or the
/// new one. On an error the temporary file is removed. A killed process leaves it behind; it is never
/// read, and the next successful write of the same bundle removes it once it is [`STALE_AFTER`] old.
/// Of two processes that write the same bundle at once, the one that finishes last wins.
/// A symbolic link at `path` is replaced, not followed.
///
/// The writer sets `format_version`, `pcore_version`, `tensors_sha256` and `header_sha256` itself;
/// what `contents.manifest` says there is ignored.
///
/// # Errors
/// [`BundleError::Invalid`] where the contents are not consistent (a reader would refuse them),
/// [`BundleError::Write`] where the folder or the disk does not take the file,
/// [`BundleError::FolderSync`] where the file is in place but the folder could not be flushed.
pub fn write(path: &Path, contents: &Contents) -> Result<(), BundleError> {
    let Some(name) = path.file_name() else {
        return Err(BundleError::NoFileName { path: path.into() });
    };
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        Some(_) | None => Path::new("."),
    };
    let invalid = |defect: Defect| BundleError::Invalid { path: path.into(), defect: defect.into() };
    let header = seal(contents).map_err(invalid)?;
    let n_bytes = file_bytes(&header, contents).map_err(invalid)?;
    let failed =
        |source: io::Error| BundleError::Write { path: path.into(), n_bytes, way_out: way_out(&source), source };

    let temporary = temporary_file(folder, name).map_err(failed)?;
    let mut writer = BufWriter::with_capacity(BUFFER_BYTES, temporary.as_file());
    write_to(&mut writer, &header, contents).and_then(|()| writer.flush()).map_err(failed)?;
    drop(writer);
    temporary.as_file().sync_all().map_err(failed)?;
    temporary.persist(path).map_err(|error| failed(error.error))?;
    sync_folder(folder).map_err(|source| BundleError::FolderSync { path: path.into(), source })?;
    remove_stale(folder, name);
    Ok(())
}

/// The bytes [`write`] would put into the file.
///
/// # Errors
/// The [`Defect`] for which a reader would refuse the contents.
pub fn to_bytes(contents: &Contents) -> Result<Vec<u8>, Defect> {
    let header = seal(contents)?;
    let mut bytes = Vec::with_capacity(file_bytes(&header, contents)? as usize);
    write_to(&mut bytes, &header, contents)?;
    Ok(bytes)
}

/// The header of a file with these contents, once they are found consistent.
fn seal(contents: &Contents) -> Result<Vec<u8>, Defect> {
    contents.check()?;
    let mut sum = HashWriter(Sha256::new());
    write_tensors(&mut sum, contents)?;
    header::compose(&Manifest {
        format_version: FORMAT_VERSION,
        pcore_version: env!("CARGO_PKG_VERSION").into(),
        tensors_sha256: format!("{:x}", sum.0.finalize()),
        header_sha256: NO_CHECKSUM.into(),
        ..contents.manifest.clone()
    })
}

fn file_bytes(header: &[u8], contents: &Contents) -> Result<u64, Defect> {
    let n_values = contents.bank_rows.len() + 3 * contents.row_condition.len() + 2 * contents.calibration_scores.len();
    let found = 8 + header.len() as u64 + 4 * n_values as u64;
    if found > MAX_FILE_BYTES { Err(Defect::FileTooLarge { found, limit: MAX_FILE_BYTES }) } else { Ok(found) }
}

fn write_to(writer: &mut impl Write, header: &[u8], contents: &Contents) -> io::Result<()> {
    writer.write_all(&(header.len() as u64).to_le_bytes())?;
    writer.write_all(header)?;
    write_tensors(writer, contents)
}

fn write_tensors(writer: &mut impl Write, contents: &Contents) -> io::Result<()> {
    for tensor in TENSORS {
        match tensor {
            Tensor::BankRows => write_values(writer, &contents.bank_rows, f32::to_le_bytes)?,
            Tensor::RowCondition => write_values(writer, &contents.row_condition, u32::to_le_bytes)?,
            Tensor::RowSource => write_values(writer, &contents.row_source, u32::to_le_bytes)?,
            Tensor::RowPosition => write_values(writer, &contents.row_position, u32::to_le_bytes)?,
            Tensor::CalibrationScores => write_values(writer, &contents.calibration_scores, f32::to_le_bytes)?,
            Tensor::CalibrationCondition => write_values(writer, &contents.calibration_condition, u32::to_le_bytes)?,
        }
    }
    Ok(())
}

fn write_values<T: Copy>(writer: &mut impl Write, values: &[T], to_le_bytes: fn(T) -> [u8; 4]) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(4 * CHUNK_VALUES.min(values.len()));
    for chunk in values.chunks(CHUNK_VALUES) {
        bytes.clear();
        bytes.extend(chunk.iter().flat_map(|&value| to_le_bytes(value)));
        writer.write_all(&bytes)?;
    }
    Ok(())
}

/// Hashes what is written to it.
struct HashWriter(Sha256);

impl Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn temporary_file(folder: &Path, name: &OsStr) -> io::Result<NamedTempFile> {
    let prefix = temporary_prefix(name);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(TEMPORARY_SUFFIX);
    // The default is a file only its owner may read; a bundle is an ordinary file under the umask.
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
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Removes what killed writers of this bundle left behind. The bundle is written by now, so that nothing
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
            let path: PathBuf = entry.path();
            drop(fs::remove_file(path));
        }
    }
}

fn is_stale(entry: &fs::DirEntry) -> bool {
    entry.metadata().is_ok_and(|metadata| {
        let age = metadata.modified().ok().and_then(|modified| modified.elapsed().ok());
        metadata.is_file() && age.is_some_and(|age| age >= STALE_AFTER)
    })
}

fn way_out(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "free some space, write to another folder or use a smaller coreset"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "make the folder writable or write to another one"
        }
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "create the folder first",
        io::ErrorKind::IsADirectory => "a folder has this name, choose another one",
        _ => "check the folder and its disk",
    }
}
