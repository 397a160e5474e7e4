//! Every flavour of TIFF that is read gives the values that were written.

use crate::formats::{HEIGHT, WIDTH, read_all, values};
use std::io::Cursor;

use crate::image_bytes::{GREY_F32, TiffFlavour, f32_samples};
use pcore::image::{ImageError, Limits, Reading, decode, decode_as};
use tiff::encoder::{Compression, DeflateLevel, Predictor, TiffEncoder, TiffValue, colortype};

#[test]
fn every_tiff_layout_gives_the_floats_back() {
    let mut n_cases = 0;
    for big_endian in [false, true] {
        for big_tiff in [false, true] {
            for pack_bits in [false, true] {
                for tile in [None, Some((16, 16)), Some((2, 3)), Some((HEIGHT, WIDTH))] {
                    for (n_channels, planar) in [(1, false), (3, false), (3, true), (4, true)] {
                        let flavour = TiffFlavour {
                            big_endian,
                            big_tiff,
                            pack_bits,
                            tile,
                            planar,
                            n_channels,
                            photometric: if n_channels == 1 { 1 } else { 2 },
                            extra_sample: (n_channels == 4).then_some(2),
                            ..GREY_F32
                        };
                        let written = values(HEIGHT * WIDTH * n_channels);
                        let file = flavour.build(&f32_samples(&written), HEIGHT, WIDTH);
                        if planar && tile.is_some_and(|tile| tile != (HEIGHT, WIDTH)) {
                            let refused = decode(&file, &Limits::default());
                            assert!(matches!(refused, Err(ImageError::Unsupported { .. })), "{flavour:?}");
                            continue;
                        }
                        let image = read_all(&file);
                        let n_kept = n_channels.min(3);
                        assert_eq!(image.n_channels(), n_kept, "{flavour:?}");
                        assert_eq!((image.height_px(), image.width_px()), (HEIGHT, WIDTH));
                        let expected: Vec<f32> =
                            written.chunks(n_channels).flat_map(|p| p[..n_kept].to_vec()).collect();
                        assert_eq!(image.pixels(), expected, "{flavour:?}");
                        n_cases += 1;
                    }
                }
            }
        }
    }
    assert_eq!(n_cases, 96);
}

#[test]
fn every_tiff_sample_type_keeps_its_precision() {
    let half = [0x3800_u16, 0x3e00, 0xc000];
    /// Bits, sample format, samples as stored, values read.
    type Case = (u16, u16, [Vec<u8>; 3], [f32; 3]);
    let cases: [Case; 6] = [
        (8, 1, [0_u8, 128, 255].map(|v| vec![v]), [0.0, 128.0 / 255.0, 1.0]),
        (16, 1, [0_u16, 32_769, 65_535].map(|v| v.to_le_bytes().to_vec()), [0.0, 32_769.0 / 65_535.0, 1.0]),
        (32, 1, [0_u32, 1 << 30, u32::MAX].map(|v| v.to_le_bytes().to_vec()), [0.0, 0.25, 1.0]),
        (16, 3, half.map(|v| v.to_le_bytes().to_vec()), [0.5, 1.5, -2.0]),
        (32, 3, [0.1_f32, 2.9, -3e-20].map(|v| v.to_le_bytes().to_vec()), [0.1, 2.9, -3e-20]),
        (64, 3, [0.1_f64, 2.9, -7.0].map(|v| v.to_le_bytes().to_vec()), [0.1, 2.9, -7.0]),
    ];
    for (bits, sample_format, samples, expected) in cases {
        for big_endian in [false, true] {
            for pack_bits in [false, true] {
                let flavour = TiffFlavour { bits, sample_format, big_endian, pack_bits, ..GREY_F32 };
                let image = read_all(&flavour.build(&samples, 1, 3));
                assert_eq!(image.pixels(), expected, "{flavour:?}");
            }
        }
    }
}

fn compressed<C: colortype::ColorType>(compression: Compression, predictor: Predictor, data: &[C::Inner]) -> Vec<u8>
where
    [C::Inner]: TiffValue,
{
    let mut file = Cursor::new(Vec::new());
    let encoder = TiffEncoder::new(&mut file).unwrap();
    let mut encoder = encoder.with_compression(compression).with_predictor(predictor);
    encoder.write_image::<C>(WIDTH as u32, HEIGHT as u32, data).unwrap();
    file.into_inner()
}

