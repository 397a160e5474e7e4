//! Is a JPEG stream whole? The decoder fills what is missing with grey and reports success; a
//! half-grey image would be inspected as if the camera had seen it.
//!
//! ```text
//! FF D8                      start of image
//! FF mm LL LL ...            segment, length LL LL counts itself
//! FF DA LL LL ... data       scan; in its data FF is followed by 00 (a literal FF) or D0-D7 (restart)
//! FF D9                      end of image
//! ```
//! After ITU-T T.81, annex B.

use super::ImageError;

/// Refuses the kinds of JPEG that are sound and not read here, which the decoder calls damaged: more than eight bits,
/// lossless, hierarchical, arithmetic coding, JPEG-LS.
///
/// # Errors
/// [`ImageError::Unsupported`] with the kind.
pub(super) fn check_process(bytes: &[u8]) -> Result<(), ImageError> {
    let mut position = 2;
    while let Some(marker) = next_marker(bytes, &mut position) {
        let kind = match marker {
            // Start of frame: baseline, extended sequential, progressive; all with Huffman codes.
            0xc0..=0xc2 => match bytes.get(position + 2) {
                Some(8) | None => return Ok(()),
                Some(bits) => return Err(unsupported(format!("{bits} bits per sample"))),
            },
            0xc3 => "lossless coding",
            0xc5..=0xc7 | 0xde => "hierarchical coding",
            0xc9..=0xcb | 0xcd..=0xcf => "arithmetic coding",
            0xf7 => "the coding of JPEG-LS",
            0xd9 | 0xda => return Ok(()),
            _ => {
                skip(bytes, marker, &mut position);
                continue;
            }
        };
        return Err(unsupported(kind.to_owned()));
    }
    Ok(())
}

/// Whether the picture comes in several scans, whose coefficients are all held until the last one.
pub(super) fn is_progressive(bytes: &[u8]) -> bool {
    let mut position = 2;
    while let Some(marker) = next_marker(bytes, &mut position) {
        match marker {
            0xc2 => return true,
            0xc0 | 0xc1 | 0xc3 | 0xd9 | 0xda => return false,
            _ => skip(bytes, marker, &mut position),
        }
    }
    false
}

fn unsupported(found: String) -> ImageError {
    ImageError::Unsupported { format: "JPEG", found }
}

/// Walks the segments from the start to the end-of-image marker.
///
/// # Errors
/// If the bytes end before that marker.
pub(super) fn check_complete(bytes: &[u8]) -> Result<(), ImageError> {
    let mut position = 2;
    loop {
        // Outside scans a marker follows at once; inside a scan, data comes first. Looking for the
        // next real marker covers both, and stray bytes between segments that decoders tolerate.
        let Some(marker) = next_marker(bytes, &mut position) else {
            return Err(ImageError::Malformed {
                format: "JPEG",
                reason: format!("it ends after {} bytes without an end-of-image marker", bytes.len()),
            });
        };
        if marker == 0xd9 {
            return Ok(());
        }
        skip(bytes, marker, &mut position);
    }
}

/// Moves behind the segment of a marker.
fn skip(bytes: &[u8], marker: u8, position: &mut usize) {
    // Markers without a segment: TEM, restarts, a second start of image.
    if matches!(marker, 0x01 | 0xd0..=0xd8) {
        return;
    }
    let length = match bytes.get(*position..*position + 2) {
        Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])),
        _ => bytes.len(),
    };
    *position += length.max(2);
}

/// The next marker's code; `position` moves behind it.
fn next_marker(bytes: &[u8], position: &mut usize) -> Option<u8> {
    loop {
        let offset = bytes.get(*position..)?.iter().position(|&byte| byte == 0xff)?;
        *position += offset + 1;
        match *bytes.get(*position)? {
            0x00 => *position += 1,
            // A fill byte: the marker's code is still to come.
            0xff => {}
            code => {
                *position += 1;
                return Some(code);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check_complete;

    #[test]
    fn an_end_marker_inside_a_thumbnail_segment_does_not_count() {
        let whole = [
            &[0xff, 0xd8, 0xff, 0xe1, 0x00, 0x06, 0xff, 0xd8, 0xff, 0xd9][..],
            &[0xff, 0xda, 0x00, 0x02, 0x12, 0xff, 0x00, 0x34, 0xff, 0xd3, 0x56, 0xff, 0xff, 0xd9],
        ]
        .concat();
        assert!(check_complete(&whole).is_ok());
        for length in 2..whole.len() {
            assert!(check_complete(&whole[..length]).is_err(), "{length} bytes");
        }
    }
}
