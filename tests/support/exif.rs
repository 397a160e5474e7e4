//! EXIF blocks made byte by byte.

/// Tags of texts that tell when a picture was taken.
pub(crate) const TAKEN: u16 = 0x9003;
pub(crate) const SUBSECOND: u16 = 0x9291;
pub(crate) const OFFSET: u16 = 0x9011;

/// An EXIF block, a big-endian TIFF, whose EXIF directory has these texts by tag.
pub(crate) fn exif_block(texts: &[(u16, &str)]) -> Vec<u8> {
    let (n, begin) = (texts.len() as u16, 26u32);
    // The first directory says where that of EXIF lies.
    let mut block = b"MM\0\x2a\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01".to_vec();
    block.extend(begin.to_be_bytes());
    block.extend([0; 4]);
    block.extend(n.to_be_bytes());
    let mut long = vec![];
    for (tag, text) in texts {
        let value = [text.as_bytes(), b"\0"].concat();
        block.extend([tag.to_be_bytes(), 2u16.to_be_bytes()].concat());
        block.extend((value.len() as u32).to_be_bytes());
        if value.len() <= 4 {
            block.extend(value.iter().copied().chain([0; 4]).take(4));
        } else {
            block.extend((begin + 2 + 12 * u32::from(n) + 4 + long.len() as u32).to_be_bytes());
            long.extend(value);
        }
    }
    block.extend([0; 4]);
    block.extend(long);
    block
}

/// A JPEG with this block before all else.
pub(crate) fn with_exif(jpeg: &[u8], block: &[u8]) -> Vec<u8> {
    assert_eq!(jpeg[..2], [0xff, 0xd8]);
    let length = (block.len() as u16 + 8).to_be_bytes();
    [&jpeg[..2], b"\xff\xe1", &length, b"Exif\0\0", block, &jpeg[2..]].concat()
}