#[test]
fn every_tiff_compression_gives_the_values_back() {
    let bytes: Vec<u8> = (0..HEIGHT * WIDTH * 3).map(|i| (i * 7 % 251) as u8).collect();
    let words: Vec<u16> = bytes.iter().map(|&b| u16::from(b) * 257 + 3).collect();
    let floats = values(HEIGHT * WIDTH);
    let mut n_cases = 0;
    for compression in [
        Compression::Uncompressed,
        Compression::Lzw,
        Compression::Deflate(DeflateLevel::Balanced),
        Compression::Packbits,
    ] {
        for predictor in [Predictor::None, Predictor::Horizontal] {
            let file = compressed::<colortype::RGB8>(compression, predictor, &bytes);
            let expected: Vec<f32> = bytes.iter().map(|&b| f32::from(b) / 255.0).collect();
            assert_eq!(read_all(&file).pixels(), expected);
            let file = compressed::<colortype::RGB16>(compression, predictor, &words);
            let expected: Vec<f32> = words.iter().map(|&w| f32::from(w) / 65_535.0).collect();
            assert_eq!(read_all(&file).pixels(), expected);
            n_cases += 2;
        }
        let mut file = Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new_big(&mut file).unwrap().with_compression(compression);
        encoder.write_image::<colortype::Gray32Float>(WIDTH as u32, HEIGHT as u32, &floats).unwrap();
        assert_eq!(read_all(file.get_ref()).pixels(), floats);
        n_cases += 1;
    }
    assert_eq!(n_cases, 20);
}

#[test]
fn tiff_alpha_is_dropped_and_white_is_zero_is_turned() {
    let rgba: Vec<Vec<u8>> = [10, 20, 30, 99, 40, 50, 60, 0].map(|v| vec![v]).to_vec();
    let flavour =
        TiffFlavour { n_channels: 4, photometric: 2, extra_sample: Some(2), bits: 8, sample_format: 1, ..GREY_F32 };
    let expected = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0].map(|v: f32| v / 255.0);
    assert_eq!(read_all(&flavour.build(&rgba, 1, 2)).pixels(), expected);
    // An extra sample that is no alpha is dropped as well.
    let unnamed = TiffFlavour { extra_sample: Some(0), ..flavour };
    assert_eq!(read_all(&unnamed.build(&rgba, 1, 2)).pixels(), expected);

    let grey_alpha: Vec<Vec<u8>> = [10, 99, 40, 0].map(|v| vec![v]).to_vec();
    let flavour = TiffFlavour { n_channels: 2, photometric: 1, ..flavour };
    assert_eq!(read_all(&flavour.build(&grey_alpha, 1, 2)).pixels(), [10.0 / 255.0, 40.0 / 255.0]);

    let white_is_zero = TiffFlavour { photometric: 0, bits: 8, sample_format: 1, ..GREY_F32 };
    let image = read_all(&white_is_zero.build(&[vec![0], vec![255], vec![55]], 1, 3));
    assert_eq!(image.pixels(), [1.0, 0.0, 200.0 / 255.0]);
}

#[test]
fn tiff_bits_are_unpacked_row_by_row() {
    // Ten columns of one bit: two bytes per row, the last six bits are padding. The builder knows
    // whole bytes only, so the bytes pose as the samples of two columns.
    let flavour = TiffFlavour { bits: 1, sample_format: 1, claimed_size: Some((2, 10)), ..GREY_F32 };
    let rows = [0b1010_0000_u8, 0b0111_1111, 0b0000_0001, 0b1000_0000].map(|v| vec![v]);
    let image = read_all(&flavour.build(&rows, 2, 2));
    let lit: Vec<usize> = (0..20).filter(|&index| image.pixels()[index] == 1.0).collect();
    assert_eq!(lit, [0, 2, 9, 17, 18]);
    assert!(image.pixels().iter().all(|&value| value == 0.0 || value == 1.0));
}

