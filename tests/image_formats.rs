//! Every flavour that is read gives the values that were written.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

#[path = "support/image_bytes.rs"]
mod image_bytes;

use std::io::Cursor;

use image_bytes::{GREY_F32, TiffFlavour, encoded, f32_samples, png};
use pcore::image::{
    EXTENSIONS, Image, ImageError, Limits, decode, is_image_path, read, read_mask, write_png_grey8, write_png_rgb8,
    write_tiff_f32,
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
        (TiffFlavour { photometric: 3, ..byte }, "TIFF with"),
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
    let error = decode(b"GIF89a", &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("PNG, JPEG, BMP or TIFF"), "{error}");
    assert!(matches!(decode(b"", &Limits::default()), Err(ImageError::UnknownFormat { .. })));
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
