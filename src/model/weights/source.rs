//! Where the bytes of a weight file are: in memory, or in an open file read piece by piece.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::WeightsError;

/// Largest weight file accepted, in bytes.
pub(crate) const MAX_FILE_BYTES: u64 = 8 << 30;

/// Random access to the bytes of one file.
///
/// Tensors are read one at a time into the buffer the network keeps, so a loaded network costs its weights once.
/// A memory map would count the same pages a second time and end the process if the file shrank under it.
#[derive(Debug)]
pub(crate) enum Source {
    /// All bytes are here.
    Memory(Vec<u8>),
    /// An open file and its length when it was opened.
    File(Mutex<File>, u64),
}

impl Source {
    /// Opens a file.
    pub(crate) fn open(path: &Path) -> Result<Self, WeightsError> {
        let io = |source| WeightsError::Io { action: "open", path: path.to_path_buf(), source };
        let file = File::open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        if !metadata.is_file() {
            return Err(io(std::io::Error::other("not a file")));
        }
        if metadata.len() > MAX_FILE_BYTES {
            return Err(WeightsError::TooLarge {
                what: "weight file in bytes",
                limit: MAX_FILE_BYTES,
                found: metadata.len(),
            });
        }
        Ok(Self::File(Mutex::new(file), metadata.len()))
    }

    /// Number of bytes.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(_, len) => *len,
        }
    }

    /// Fills `buffer` from byte `start`.
    pub(crate) fn read_at(&self, start: u64, buffer: &mut [u8]) -> Result<(), WeightsError> {
        let length = buffer.len();
        let end = start.checked_add(length as u64).filter(|end| *end <= self.len());
        let result = match (end, self) {
            (None, _) => Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof)),
            (Some(end), Self::Memory(bytes)) => {
                buffer.copy_from_slice(&bytes[start as usize..end as usize]);
                Ok(())
            }
            (Some(_), Self::File(file, _)) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(buffer))
            }
        };
        result.map_err(|source| WeightsError::Read { start, length, source })
    }

    /// `length` bytes from `start`, refused above `limit` before anything is allocated.
    pub(crate) fn read_vec(
        &self,
        start: u64,
        length: u64,
        limit: u64,
        what: &'static str,
    ) -> Result<Vec<u8>, WeightsError> {
        if length > limit {
            return Err(WeightsError::TooLarge { what, limit, found: length });
        }
        if start.checked_add(length).is_none_or(|end| end > self.len()) {
            let source = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
            return Err(WeightsError::Read { start, length: length as usize, source });
        }
        let mut buffer = vec![0; length as usize];
        self.read_at(start, &mut buffer)?;
        Ok(buffer)
    }
}
