//! A file with some bytes changed, without a copy of it.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

/// Reads `bytes`, with others in some places.
pub(super) struct Overlaid<'a> {
    file: Cursor<&'a [u8]>,
    /// Places and what is read there.
    changes: Vec<(usize, u8)>,
}

impl<'a> Overlaid<'a> {
    pub(super) fn new(bytes: &'a [u8], changes: Vec<(usize, u8)>) -> Self {
        Overlaid { file: Cursor::new(bytes), changes }
    }
}

impl Read for Overlaid<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let start = usize::try_from(self.file.position()).unwrap_or(usize::MAX);
        let n = self.file.read(buffer)?;
        for (at, byte) in &self.changes {
            if let Some(place) = at.checked_sub(start).and_then(|offset| buffer[..n].get_mut(offset)) {
                *place = *byte;
            }
        }
        Ok(n)
    }
}

impl Seek for Overlaid<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
