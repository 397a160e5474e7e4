//! Image files made byte by byte, for flavours that no encoder at hand writes.

use std::io::Cursor;

/// A TIFF flavour. Samples are given little-endian, one byte string each, and turned as needed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TiffFlavour {
    pub(crate) big_endian: bool,
    pub(crate) big_tiff: bool,
    /// Rows and columns of a tile; strips otherwise.
    pub(crate) tile: Option<(usize, usize)>,
    pub(crate) rows_per_strip: usize,
    pub(crate) pack_bits: bool,
    /// One plane per channel.
    pub(crate) planar: bool,
    pub(crate) n_channels: usize,
    /// 0 white is zero, 1 black is zero, 2 RGB, 3 palette.
    pub(crate) photometric: u16,
    /// Value of the `ExtraSamples` tag: 2 is alpha.
    pub(crate) extra_sample: Option<u16>,
    pub(crate) bits: u16,
    /// 1 unsigned, 2 signed, 3 float.
    pub(crate) sample_format: u16,
    /// Replaces the compression tag's value.
    pub(crate) compression: Option<u16>,
    /// Replaces rows and columns in the directory, not in the data.
    pub(crate) claimed_size: Option<(u32, u32)>,
}

pub(crate) const GREY_F32: TiffFlavour = TiffFlavour {
    big_endian: false,
    big_tiff: false,
    tile: None,
    rows_per_strip: 2,
    pack_bits: false,
    planar: false,
    n_channels: 1,
    photometric: 1,
    extra_sample: None,
    bits: 32,
    sample_format: 3,
    compression: None,
    claimed_size: None,
};

impl TiffFlavour {
    /// The file: header, directory, long values, pixel data. `samples` is
    /// `[height, width, n_channels]`, interleaved.
    pub(crate) fn build(&self, samples: &[Vec<u8>], height: usize, width: usize) -> Vec<u8> {
        assert_eq!(samples.len(), height * width * self.n_channels);
        let chunks: Vec<Vec<u8>> =
            self.planes(samples).iter().flat_map(|(plane, n)| self.chunks(plane, *n, height, width)).collect();
        let (rows, columns) = self.claimed_size.unwrap_or((height as u32, width as u32));
        let compression = if self.pack_bits { 32773 } else { 1 };
        let mut tags: Vec<(u16, u16, Vec<u64>)> = vec![
            (256, 4, vec![columns.into()]),
            (257, 4, vec![rows.into()]),
            (258, 3, vec![self.bits.into(); self.n_channels]),
            (259, 3, vec![self.compression.unwrap_or(compression).into()]),
            (262, 3, vec![self.photometric.into()]),
            (277, 3, vec![self.n_channels as u64]),
            (284, 3, vec![1 + u64::from(self.planar)]),
            (339, 3, vec![self.sample_format.into(); self.n_channels]),
        ];
        let lengths = chunks.iter().map(|chunk| chunk.len() as u64).collect();
        let offsets_tag = match self.tile {
            Some((tile_rows, tile_columns)) => {
                tags.push((322, 4, vec![tile_columns as u64]));
                tags.push((323, 4, vec![tile_rows as u64]));
                tags.push((325, 4, lengths));
                324
            }
            None => {
                let rows_per_strip = match self.claimed_size {
                    Some((rows, _)) => u64::from(rows),
                    None => self.rows_per_strip as u64,
                };
                tags.push((278, 4, vec![rows_per_strip]));
                tags.push((279, 4, lengths));
                273
            }
        };
        if let Some(kind) = self.extra_sample {
            tags.push((338, 3, vec![kind.into()]));
        }
        // The offsets are known only once everything before the data has its length.
        let mut offsets = vec![0; chunks.len()];
        let mut start = self.head(&tags, offsets_tag, &offsets).len() as u64;
        for (offset, chunk) in offsets.iter_mut().zip(&chunks) {
            *offset = start;
            start += chunk.len() as u64;
        }
        let mut file = self.head(&tags, offsets_tag, &offsets);
        file.extend(chunks.concat());
        file
    }

    fn head(&self, tags: &[(u16, u16, Vec<u64>)], offsets_tag: u16, offsets: &[u64]) -> Vec<u8> {
        let mut tags = tags.to_vec();
        tags.push((offsets_tag, 4, offsets.to_vec()));
        tags.sort();
        let mut head: Vec<u8> = if self.big_endian { b"MM".to_vec() } else { b"II".to_vec() };
        let (word, entry) = if self.big_tiff { (8, 20) } else { (4, 12) };
        let directory = if self.big_tiff {
            head.extend(self.number(43, 2));
            head.extend(self.number(8, 2));
            head.extend(self.number(0, 2));
            head.extend(self.number(16, 8));
            head.extend(self.number(tags.len() as u64, 8));
            24
        } else {
            head.extend(self.number(42, 2));
            head.extend(self.number(8, 4));
            head.extend(self.number(tags.len() as u64, 2));
            10
        };
        let mut outside = Vec::new();
        let outside_start = directory + tags.len() * entry + word;
        for (tag, kind, values) in &tags {
            head.extend(self.number((*tag).into(), 2));
            head.extend(self.number((*kind).into(), 2));
            head.extend(self.number(values.len() as u64, word));
            let size = if *kind == 3 { 2 } else { 4 };
            let mut bytes: Vec<u8> = values.iter().flat_map(|&value| self.number(value, size)).collect();
            if bytes.len() > word {
                head.extend(self.number((outside_start + outside.len()) as u64, word));
                outside.extend(bytes);
            } else {
                bytes.resize(word, 0);
                head.extend(bytes);
            }
        }
        head.extend(self.number(0, word));
        head.extend(outside);
        head
    }

