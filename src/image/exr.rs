//! A first look at the header of an `OpenEXR` file: its decoder takes memory by the data window and the tiles, while only the
//! display window is known from outside.

use super::{ImageError, Limits};

const FORMAT: &str = "OpenEXR";

/// Checks every data window and tile that the headers state. What is cut off or unknown is left to the decoder, which says
/// so.
///
/// ```text
/// 76 2f 31 01, version and flags (4 bytes)
/// attributes: name 00 type 00 length (4 bytes, little-endian) content ... 00
/// further headers of a file in parts, 00
/// ```
/// After the `OpenEXR` file layout document.
pub(super) fn check_windows(bytes: &[u8], limits: &Limits) -> Result<(), ImageError> {
    let mut largest = [0, 0];
    let mut grow = |height_px: i64, width_px: i64| {
        let (Ok(height), Ok(width)) = (u64::try_from(height_px), u64::try_from(width_px)) else {
            let reason = format!("it states a window of {height_px} x {width_px} pixels");
            return Err(ImageError::Malformed { format: FORMAT, reason });
        };
        largest = [largest[0].max(height), largest[1].max(width)];
        Ok(())
    };
    each_window(bytes, &mut grow)?;
    // Four channels of 32 bits, in two buffers.
    limits.check_size(largest[0], largest[1], 32, 3)
}

/// Calls `found` with the height and the width of every window and tile.
fn each_window(bytes: &[u8], found: &mut impl FnMut(i64, i64) -> Result<(), ImageError>) -> Result<(), ImageError> {
    const IN_PARTS: u8 = 0x10;
    let in_parts = bytes.get(5).is_some_and(|flags| flags & IN_PARTS != 0);
    let mut rest = bytes.get(8..).unwrap_or_default();
    let mut begins = true;
    while let Some((name, after)) = text(rest) {
        if name.is_empty() {
            // The end of a header, or of all of them.
            if begins || !in_parts {
                return Ok(());
            }
            (rest, begins) = (after, true);
            continue;
        }
        begins = false;
        let Some((kind, after)) = text(after) else { return Ok(()) };
        let Some((length, after)) = after.split_first_chunk::<4>() else { return Ok(()) };
        let length = u32::from_le_bytes(*length) as usize;
        let Some(content) = after.get(..length) else { return Ok(()) };
        match (kind, content) {
            (b"box2i", content) if content.len() == 16 => {
                let [left, top, right, bottom] = [0, 4, 8, 12].map(|i| {
                    i64::from(i32::from_le_bytes([content[i], content[i + 1], content[i + 2], content[i + 3]]))
                });
                found(bottom - top + 1, right - left + 1)?;
            }
            (b"tiledesc", [a, b, c, d, e, f, g, h, _]) => {
                let side = |bytes: [u8; 4]| i64::from(u32::from_le_bytes(bytes));
                found(side([*e, *f, *g, *h]), side([*a, *b, *c, *d]))?;
            }
            _ => {}
        }
        rest = &after[length..];
    }
    Ok(())
}

/// The bytes up to the next zero, and those behind it.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().take(256).position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}
