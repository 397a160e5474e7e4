//! A file for values that do not fit in memory.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Bytes converted at a time.
const PIECE_BYTES: usize = 1 << 20;

/// Values in a file that no folder lists: where the system can, its name is removed before the first byte is written, so
/// that not even a killed process leaves it behind; elsewhere the system removes it when it is closed.
pub(crate) struct ScratchFile {
    file: File,
    folder: PathBuf,
    n_values: u64,
    piece: Vec<u8>,
}

impl ScratchFile {
    pub(crate) fn new(folder: &Path) -> io::Result<Self> {
        let file = tempfile::tempfile_in(folder)?;
        Ok(Self { file, folder: folder.to_owned(), n_values: 0, piece: Vec::with_capacity(PIECE_BYTES) })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn append(&mut self, values: &[f32]) -> io::Result<()> {
        for values in values.chunks(PIECE_BYTES / size_of::<f32>()) {
            self.piece.clear();
            self.piece.extend(values.iter().flat_map(|v| v.to_ne_bytes()));
            self.file.write_all(&self.piece)?;
            self.n_values += values.len() as u64;
        }
        Ok(())
    }

    /// Reads `n` values from the `start`-th on.
    pub(crate) fn read(&self, start: u64, n: usize) -> io::Result<Vec<f32>> {
        if start.checked_add(n as u64).is_none_or(|end| end > self.n_values) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut values = Vec::with_capacity(n);
        let mut piece = vec![0u8; PIECE_BYTES.min(n * size_of::<f32>())];
        while values.len() < n {
            let len = piece.len().min((n - values.len()) * size_of::<f32>());
            let offset = (start + values.len() as u64) * size_of::<f32>() as u64;
            read_exact_at(&self.file, &mut piece[..len], offset)?;
            values.extend(piece[..len].as_chunks::<4>().0.iter().map(|v| f32::from_ne_bytes(*v)));
        }
        Ok(values)
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let n = std::os::windows::fs::FileExt::seek_read(file, bytes, offset)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes = &mut bytes[n..];
        offset += n as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_bit_for_bit_and_no_file_is_to_be_seen() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut scratch = ScratchFile::new(folder.path()).unwrap();
        let values: Vec<f32> = (0..700_000u32).map(|i| f32::from_bits(i.wrapping_mul(2_654_435_761))).collect();
        for part in values.chunks(300_001) {
            scratch.append(part).unwrap();
        }
        if cfg!(unix) {
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        for (start, n) in [(0, values.len()), (0, 0), (5, 1), (262_143, 2), (100_000, 600_000)] {
            assert_eq!(bits(&scratch.read(start as u64, n).unwrap()), bits(&values[start..start + n]));
        }
        assert_eq!(scratch.read(699_999, 2).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(scratch.read(u64::MAX, 2).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
