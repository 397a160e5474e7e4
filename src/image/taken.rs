//! When a picture was taken, as its file says.

use super::caught::caught;
use super::format::Format;
use super::{ImageError, Limits, read_bytes};
use exif::{DateTime, Error, Exif, In, Reader, Tag, Value};
use std::io::Cursor;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// When the picture in this file was taken: `DateTimeOriginal` of its EXIF block, with `SubSecTimeOriginal` and
/// `OffsetTimeOriginal` where they are there, else in UTC. `None` where the file can't be read, is no JPEG, PNG, WebP or TIFF, or
/// tells no such time: no block, a broken one, a blank or impossible date, one before 1970.
#[must_use]
pub fn taken_at(path: &Path) -> Option<SystemTime> {
    let bytes = read_bytes(path, &Limits::default()).ok()?;
    let format = Format::sniff(&bytes)?;
    if !matches!(format, Format::Jpeg | Format::Png | Format::WebP | Format::Tiff) {
        return None;
    }
    caught(format.name(), || Ok::<_, ImageError>(block(bytes, format).as_ref().and_then(time))).ok().flatten()
}

/// The EXIF block of a file; of a broken one what can be read.
fn block(bytes: Vec<u8>, format: Format) -> Option<Exif> {
    let mut reader = Reader::new();
    reader.continue_on_error(true);
    let found = match format {
        Format::Tiff => reader.read_raw(bytes),
        _ => reader.read_from_container(&mut Cursor::new(bytes)),
    };
    found.or_else(|error: Error| error.distill_partial_result(|_| {})).ok()
}

fn time(exif: &Exif) -> Option<SystemTime> {
    let text = |tag: Tag| match &exif.get_field(tag, In::PRIMARY)?.value {
        Value::Ascii(texts) => texts.first().map(Vec::as_slice),
        _ => None,
    };
    let mut found = DateTime::from_ascii(text(Tag::DateTimeOriginal)?).ok()?;
    // What is broken of these says nothing.
    text(Tag::SubSecTimeOriginal).and_then(|text| found.parse_subsec(text).ok());
    text(Tag::OffsetTimeOriginal).and_then(|text| found.parse_offset(text).ok());
    let DateTime { year, month, day, hour, minute, second, nanosecond, offset } = found;
    // Impossible dates are refused here.
    let written = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
    let local = humantime::parse_rfc3339(&written).ok()? + Duration::from_nanos(nanosecond.unwrap_or(0).into());
    let offset = offset.unwrap_or(0);
    let away = Duration::from_secs(60 * u64::from(offset.unsigned_abs()));
    let found = if offset > 0 { local.checked_sub(away) } else { local.checked_add(away) };
    found.filter(|time| *time >= SystemTime::UNIX_EPOCH)
}
