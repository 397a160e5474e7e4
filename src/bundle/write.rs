//! From contents to bytes, and to a file.

use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::header::{self, NO_CHECKSUM, TENSORS, Tensor};
use super::{BundleError, Contents, Defect, FORMAT_VERSION, MANIFEST_KEY, MAX_FILE_BYTES, Manifest};
use crate::files::{ReplaceFailure, replace};

/// Bytes from the start of a file that tell a bundle: the length of the header, and the key of the manifest.
const SNIFFED_BYTES: u64 = 4096;

/// Whether a bundle may be written to `path`: nothing is there, or an empty file, or a bundle, sound or not. Any other file is
/// somebody's.
///
/// # Errors
/// What the system says.
pub fn may_replace(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
        Ok(found) if !found.is_file() => return Ok(false),
        Ok(_) => std::fs::File::open(path)?.take(SNIFFED_BYTES).read_to_end(&mut start)?,
    };
    let key = format!("\"{MANIFEST_KEY}\"");
    Ok(start.is_empty() || start.windows(key.len()).any(|window| window == key.as_bytes()))
}

/// Values converted to bytes at a time.
const CHUNK_VALUES: usize = 1 << 14;

/// Writes a bundle file, replacing the one that is there.
///
/// The bytes go to a temporary file `.NAME.XXXXXX.pcore.tmp` in the same folder, which is flushed to the
/// disk and then renamed: at every moment, also after a crash, the path holds either the old bundle or the
/// new one. On an error the temporary file is removed. A killed process leaves it behind; it is never
/// read, and the next successful write of the same bundle removes it once it is [`STALE_AFTER`](super::STALE_AFTER) old.
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
    let invalid = |defect: Defect| BundleError::Invalid { path: path.into(), defect: defect.into() };
    let header = seal(contents).map_err(invalid)?;
    let n_bytes = file_bytes(&header, contents).map_err(invalid)?;
    replace(path, |file| write_to(file, &header, contents)).map_err(|failure| match failure {
        ReplaceFailure::NoFileName => BundleError::NoFileName { path: path.into() },
        ReplaceFailure::Write(source) => {
            BundleError::Write { path: path.into(), n_bytes, way_out: way_out(&source), source }
        }
        ReplaceFailure::FolderSync(source) => BundleError::FolderSync { path: path.into(), source },
    })
}

/// The bytes [`write()`] would put into the file.
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
    let n_values = contents.bank_rows.len()
        + 3 * contents.row_condition.len()
        + 2 * contents.calibration_scores.len()
        + contents.other_scores.len()
        + contents.gate_points.len()
        + contents.gate_conditions.len()
        + contents.row_scale.len()
        + contents.density_scores.len()
        + contents.row_list.len();
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
            Tensor::OtherScores => write_values(writer, &contents.other_scores, f32::to_le_bytes)?,
            Tensor::GatePoints => write_values(writer, &contents.gate_points, f32::to_le_bytes)?,
            Tensor::GateConditions => write_values(writer, &contents.gate_conditions, u32::to_le_bytes)?,
            Tensor::RowScale => write_values(writer, &contents.row_scale, f32::to_le_bytes)?,
            Tensor::DensityScores => write_values(writer, &contents.density_scores, f32::to_le_bytes)?,
            Tensor::RowList => write_values(writer, &contents.row_list, u32::to_le_bytes)?,
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
