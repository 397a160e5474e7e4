//! From contents to bytes, and to a file.

use std::io::{self, Read, Write};
use std::path::Path;

use data_encoding::HEXLOWER;
use half::f16;
use sha2::{Digest, Sha256};

use super::contents::{Slice, specs};
use super::header::{self, NO_CHECKSUM};
use super::{
    BundleError, Contents, Defect, FORMAT_VERSION, MANIFEST_KEY, MAX_FILE_BYTES, Manifest, Sections, TensorSpec,
};
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
pub fn write(path: &Path, contents: &Contents, sections: &dyn Sections) -> Result<(), BundleError> {
    let invalid = |defect: Defect| BundleError::Invalid { path: path.into(), defect: defect.into() };
    let sealed = Sealed::new(contents, sections).map_err(invalid)?;
    let n_bytes = sealed.n_bytes().map_err(invalid)?;
    replace(path, |file| sealed.write_to(file)).map_err(|failure| match failure {
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
pub fn to_bytes(contents: &Contents, sections: &dyn Sections) -> Result<Vec<u8>, Defect> {
    let sealed = Sealed::new(contents, sections)?;
    let mut bytes = Vec::with_capacity(sealed.n_bytes()? as usize);
    sealed.write_to(&mut bytes)?;
    Ok(bytes)
}

/// Contents that were found consistent, with their header.
struct Sealed<'a> {
    contents: &'a Contents,
    specs: Vec<TensorSpec>,
    header: Vec<u8>,
}

impl<'a> Sealed<'a> {
    fn new(contents: &'a Contents, sections: &dyn Sections) -> Result<Self, Defect> {
        contents.check_with(sections)?;
        let mut specs = specs(&contents.manifest, sections)?;
        specs.retain(TensorSpec::is_held);
        let mut sealed = Self { contents, specs, header: vec![] };
        let mut sum = HashWriter(Sha256::new());
        sealed.write_tensors(&mut sum)?;
        let manifest = Manifest {
            format_version: FORMAT_VERSION,
            pcore_version: env!("CARGO_PKG_VERSION").into(),
            tensors_sha256: HEXLOWER.encode(&sum.0.finalize()),
            header_sha256: NO_CHECKSUM.into(),
            ..contents.manifest.clone()
        };
        sealed.header = header::compose(&manifest, &sealed.specs)?;
        Ok(sealed)
    }

    fn n_bytes(&self) -> Result<u64, Defect> {
        let n_bytes: usize = self.specs.iter().filter_map(|spec| Some(spec.n_values()? * spec.width())).sum();
        let found = 8 + (self.header.len() + n_bytes) as u64;
        if found > MAX_FILE_BYTES { Err(Defect::FileTooLarge { found, limit: MAX_FILE_BYTES }) } else { Ok(found) }
    }

    fn write_to(&self, writer: &mut impl Write) -> io::Result<()> {
        writer.write_all(&(self.header.len() as u64).to_le_bytes())?;
        writer.write_all(&self.header)?;
        self.write_tensors(writer)
    }

    fn write_tensors(&self, writer: &mut impl Write) -> io::Result<()> {
        for spec in &self.specs {
            match self.contents.get(&spec.name) {
                Some(Slice::Numbers(values)) => write_values(writer, values, f32::to_le_bytes)?,
                Some(Slice::Halves(values)) => write_values(writer, values, f16::to_le_bytes)?,
                Some(Slice::Indices(values)) => write_values(writer, values, u32::to_le_bytes)?,
                // It was there when the contents were checked.
                None => {}
            }
        }
        Ok(())
    }
}

fn write_values<T: Copy, const N: usize>(
    writer: &mut impl Write,
    values: &[T],
    to_le_bytes: fn(T) -> [u8; N],
) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(N * CHUNK_VALUES.min(values.len()));
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
