//! What the decoders do not tell, read from the containers themselves: the number of frames, and the significant bits of a
//! PNG.

use super::format::Format;

/// Frames of an animation; 1 for every other file. Where the bytes end early, those that begin before.
pub(super) fn n_frames(format: Format, bytes: &[u8]) -> usize {
    match format {
        Format::Gif => gif_frames(bytes).unwrap_or(1),
        Format::Png => {
            let said = png_chunk(bytes, b"acTL").and_then(|data| data.first_chunk::<4>());
            said.map_or(1, |n| u32::from_be_bytes(*n) as usize)
        }
        Format::WebP => riff_frames(bytes),
        _ => 1,
    }
}

/// The content of the first chunk of this kind that stands before the pixels of a PNG.
pub(super) fn png_chunk<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    let mut rest = bytes.get(8..)?;
    loop {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (found, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        if found == kind {
            return after.get(..length);
        }
        if found == b"IDAT" {
            return None;
        }
        // Behind the content stands a checksum of four bytes.
        rest = after.get(length.checked_add(4)?..)?;
    }
}

/// The significant bits of grey or colour samples, where a PNG states fewer than the `depth` it is decoded to.
pub(super) fn significant_bits(bytes: &[u8], depth: u32) -> Option<u32> {
    let [.., stored_depth, colour_type, _, _, _] = png_chunk(bytes, b"IHDR")? else { return None };
    let n_colours = match colour_type {
        0 | 4 => 1,
        2 | 6 => 3,
        // Palettes are always of eight bits.
        _ => return None,
    };
    let said = png_chunk(bytes, b"sBIT")?.get(..n_colours)?.iter().copied().max()?;
    let said = u32::from(said);
    (u32::from(*stored_depth) == depth && said > 0 && said < depth).then_some(said)
}

/// Frames of a WebP: its `ANMF` chunks.
fn riff_frames(bytes: &[u8]) -> usize {
    let mut rest = bytes.get(12..).unwrap_or_default();
    let mut n_frames = 0;
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let [a, b, c, d, length @ ..] = *head;
        n_frames += usize::from(&[a, b, c, d] == b"ANMF");
        let length = u32::from_le_bytes(length) as usize;
        rest = after.get(length.saturating_add(length % 2)..).unwrap_or_default();
    }
    n_frames.max(1)
}

/// Image descriptors of a GIF; `None` before the first.
fn gif_frames(bytes: &[u8]) -> Option<usize> {
    let table_bytes = |flags: u8| if flags & 0x80 == 0 { 0 } else { 6 << (flags & 7) };
    let mut at = 13 + table_bytes(*bytes.get(10)?);
    let mut n_frames = None;
    while let Some(kind) = bytes.get(at) {
        match kind {
            0x21 => at += 2,
            0x2c => {
                n_frames = Some(n_frames.unwrap_or(0) + 1);
                let Some(flags) = bytes.get(at + 9) else { break };
                at += 11 + table_bytes(*flags);
            }
            _ => break,
        }
        // Data follows in blocks with a length each, the last one of length 0.
        while let Some(length @ 1..) = bytes.get(at) {
            at += 1 + usize::from(*length);
        }
        at += 1;
    }
    n_frames
}
