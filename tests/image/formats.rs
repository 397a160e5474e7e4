//! Every flavour that is read gives the values that were written.

use std::io::Cursor;

use crate::image_bytes::{GREY_F32, TiffFlavour, encoded, f32_samples, png};
use pcore::image::{
    EXTENSIONS, Image, ImageError, Limits, Reading, decode, decode_as, is_image_path, read, read_mask, write_png_grey8,
    write_png_rgb8, write_tiff_f32,
};

pub(crate) const HEIGHT: usize = 5;
pub(crate) const WIDTH: usize = 7;

pub(crate) fn read_all(bytes: &[u8]) -> Image {
    decode(bytes, &Limits::default()).unwrap()
}

pub(crate) fn values(n: usize) -> Vec<f32> {
    (0..n).map(|i| i as f32 * 0.37 - 1.5).collect()
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
