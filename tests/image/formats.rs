//! Every flavour that is read gives the values that were written.

use std::io::Cursor;

use crate::image_bytes::{GREY_F32, TiffFlavour, encoded, f32_samples, png};
use pcore::image::{
    EXTENSIONS, Image, ImageError, Limits, Reading, decode, decode_as, is_image_path, read, read_mask, write_png_grey8,
    write_png_rgb8, write_tiff_f32,
};
use tiff::encoder::{Compression, DeflateLevel, Predictor, TiffEncoder, TiffValue, colortype};

const HEIGHT: usize = 5;
const WIDTH: usize = 7;

fn read_all(bytes: &[u8]) -> Image {
    decode(bytes, &Limits::default()).unwrap()
}

fn values(n: usize) -> Vec<f32> {
    (0..n).map(|i| i as f32 * 0.37 - 1.5).collect()
}

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

#[test]
fn png_keeps_sixteen_bits() {
    let grey: Vec<u16> = vec![0, 1, 32_768, 32_769, 65_534, 65_535];
    let picture = image::ImageBuffer::<image::Luma<u16>, _>::from_raw(3, 2, grey.clone()).unwrap();
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, image::ImageFormat::Png).unwrap();
    let expected: Vec<f32> = grey.iter().map(|&v| f32::from(v) / 65_535.0).collect();
    let image = read_all(file.get_ref());
    assert_eq!(image.pixels(), expected);
    assert_eq!((image.height_px(), image.width_px(), image.n_channels()), (2, 3, 1));
}

#[test]
fn png_palettes_bits_and_alpha_are_expanded() {
    // Two colours, one bit per pixel: red, blue, blue.
    let palette: &[u8] = &[255, 0, 0, 0, 0, 255];
    let image = read_all(&png(3, 1, [1, 3], &[(b"PLTE", palette)], &[0, 0b0110_0000]));
    assert_eq!(image.pixels(), [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0]);
    // The same with a transparent colour: colours stay, transparency goes.
    let transparent = [(b"PLTE", palette), (b"tRNS", &[0_u8][..])];
    assert_eq!(read_all(&png(3, 1, [1, 3], &transparent, &[0, 0b0110_0000])), image);
    // Grey with one and two bits.
    assert_eq!(read_all(&png(3, 1, [1, 0], &[], &[0, 0b1010_0000])).pixels(), [1.0, 0.0, 1.0]);
    let two_bits = read_all(&png(3, 1, [2, 0], &[], &[0, 0b0001_1100]));
    assert_eq!(two_bits.pixels(), [0.0, 85.0 / 255.0, 1.0]);
    // Grey and RGB with alpha.
    let grey_alpha = read_all(&png(2, 1, [8, 4], &[], &[0, 10, 0, 20, 255]));
    assert_eq!(grey_alpha.pixels(), [10.0 / 255.0, 20.0 / 255.0]);
    let rgba = read_all(&png(1, 1, [8, 6], &[], &[0, 51, 102, 153, 0]));
    assert_eq!(rgba.pixels(), [0.2, 0.4, 0.6]);
    // 16-bit RGB with alpha.
    let deep = read_all(&png(1, 1, [16, 6], &[], &[0, 1, 2, 0, 0, 255, 255, 9, 9]));
    assert_eq!(deep.pixels(), [258.0 / 65_535.0, 0.0, 1.0]);
}

#[test]
fn jpeg_and_bmp_are_read() {
    let bmp = read_all(&encoded(image::ImageFormat::Bmp, 3, 4));
    assert_eq!((bmp.height_px(), bmp.width_px(), bmp.n_channels()), (3, 4, 3));
    assert_eq!(bmp.pixels()[3..6], [20.0 / 255.0, 0.0, 0.0]);
    // JPEG is lossy; a smooth picture stays close.
    let jpeg = read_all(&encoded(image::ImageFormat::Jpeg, 3, 4));
    assert_eq!((jpeg.height_px(), jpeg.width_px(), jpeg.n_channels()), (3, 4, 3));
    for (found, exact) in jpeg.pixels().iter().zip(bmp.pixels()) {
        assert!((found - exact).abs() < 0.15, "{found} {exact}");
    }
}

#[test]
fn the_content_decides_not_the_extension() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("really_a_bmp.png");
    std::fs::write(&path, encoded(image::ImageFormat::Bmp, 2, 2)).unwrap();
    assert_eq!(read(&path, &Limits::default()).unwrap().n_channels(), 3);
    let error = decode(b"no image", &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("starts with [6e, 6f"), "{error}");
}

