//! Damaged and hostile files: an error or a correct result, never a panic.

use std::io::Cursor;

use crate::image_bytes::{GREY_F32, TiffFlavour, encoded, f32_samples, png};
use pcore::image::{Image, ImageError, Limits, decode};
use tiff::encoder::{Compression, DeflateLevel, TiffEncoder, colortype};

const HEIGHT: usize = 4;
const WIDTH: usize = 5;

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/golden/encodings/files/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Small whole files of every format, by name.
fn small_files() -> Vec<(&'static str, Vec<u8>)> {
    let floats: Vec<f32> = (0..HEIGHT * WIDTH).map(|i| i as f32 * 0.5 - 3.0).collect();
    let samples = f32_samples(&floats);
    let tiff = |flavour: TiffFlavour| flavour.build(&samples, HEIGHT, WIDTH);
    let compressed = |compression| {
        let mut file = Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut file).unwrap().with_compression(compression);
        let (width, height) = (WIDTH as u32, HEIGHT as u32);
        encoder.write_image::<colortype::Gray32Float>(width, height, &floats).unwrap();
        file.into_inner()
    };
    vec![
        ("TIFF strips", tiff(GREY_F32)),
        ("TIFF tiles, big endian", tiff(TiffFlavour { big_endian: true, tile: Some((16, 16)), ..GREY_F32 })),
        ("BigTIFF, PackBits", tiff(TiffFlavour { big_tiff: true, pack_bits: true, ..GREY_F32 })),
        ("TIFF, directory last", compressed(Compression::Uncompressed)),
        ("TIFF LZW", compressed(Compression::Lzw)),
        ("TIFF Deflate", compressed(Compression::Deflate(DeflateLevel::Balanced))),
        ("PNG", encoded(image::ImageFormat::Png, HEIGHT as u32, WIDTH as u32)),
        ("PNG palette", png(3, 1, [1, 3], &[(b"PLTE", &[255, 0, 0, 0, 0, 255])], &[0, 0b0110_0000])),
        ("JPEG", encoded(image::ImageFormat::Jpeg, HEIGHT as u32, WIDTH as u32)),
        ("BMP", encoded(image::ImageFormat::Bmp, HEIGHT as u32, WIDTH as u32)),
        ("WebP", golden("rgb8.webp")),
        ("GIF", golden("palette8.gif")),
        ("PNM", golden("rgb8.ppm")),
        ("PFM", golden("float_le.pfm")),
        ("QOI", golden("rgb8.qoi")),
        ("OpenEXR", golden("rgbfloat_single_zips.exr")),
        ("Radiance HDR", golden("rgbfloat.hdr")),
        ("farbfeld", golden("rgb16.ff")),
        ("TIFF palette", golden("palette8.tif")),
        ("TIFF, preview first", golden("preview_first.tif")),
    ]
}

fn read(bytes: &[u8]) -> Result<Image, ImageError> {
    decode(bytes, &Limits::default())
}

#[test]
fn a_file_cut_at_any_length_is_an_error_or_whole() {
    let files = small_files();
    assert_eq!(files.len(), 20);
    for (name, file) in files {
        let whole = read(&file).unwrap();
        let mut n_errors = 0;
        for length in 0..file.len() {
            match read(&file[..length]) {
                // What is cut off held no pixel: the end chunk of a PNG, the overhang of a tile.
                Ok(image) => assert_eq!(image, whole, "{name} cut to {length} of {}", file.len()),
                Err(_) => n_errors += 1,
            }
        }
        // Behind the picture of this one lie the pixels of a mask, which are not read.
        let least_tenths = if name == "TIFF, preview first" { 7 } else { 8 };
        assert!(n_errors * 10 >= file.len() * least_tenths, "{name}: {n_errors} errors of {}", file.len());
    }
}

#[test]
fn no_flipped_bit_brings_the_program_down() {
    for (name, file) in small_files() {
        let mut n_read = 0;
        for index in 0..file.len() {
            for bit in 0..8 {
                let mut flipped = file.clone();
                flipped[index] ^= 1 << bit;
                // Pixels may change, as no format but PNG protects them; they stay finite.
                if let Ok(image) = read(&flipped) {
                    assert!(image.pixels().iter().all(|value| value.is_finite()));
                    n_read += 1;
                }
            }
        }
        assert!(n_read < file.len() * 8, "{name}: some flips must be noticed");
    }
}

