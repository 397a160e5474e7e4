//! The directory of a zip archive whose entries are stored, not compressed.
//!
//! `torch.save` never compresses. Refusing compressed entries means that no entry can be larger than the file.

use std::collections::BTreeMap;

use super::error::{FORMAT, bad};
use crate::model::weights::WeightsError;
use crate::model::weights::source::Source;
use crate::model::weights::stored::{MAX_NAME_BYTES, MAX_TENSORS};

/// Most bytes at the end of an archive in which its end record can lie: the record and the longest comment.
const MAX_END_BYTES: u64 = 22 + 65_535;
/// Largest directory accepted, in bytes.
const MAX_DIRECTORY_BYTES: u64 = 16 << 20;
/// Most entries.
const MAX_ENTRIES: usize = 2 * MAX_TENSORS;

/// One stored entry.
#[derive(Debug)]
pub(super) struct Entry {
    name: String,
    header_start: u64,
    length: u64,
}

/// The entries of an archive by name.
pub(super) fn entries(source: &Source) -> Result<BTreeMap<String, Entry>, WeightsError> {
    let (start, length) = directory(source)?;
    let bytes = source.read_vec(start, length, MAX_DIRECTORY_BYTES, "zip directory in bytes")?;
    let mut entries = BTreeMap::new();
    let mut rest = bytes.as_slice();
    while rest.starts_with(b"PK\x01\x02") {
        let (entry, used) = entry(rest)?;
        if entries.len() >= MAX_ENTRIES {
            return Err(WeightsError::TooLarge {
                what: "number of zip entries",
                limit: MAX_ENTRIES as u64,
                found: MAX_ENTRIES as u64 + 1,
            });
        }
        rest = &rest[used..];
        if let Some(twin) = entries.insert(entry.name.clone(), entry) {
            return Err(bad(&format!("two entries named {}", twin.name.escape_default())));
        }
    }
    Ok(entries)
}

/// First byte and length of an entry's content.
pub(super) fn locate(source: &Source, entry: &Entry) -> Result<(u64, u64), WeightsError> {
    let header = source.read_vec(entry.header_start, 30, 30, "zip header in bytes")?;
    if !header.starts_with(b"PK\x03\x04") {
        return Err(bad(&format!("no local header for entry {}", entry.name.escape_default())));
    }
    let start = entry.header_start + 30 + u64::from(u16_at(&header, 26)) + u64::from(u16_at(&header, 28));
    match start.checked_add(entry.length) {
        Some(end) if end <= source.len() => Ok((start, entry.length)),
        _ => Err(bad(&format!("entry {} reaches past the end of the file", entry.name.escape_default()))),
    }
}

/// First byte and length of the central directory.
fn directory(source: &Source) -> Result<(u64, u64), WeightsError> {
    let tail_length = source.len().min(MAX_END_BYTES);
    let tail_start = source.len() - tail_length;
    let tail = source.read_vec(tail_start, tail_length, MAX_END_BYTES, "zip end in bytes")?;
    let at = (0..tail.len().saturating_sub(21))
        .rev()
        .find(|at| tail[*at..].starts_with(b"PK\x05\x06"))
        .ok_or_else(|| bad("the zip directory is missing: the file may be truncated"))?;
    let end = &tail[at..];
    let (length, start) = (u64::from(u32_at(end, 12)), u64::from(u32_at(end, 16)));
    let is_64 = length == u64::from(u32::MAX) || start == u64::from(u32::MAX) || u16_at(end, 10) == u16::MAX;
    let locator = at.checked_sub(20).map(|at| &tail[at..at + 20]).filter(|l| l.starts_with(b"PK\x06\x07"));
    let Some(locator) = locator.filter(|_| is_64) else { return Ok((start, length)) };
    let record = source.read_vec(u64_at(locator, 8), 56, 56, "zip64 end in bytes")?;
    if !record.starts_with(b"PK\x06\x06") {
        return Err(bad("no zip64 end record where its locator points"));
    }
    Ok((u64_at(&record, 48), u64_at(&record, 40)))
}

/// The first entry of a directory and its length there.
fn entry(bytes: &[u8]) -> Result<(Entry, usize), WeightsError> {
    let cut = || bad("the zip directory ends in the middle of an entry");
    if bytes.len() < 46 {
        return Err(cut());
    }
    let (name_length, extra_length) = (usize::from(u16_at(bytes, 28)), usize::from(u16_at(bytes, 30)));
    let used = 46 + name_length + extra_length + usize::from(u16_at(bytes, 32));
    if bytes.len() < used {
        return Err(cut());
    }
    if name_length > MAX_NAME_BYTES {
        return Err(WeightsError::TooLarge {
            what: "zip entry name in bytes",
            limit: MAX_NAME_BYTES as u64,
            found: name_length as u64,
        });
    }
    let name =
        std::str::from_utf8(&bytes[46..46 + name_length]).map_err(|_| bad("an entry name that is no text"))?.to_owned();
    let mut sizes = [u64::from(u32_at(bytes, 24)), u64::from(u32_at(bytes, 20)), u64::from(u32_at(bytes, 42))];
    widen(&mut sizes, &bytes[46 + name_length..46 + name_length + extra_length]);
    let [length, packed, header_start] = sizes;
    let method = u16_at(bytes, 10);
    if method != 0 || packed != length {
        return Err(WeightsError::unsupported(
            FORMAT,
            format!(
                "zip entry {} is compressed; torch.save stores weights uncompressed, so save them again with it",
                name.escape_default()
            ),
        ));
    }
    if u16_at(bytes, 8) & 1 != 0 {
        return Err(WeightsError::unsupported(FORMAT, "the archive is encrypted"));
    }
    Ok((Entry { name, header_start, length }, used))
}

/// Replaces each 32-bit size that is all ones by its 64-bit value from the zip64 extra field.
fn widen(sizes: &mut [u64; 3], mut extra: &[u8]) {
    while extra.len() >= 4 {
        let (id, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let Some(mut field) = extra.get(4..4 + length) else { return };
        if id == 1 {
            for size in sizes.iter_mut().filter(|size| **size == u64::from(u32::MAX)) {
                if field.len() < 8 {
                    return;
                }
                *size = u64_at(field, 0);
                field = &field[8..];
            }
            return;
        }
        extra = &extra[4 + length..];
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