#[test]
fn errors_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.png");
    std::fs::write(&broken, b"no image").unwrap();
    for path in [broken, folder.path().join("missing.png"), folder.path().to_path_buf()] {
        let error = read(&path, &Limits::default()).unwrap_err();
        assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
        assert!(read_mask(&path, &Limits::default()).is_err());
    }
}

#[test]
fn a_nan_pixel_is_refused_with_its_position() {
    for (value, text) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
        let mut pixels = values(HEIGHT * WIDTH);
        pixels[3 * WIDTH + 2] = value;
        let file = GREY_F32.build(&f32_samples(&pixels), HEIGHT, WIDTH);
        let error = decode(&file, &Limits::default()).unwrap_err();
        let (row, column) = match error {
            ImageError::NotFinite { row, column, channel: 0, .. } => (row, column),
            ref other => panic!("{other}"),
        };
        assert_eq!((row, column), (3, 2));
        assert!(error.to_string().contains(text), "{error}");
    }
    // A finite f64 that f32 cannot hold is one too.
    let flavour = TiffFlavour { bits: 64, ..GREY_F32 };
    let file = flavour.build(&[1e300_f64.to_le_bytes().to_vec()], 1, 1);
    assert!(matches!(decode(&file, &Limits::default()), Err(ImageError::NotFinite { .. })));
}

#[test]
fn an_image_is_checked_when_it_is_made() {
    assert!(matches!(Image::new(vec![], 0, 4, 1), Err(ImageError::Empty { .. })));
    assert!(matches!(Image::new(vec![0.0; 4], 2, 1, 2), Err(ImageError::Channels { found: 2 })));
    assert!(matches!(Image::new(vec![0.0; 5], 2, 2, 1), Err(ImageError::Length { .. })));
    let huge = Image::new(vec![0.0; 5], usize::MAX, usize::MAX, 3);
    assert!(matches!(huge, Err(ImageError::Length { .. })));
    let rgb = Image::new(vec![1.0, 0.0, 0.0, 0.0, 1.0, 2.0], 1, 2, 3).unwrap();
    let luma = rgb.luma();
    assert!((luma[0] - 0.299).abs() < 1e-6 && (luma[1] - (0.587 + 0.228)).abs() < 1e-6);
    let grey = Image::new(vec![0.25, 3.0], 1, 2, 1).unwrap();
    assert_eq!(&*grey.luma(), [0.25, 3.0]);
}

#[test]
fn written_files_read_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let map = folder.path().join("map.tiff");
    let floats = values(31 * 95);
    write_tiff_f32(&map, &floats, 31, 95).unwrap();
    let image = read(&map, &Limits::default()).unwrap();
    assert_eq!((image.height_px(), image.width_px(), image.n_channels()), (31, 95, 1));
    assert_eq!(image.pixels(), floats);

    let rgb = folder.path().join("rgb.png");
    write_png_rgb8(&rgb, &[0, 51, 255, 102, 0, 0], 2, 1).unwrap();
    let image = read(&rgb, &Limits::default()).unwrap();
    assert_eq!(image.pixels(), [0.0, 0.2, 1.0, 0.4, 0.0, 0.0]);
    assert_eq!((image.height_px(), image.width_px()), (2, 1));

    let grey = folder.path().join("mask.png");
    write_png_grey8(&grey, &[0, 127, 128, 255], 2, 2).unwrap();
    let mask = read_mask(&grey, &Limits::default()).unwrap();
    assert_eq!(mask.values, [false, false, true, true]);
    assert_eq!((mask.height_px, mask.width_px), (2, 2));
}

#[test]
fn a_coloured_mask_counts_where_one_channel_is_bright() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("red.png");
    write_png_rgb8(&path, &[255, 0, 0, 100, 100, 100], 1, 2).unwrap();
    assert_eq!(read_mask(&path, &Limits::default()).unwrap().values, [true, false]);
}

#[test]
fn a_failed_write_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.tiff");
    write_tiff_f32(&path, &[1.0, 2.0], 1, 2).unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(write_tiff_f32(&path, &[1.0, 2.0, 3.0], 1, 2), Err(ImageError::InFile { .. })));
    assert!(write_tiff_f32(&path, &[], 0, 2).is_err());
    assert!(write_png_grey8(&path, &[1], usize::MAX, 1).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let missing = folder.path().join("no").join("such.tiff");
    let error = write_tiff_f32(&missing, &[1.0], 1, 1).unwrap_err();
    assert!(error.to_string().contains("such.tiff"), "{error}");
    // The target cannot be replaced: the temporary file goes as well.
    let blocked = folder.path().join("blocked.png");
    std::fs::create_dir(&blocked).unwrap();
    assert!(write_png_grey8(&blocked, &[1], 1, 1).is_err());
    let mut left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["blocked.png", "map.tiff"]);
}

