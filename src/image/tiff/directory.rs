//! The directories of a TIFF, read before the decoder does: it takes memory for what an entry claims before it can be given
//! limits, and knows nothing of previews and pages.

use super::error::FORMAT;
use crate::image::ImageError;

/// Directories that a file may have: far more than any stack of images, few enough to list.
const MAX_DIRECTORIES: usize = 65_536;

/// The fields of one flavour: classic TIFF or BigTIFF.
#[derive(Clone, Copy)]
struct Flavour {
    big_endian: bool,
    /// Byte of the header at which the place of the directory stands.
    pointer_at: usize,
    /// Bytes of a place in the file, and of the number of values in an entry.
    word: usize,
    /// Bytes of the number of entries.
    count: usize,
}

impl Flavour {
    fn of(bytes: &[u8]) -> Option<Self> {
        let big_endian = bytes.starts_with(b"MM");
        let classic = Self { big_endian, pointer_at: 4, word: 4, count: 2 };
        match classic.number(bytes, 2, 2)? {
            42 => Some(classic),
            43 => Some(Self { pointer_at: 8, word: 8, count: 8, ..classic }),
            _ => None,
        }
    }

    /// The unsigned integer of `n` bytes at byte `at`; `None` beyond the end.
    fn number(&self, bytes: &[u8], at: usize, n: usize) -> Option<u64> {
        let field = bytes.get(at..at.checked_add(n)?)?;
        let join = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        Some(if self.big_endian { field.iter().fold(0, join) } else { field.iter().rev().fold(0, join) })
    }

    /// The bytes of a number of `n` bytes.
    fn bytes_of(&self, value: u64, n: usize) -> Vec<u8> {
        let mut bytes = value.to_le_bytes()[..n].to_vec();
        if self.big_endian {
            bytes.reverse();
        }
        bytes
    }
}

/// Where one directory of the file stands.
pub(super) struct Directory<'a> {
    bytes: &'a [u8],
    flavour: Flavour,
    at: usize,
}

/// One entry of a directory.
struct Entry {
    kind: u64,
    n_values: u64,
    /// Where its first value stands.
    value_at: usize,
}

/// All directories of the chain; empty where the header is cut off or unknown, which the decoder says.
///
/// # Errors
/// Where the chain leaves the file or runs in circles.
pub(super) fn list(bytes: &[u8]) -> Result<Vec<Directory<'_>>, ImageError> {
    let mut found: Vec<Directory<'_>> = vec![];
    let Some(flavour) = Flavour::of(bytes) else { return Ok(found) };
    let mut pointer = flavour.number(bytes, flavour.pointer_at, flavour.word);
    let mut seen = std::collections::BTreeSet::new();
    while let Some(place @ 1..) = pointer {
        let at = usize::try_from(place).unwrap_or(usize::MAX);
        let n_entries = flavour.number(bytes, at, flavour.count);
        let reason = match n_entries {
            None if found.is_empty() => return Ok(found),
            None => {
                let (index, n_bytes) = (found.len() + 1, bytes.len());
                format!("its directory {index} lies at byte {place}, the file has {n_bytes}: it may be truncated")
            }
            Some(_) if !seen.insert(at) => "its directories run in circles".to_owned(),
            Some(_) if found.len() == MAX_DIRECTORIES => format!("it has more than {MAX_DIRECTORIES} directories"),
            Some(n_entries) => {
                let directory = Directory { bytes, flavour, at };
                pointer = directory.entry_at(n_entries).and_then(|end| flavour.number(bytes, end, flavour.word));
                found.push(directory);
                continue;
            }
        };
        return Err(ImageError::Malformed { format: FORMAT, reason });
    }
    Ok(found)
}