#[test]
fn random_bytes_behind_a_valid_start_are_survived() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    let starts: [&[u8]; 5] = [b"II*\0\x08\0\0\0", b"MM\0+\0\x08\0\0", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"BM"];
    let mut n_errors = 0;
    for start in starts {
        for _ in 0..400 {
            let mut bytes = start.to_vec();
            bytes.extend((0..200).map(|_| random()));
            n_errors += usize::from(read(&bytes).is_err());
        }
    }
    assert!(n_errors > 1900, "{n_errors} of 2000");
}

#[test]
fn sizes_beyond_the_limits_are_refused_by_name() {
    let samples = f32_samples(&[0.0; 4]);
    let limits =
        Limits { max_width_px: 3, max_height_px: 4, max_pixels: 6, max_file_bytes: 10_000, max_decoded_bytes: 1000 };
    let grey = |height, width| {
        let samples = f32_samples(&vec![0.0; height * width]);
        decode(&GREY_F32.build(&samples, height, width), &limits)
    };
    assert!(grey(2, 3).is_ok());
    for (result, expected) in [
        (grey(1, 4), "width"),
        (grey(5, 1), "height"),
        (grey(4, 3), "number of pixels"),
        (decode(&encoded(image::ImageFormat::Png, 1, 4), &limits), "width"),
        (decode(&encoded(image::ImageFormat::Jpeg, 5, 1), &limits), "height"),
        (decode(&encoded(image::ImageFormat::Bmp, 4, 3), &limits), "number of pixels"),
        (decode(&[0; 10_001], &limits), "file size"),
    ] {
        let error = result.unwrap_err();
        assert!(matches!(error, ImageError::Limit { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    let tight = Limits { max_decoded_bytes: 31, ..Limits::default() };
    // Four pixels take 4 bytes each as stored and 4 each as f32.
    let file = GREY_F32.build(&samples, 2, 2);
    assert!(matches!(decode(&file, &tight), Err(ImageError::Limit { found: 32, limit: 31, .. })));
    assert!(decode(&file, &Limits { max_decoded_bytes: 32, ..tight }).is_ok());
}

#[test]
fn a_jpeg_without_its_end_is_refused() {
    // The decoder alone would fill the rest with grey and report success.
    let file = encoded(image::ImageFormat::Jpeg, 64, 64);
    assert!(read(&file).is_ok());
    let error = read(&file[..file.len() - 40]).unwrap_err();
    assert!(matches!(error, ImageError::Malformed { format: "JPEG", .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_instead_of_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe.png");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    if !made.is_ok_and(|status| status.success()) {
        skipped!("no mkfifo here");
        return;
    }
    let error = pcore::image::read(&path, &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("not a regular file"), "{error}");
}

#[test]
fn a_tiff_entry_with_more_values_than_the_file_has_bytes_is_refused_before_memory_is_taken() {
    let samples = f32_samples(&[0.5; HEIGHT * WIDTH]);
    for (big_endian, big_tiff) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut file = TiffFlavour { big_endian, big_tiff, ..GREY_F32 }.build(&samples, HEIGHT, WIDTH);
        assert!(read(&file).is_ok());
        // The entry of the strip offsets, tag 273: its number of values follows tag and type.
        let tag = if big_endian { [1, 17] } else { [17, 1] };
        let entry = file.windows(2).position(|window| window == tag).unwrap();
        file[entry + if big_endian { 5 } else { 6 }] = 0x7e;
        let text = read(&file).unwrap_err().to_string();
        assert!(text.contains("entry 273 claims"), "{text}");
    }
}

#[test]
fn an_entry_of_an_unknown_type_is_skipped_in_a_tiff_and_refused_in_a_big_tiff() {
    let samples = f32_samples(&[0.5; HEIGHT * WIDTH]);
    for big_tiff in [false, true] {
        let mut file = TiffFlavour { big_tiff, ..GREY_F32 }.build(&samples, HEIGHT, WIDTH);
        // The planar configuration, tag 284, may be missing: its type follows the tag.
        let entry = file.windows(2).position(|window| window == [28, 1]).unwrap();
        file[entry + 2] = 99;
        let outcome = read(&file);
        if big_tiff {
            // The decoder would take what follows for entries at the wrong places.
            assert!(outcome.unwrap_err().to_string().contains("BigTIFF entry 284 of type 99"));
        } else {
            assert!(outcome.is_ok());
        }
    }
}