#[cfg(unix)]
#[test]
fn a_written_file_is_as_readable_as_any_other_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (ours, plain) = (folder.path().join("ours.png"), folder.path().join("plain"));
    write_png_grey8(&ours, &[1], 1, 1).unwrap();
    std::fs::write(&plain, b"x").unwrap();
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&ours), mode(&plain));
}

#[test]
fn extensions_count_in_any_case() {
    for extension in EXTENSIONS {
        assert!(is_image_path(format!("a/b.{extension}").as_ref()));
        assert!(is_image_path(format!("a/b.{}", extension.to_uppercase()).as_ref()));
    }
    for other in ["a/png", "a/b.txt", "a/b.png.txt", ".png"] {
        assert!(!is_image_path(other.as_ref()), "{other}");
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

#[test]
fn a_range_maps_its_ends_to_zero_and_one_whatever_the_type() {
    let reading = |text: &str| Reading { range: Some(text.parse().unwrap()), ..Reading::default() };
    let deep: Vec<Vec<u8>> = [0_u16, 100, 300, 500].map(|v| v.to_le_bytes().to_vec()).to_vec();
    let file = TiffFlavour { bits: 16, sample_format: 1, ..GREY_F32 }.build(&deep, 2, 2);
    assert_eq!(decode_as(&file, &reading("100:300")).unwrap().pixels(), [-0.5, 0.0, 1.0, 2.0]);
    let turned = TiffFlavour { bits: 16, sample_format: 1, photometric: 0, ..GREY_F32 }.build(&deep, 2, 2);
    assert_eq!(decode_as(&turned, &reading("100:300")).unwrap().pixels(), [1.5, 1.0, 0.0, -1.0]);
    let kelvin = GREY_F32.build(&f32_samples(&[280.0, 310.0, 340.0, 265.0]), 2, 2);
    assert_eq!(decode_as(&kelvin, &reading("280:340")).unwrap().pixels(), [0.0, 0.5, 1.0, -0.25]);
    let grey = image::ImageBuffer::<image::Luma<u16>, _>::from_raw(2, 2, vec![0_u16, 1023, 2046, 4092]).unwrap();
    let mut file = Cursor::new(Vec::new());
    grey.write_to(&mut file, image::ImageFormat::Png).unwrap();
    assert_eq!(decode_as(file.get_ref(), &reading("0:1023")).unwrap().pixels(), [0.0, 1.0, 2.0, 4.0]);
    // The whole range of the type changes no bit.
    assert_eq!(decode_as(file.get_ref(), &reading("0:65535")).unwrap().pixels(), read_all(file.get_ref()).pixels());
}

#[test]
fn a_value_whose_arithmetic_would_overflow_is_refused_with_its_position() {
    for (value, is_read) in [(4.3e9_f32, true), (-1e10, true), (1.1e10, false), (-1e15, false), (3e38, false)] {
        let mut pixels = values(HEIGHT * WIDTH);
        pixels[2 * WIDTH + 3] = value;
        match decode(&GREY_F32.build(&f32_samples(&pixels), HEIGHT, WIDTH), &Limits::default()) {
            Ok(image) => assert!(is_read && image.pixels() == pixels, "{value}"),
            Err(ImageError::TooLarge { row: 2, column: 3, channel: 0, value: found }) => {
                assert!(!is_read && found == value, "{value}");
            }
            Err(other) => panic!("{value}: {other}"),
        }
    }
}

#[test]
fn what_is_no_image_is_called_by_its_name() {
    let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    let cases: [(&[u8], &str); 7] = [
        (b"", "the file is empty"),
        (lfs, "git lfs pull"),
        (b"\0\0\0\x0cjP  \r\n", "JPEG 2000"),
        (b"\0\0\0\x20ftypheic", "HEIC"),
        (b"8BPS\0\x01", "Photoshop"),
        (b"\x93NUMPY", "NumPy"),
        (b"hello", "starts with [68"),
    ];
    for (bytes, words) in cases {
        let error = decode(bytes, &Limits::default()).unwrap_err().to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
}