    fn number(&self, value: u64, size: usize) -> Vec<u8> {
        let mut bytes = value.to_le_bytes()[..size].to_vec();
        if self.big_endian {
            bytes.reverse();
        }
        bytes
    }

    fn planes(&self, samples: &[Vec<u8>]) -> Vec<(Vec<Vec<u8>>, usize)> {
        if !self.planar {
            return vec![(samples.to_vec(), self.n_channels)];
        }
        let plane = |c| samples.iter().skip(c).step_by(self.n_channels).cloned().collect();
        (0..self.n_channels).map(|c| (plane(c), 1)).collect()
    }

    /// Strips or tiles of one plane with `n` samples per pixel.
    fn chunks(&self, plane: &[Vec<u8>], n: usize, height: usize, width: usize) -> Vec<Vec<u8>> {
        let (rows, columns) = self.tile.unwrap_or((self.rows_per_strip, width));
        let mut chunks = Vec::new();
        for top in (0..height).step_by(rows) {
            for left in (0..width).step_by(columns) {
                let mut chunk = Vec::new();
                // A tile is always whole, the last strip is not.
                let bottom = if self.tile.is_some() { top + rows } else { height.min(top + rows) };
                for y in top..bottom {
                    for x in left..left + columns {
                        for c in 0..n {
                            let padding = vec![0xab; plane[0].len()];
                            let inside = y < height && x < width;
                            let sample = if inside { &plane[(y * width + x) * n + c] } else { &padding };
                            let turned = sample.iter().rev().copied();
                            if self.big_endian {
                                chunk.extend(turned);
                            } else {
                                chunk.extend(sample);
                            }
                        }
                    }
                }
                chunks.push(if self.pack_bits { pack_bits(&chunk) } else { chunk });
            }
        }
        chunks
    }
}

/// Runs of two and more as repeats, the rest as literals.
fn pack_bits(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    for run in bytes.chunk_by(|a, b| a == b) {
        for part in run.chunks(128) {
            if part.len() > 1 {
                packed.extend([(257 - part.len()) as u8, part[0]]);
            } else {
                packed.extend([0, part[0]]);
            }
        }
    }
    packed
}

/// A PNG: `header` is depth and colour type, `rows` are filter byte and packed samples each.
pub(crate) fn png(width: u32, height: u32, header: [u8; 2], extra: &[(&[u8; 4], &[u8])], rows: &[u8]) -> Vec<u8> {
    let mut ihdr = [width.to_be_bytes(), height.to_be_bytes()].concat();
    ihdr.extend([header[0], header[1], 0, 0, 0]);
    // zlib with one stored block.
    let length = rows.len() as u16;
    let mut idat = vec![0x78, 0x01, 0x01];
    idat.extend(length.to_le_bytes());
    idat.extend((!length).to_le_bytes());
    idat.extend(rows);
    let (mut a, mut b) = (1_u32, 0_u32);
    for &byte in rows {
        a = (a + u32::from(byte)) % 65521;
        b = (b + a) % 65521;
    }
    idat.extend(((b << 16) | a).to_be_bytes());
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunks: Vec<(&[u8; 4], &[u8])> = vec![(b"IHDR", &ihdr)];
    chunks.extend(extra);
    chunks.extend([(b"IDAT", &*idat), (b"IEND", &[][..])]);
    for (name, data) in chunks {
        file.extend((data.len() as u32).to_be_bytes());
        let body = [&name[..], data].concat();
        file.extend(&body);
        file.extend(crc32(&body).to_be_bytes());
    }
    file
}

pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// An RGB picture in one of the formats that the `image` crate encodes.
pub(crate) fn encoded(format: image::ImageFormat, height: u32, width: u32) -> Vec<u8> {
    let picture =
        image::RgbImage::from_fn(width, height, |x, y| image::Rgb([(x * 20) as u8, (y * 30) as u8, (x * y) as u8]));
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// Little-endian `f32` samples.
pub(crate) fn f32_samples(values: &[f32]) -> Vec<Vec<u8>> {
    values.iter().map(|value| value.to_le_bytes().to_vec()).collect()
}