#[test]
fn unsupported_tiff_flavours_say_what_they_are() {
    let samples = vec![vec![0_u8]; 4];
    let byte = TiffFlavour { bits: 8, sample_format: 1, ..GREY_F32 };
    for (flavour, expected) in [
        (TiffFlavour { sample_format: 2, ..byte }, "signed integer"),
        (TiffFlavour { compression: Some(7), ..byte }, "compression 7"),
        (TiffFlavour { photometric: 3, ..byte }, "palette of 8 bits without a whole colour map"),
    ] {
        let error = decode(&flavour.build(&samples, 2, 2), &Limits::default()).unwrap_err();
        assert!(matches!(error, ImageError::Unsupported { .. }), "{flavour:?}: {error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

/// Its samples, its width, and further entries: tag, type, value.
type Page<'a> = (&'a [u8], u32, &'a [(u16, u16, u32)]);

/// The bytes of a classic little-endian TIFF of one strip per page; entries besides the necessary ones are `extra`.
fn pages(pages: &[Page<'_>]) -> Vec<u8> {
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    for (index, (data, width, extra)) in pages.iter().enumerate() {
        let mut entries = vec![
            (256, 4, *width),
            (257, 4, data.len() as u32 / width),
            (258, 3, 8),
            (259, 3, 1),
            (262, 3, 1),
            (273, 4, 0),
            (277, 3, 1),
            (278, 4, data.len() as u32 / width),
            (279, 4, data.len() as u32),
        ];
        entries.extend(*extra);
        entries.sort();
        let end = file.len() + 2 + 12 * entries.len() + 4;
        file.extend((entries.len() as u16).to_le_bytes());
        for (tag, kind, value) in &entries {
            let value = if *tag == 273 { end as u32 } else { *value };
            file.extend(tag.to_le_bytes());
            file.extend(kind.to_le_bytes());
            file.extend(1_u32.to_le_bytes());
            file.extend(value.to_le_bytes());
        }
        let next = if index + 1 < pages.len() { end + data.len() } else { 0 };
        file.extend((next as u32).to_le_bytes());
        file.extend(*data);
    }
    file
}

fn page(number: usize) -> Reading {
    Reading { page: std::num::NonZeroUsize::new(number), ..Reading::default() }
}

#[test]
fn previews_and_masks_inside_a_tiff_are_never_the_picture() {
    let picture = (&[10_u8, 20, 30, 40][..], 2, &[][..]);
    let plain = read_all(&pages(&[picture]));
    let (reduced, mask, old): (&[_], &[_], &[_]) = (&[(254, 4, 1)], &[(254, 4, 4)], &[(255, 3, 2)]);
    let other = |extra| (&[1_u8, 2][..], 1, extra);
    let mut n_cases = 0;
    for extra in [reduced, mask, old] {
        for file in [
            pages(&[other(extra), picture]),
            pages(&[picture, other(extra)]),
            pages(&[other(extra), other(extra), picture]),
        ] {
            assert_eq!(read_all(&file), plain);
            assert_eq!(decode_as(&file, &page(1)).unwrap(), plain);
            let error = decode_as(&file, &page(2)).unwrap_err();
            assert!(matches!(error, ImageError::NoSuchPage { page: 2, n_pages: 1 }), "{error}");
            n_cases += 1;
        }
        // Alone in its file it is the picture; beside nothing but others of its kind there is none.
        assert_eq!(read_all(&pages(&[other(extra)])).pixels().len(), 2);
        assert!(decode(&pages(&[other(extra), other(extra)]), &Limits::default()).is_err());
    }
    assert_eq!(n_cases, 9);
}

#[test]
fn one_of_several_pages_has_to_be_chosen() {
    let three = pages(&[(&[1], 1, &[]), (&[9, 9], 1, &[(254, 4, 1)]), (&[2], 1, &[(254, 4, 2)]), (&[3], 1, &[])]);
    let error = decode(&three, &Limits::default()).unwrap_err();
    assert!(matches!(error, ImageError::SeveralPages { n_pages: 3 }), "{error}");
    assert!(error.to_string().contains("3 pages") && error.to_string().contains("`Preprocessing::page`"), "{error}");
    for number in 1..=3 {
        assert_eq!(decode_as(&three, &page(number)).unwrap().pixels(), [number as f32 / 255.0]);
    }
    assert!(matches!(decode_as(&three, &page(4)), Err(ImageError::NoSuchPage { page: 4, n_pages: 3 })));
    // A chain that runs in circles, and one that leaves the file.
    let mut circle = pages(&[(&[1], 1, &[])]);
    let next = 8 + 2 + 12 * 9;
    circle[next..next + 4].copy_from_slice(&8_u32.to_le_bytes());
    assert!(decode(&circle, &Limits::default()).unwrap_err().to_string().contains("circles"));
    circle[next..next + 4].copy_from_slice(&80_000_u32.to_le_bytes());
    assert!(decode(&circle, &Limits::default()).unwrap_err().to_string().contains("truncated"));
}

#[test]
fn a_stated_camera_depth_is_the_full_scale_and_a_statistic_is_not() {
    let samples: Vec<Vec<u8>> = [0_u16, 100, 1023, 1100].map(|v| v.to_le_bytes().to_vec()).to_vec();
    let deep = TiffFlavour { bits: 16, sample_format: 1, ..GREY_F32 };
    let with = |entry: u16, value: u16| {
        // The orientation's place is taken over: one more short entry, which the builder has for extra samples.
        let mut file = TiffFlavour { extra_sample: Some(value), ..deep }.build(&samples, 2, 2);
        let at = file.windows(4).position(|w| w == [0x52, 0x01, 3, 0]).unwrap();
        file[at..at + 2].copy_from_slice(&entry.to_le_bytes());
        decode(&file, &Limits::default())
    };
    let by = |full: f32| [0.0, 100.0 / full, 1023.0 / full, 1100.0 / full];
    for tag in [281, 341] {
        assert_eq!(with(tag, 1023).unwrap().pixels(), by(1023.0), "{tag}");
        assert_eq!(with(tag, 4095).unwrap().pixels(), by(4095.0), "{tag}");
        assert_eq!(with(tag, 4095).unwrap().full_scale(), Some(4095.0));
        // The largest value of this image.
        assert_eq!(with(tag, 1100).unwrap().pixels(), by(65_535.0), "{tag}");
        assert_eq!(with(tag, 65_535).unwrap().pixels(), by(65_535.0), "{tag}");
    }
}