impl Directory<'_> {
    /// Where entry `index` begins.
    fn entry_at(&self, index: u64) -> Option<usize> {
        // Tag, type, number of values, value or its place.
        let entry_bytes = 4 + 2 * self.flavour.word;
        usize::try_from(index).ok()?.checked_mul(entry_bytes)?.checked_add(self.at)?.checked_add(self.flavour.count)
    }

    fn n_entries(&self) -> u64 {
        self.flavour.number(self.bytes, self.at, self.flavour.count).unwrap_or(0)
    }

    /// The entry at a place in the directory: its tag, and what it says of its values.
    fn entry(&self, index: u64) -> Option<(u64, Entry)> {
        let Flavour { word, .. } = self.flavour;
        let at = self.entry_at(index)?;
        let field = |offset: usize, n| self.flavour.number(self.bytes, at.checked_add(offset)?, n);
        let (tag, kind, n_values) = (field(0, 2)?, field(2, 2)?, field(4, word)?);
        let inline = at + 4 + word;
        let fits = value_bytes(kind).is_none_or(|bytes| n_values.saturating_mul(bytes) <= word as u64);
        let value_at = if fits { inline } else { usize::try_from(field(4 + word, word)?).ok()? };
        Some((tag, Entry { kind, n_values, value_at }))
    }

    fn find(&self, tag: u16) -> Option<Entry> {
        let entries = (0..self.n_entries()).map_while(|index| self.entry(index));
        entries.filter(|(found, _)| *found == u64::from(tag)).map(|(_, entry)| entry).next()
    }

    /// The first value of an entry of unsigned integers.
    pub(super) fn integer(&self, tag: u16) -> Option<u64> {
        self.integers(tag, 1)?.first().copied()
    }

    /// The first `n` values of an entry of unsigned integers; `None` where it has fewer.
    pub(super) fn integers(&self, tag: u16, n: usize) -> Option<Vec<u64>> {
        let Entry { kind, n_values, value_at } = self.find(tag)?;
        let bytes = value_bytes(kind).filter(|_| matches!(kind, 1 | 3 | 4 | 16) && n_values >= n as u64)? as usize;
        (0..n).map(|i| self.flavour.number(self.bytes, value_at.checked_add(i.checked_mul(bytes)?)?, bytes)).collect()
    }

    /// The first value of an entry of numbers of any type.
    pub(super) fn real(&self, tag: u16) -> Option<f64> {
        let Entry { kind, n_values: 1.., value_at } = self.find(tag)? else { return None };
        let bits = self.flavour.number(self.bytes, value_at, value_bytes(kind)? as usize)?;
        match kind {
            1 | 3 | 4 | 16 => Some(bits as f64),
            6 => Some(f64::from(bits as u8 as i8)),
            8 => Some(f64::from(bits as u16 as i16)),
            9 => Some(f64::from(bits as u32 as i32)),
            11 => Some(f64::from(f32::from_bits(bits as u32))),
            12 => Some(f64::from_bits(bits)),
            _ => None,
        }
    }

    /// Bytes to lay over the file so that this directory is the first one.
    pub(super) fn as_first(&self) -> Vec<(usize, u8)> {
        self.overlay(self.flavour.pointer_at, self.at as u64, self.flavour.word)
    }

    /// Bytes to lay over the file so that an entry has another value; none where there is no such entry.
    pub(super) fn with_integer(&self, tag: u16, value: u64) -> Vec<(usize, u8)> {
        let Some(entry) = self.find(tag) else { return vec![] };
        let n = value_bytes(entry.kind).map_or(0, |n| n as usize);
        self.overlay(entry.value_at, value, n)
    }

    fn overlay(&self, at: usize, value: u64, n: usize) -> Vec<(usize, u8)> {
        self.flavour.bytes_of(value, n).into_iter().enumerate().map(|(i, byte)| (at + i, byte)).collect()
    }

    /// Refuses entries whose values can't all be in the file.
    pub(super) fn check(&self) -> Result<(), ImageError> {
        for (tag, Entry { kind, n_values, .. }) in (0..self.n_entries()).map_while(|index| self.entry(index)) {
            let Some(value_bytes) = value_bytes(kind) else {
                // The decoder steps over it as if this were a classic TIFF, and takes what follows for entries.
                if self.flavour.word == 8 {
                    return Err(super::unsupported(format!("BigTIFF entry {tag} of type {kind}")));
                }
                continue;
            };
            let found = self.bytes.len();
            if n_values.saturating_mul(value_bytes) > found as u64 {
                let reason =
                    format!("entry {tag} claims {n_values} values, the file has {found} bytes: it may be truncated");
                return Err(ImageError::Malformed { format: FORMAT, reason });
            }
        }
        Ok(())
    }
}

/// Bytes of one value of a directory entry's type, TIFF 6.0 section 2 and the BigTIFF proposal; `None` for other types.
fn value_bytes(kind: u64) -> Option<u64> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 | 16..=18 => Some(8),
        _ => None,
    }
}
