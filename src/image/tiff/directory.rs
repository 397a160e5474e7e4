//! A first look at a TIFF's directory: the decoder takes memory for what an entry claims before it can be given limits.

use super::{FORMAT, ImageError};

/// The fields of one flavour: classic TIFF or BigTIFF.
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
}

/// Refuses a first directory with an entry whose values can't all be in the file. What is cut off or unknown is left to
/// the decoder, which says so.
pub(super) fn check(bytes: &[u8]) -> Result<(), ImageError> {
    let Some(flavour) = Flavour::of(bytes) else { return Ok(()) };
    let directory = flavour.number(bytes, flavour.pointer_at, flavour.word).and_then(|at| usize::try_from(at).ok());
    let Some(directory) = directory else { return Ok(()) };
    let Some(n_entries) = flavour.number(bytes, directory, flavour.count) else { return Ok(()) };
    // Tag, type, number of values, value or its place.
    let entry_bytes = 4 + 2 * flavour.word;
    for index in 0..usize::try_from(n_entries).unwrap_or(usize::MAX) {
        let at = index.checked_mul(entry_bytes).and_then(|at| at.checked_add(directory + flavour.count));
        let field = |offset: usize, n| flavour.number(bytes, at?.checked_add(offset)?, n);
        let (Some(tag), Some(kind), Some(n_values)) = (field(0, 2), field(2, 2), field(4, flavour.word)) else {
            return Ok(());
        };
        let Some(value_bytes) = value_bytes(kind) else {
            // The decoder steps over it as if this were a classic TIFF, and takes what follows for entries.
            if flavour.word == 8 {
                return Err(super::unsupported(format!("BigTIFF entry {tag} of type {kind}")));
            }
            continue;
        };
        if n_values.saturating_mul(value_bytes) > bytes.len() as u64 {
            let found = bytes.len();
            let reason =
                format!("entry {tag} claims {n_values} values, the file has {found} bytes: it may be truncated");
            return Err(ImageError::Malformed { format: FORMAT, reason });
        }
    }
    Ok(())
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
