//! Hostile files must not take memory before they are refused. Alone in its program, because the
//! measure is that of the whole process.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

#[macro_use]
#[path = "support/skips.rs"]
mod skips;

#[path = "support/image_bytes.rs"]
mod image_bytes;

use image_bytes::{GREY_F32, TiffFlavour, encoded, f32_samples, png};
use pcore::image::{ImageError, Limits, decode};

/// Address space a refusal may take: buffers of a few megabytes at most.
const ALLOWED_KIB: u64 = 48 << 10;

/// The largest address space so far, in KiB; it counts memory that was asked for but not used.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmPeak:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Replaces the first occurrence of `old`.
fn patched(mut file: Vec<u8>, old: &[u8], new: &[u8]) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let at = file.windows(old.len()).position(|window| window == old).unwrap();
    file[at..at + new.len()].copy_from_slice(new);
    file
}

fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let samples = f32_samples(&[0.5; 4]);
    let tiff = |flavour: TiffFlavour| flavour.build(&samples, 2, 2);
    let huge = TiffFlavour { claimed_size: Some((1 << 31, 1 << 31)), rows_per_strip: 2, ..GREY_F32 };
    // A tile of 2^31 x 2^31 in an image of four pixels.
    let tile = tiff(TiffFlavour { tile: Some((3, 3)), ..GREY_F32 });
    let mut side = [0x42, 1, 4, 0, 1, 0, 0, 0];
    let mut tile = patched(tile, &[&side[..], &[3, 0, 0, 0]].concat(), &[&side[..], &[0, 0, 0, 0x80]].concat());
    side[0] = 0x43;
    tile = patched(tile, &[&side[..], &[3, 0, 0, 0]].concat(), &[&side[..], &[0, 0, 0, 0x80]].concat());
    // A strip list of 2^31 entries.
    let strips = patched(tiff(GREY_F32), &[0x11, 1, 4, 0, 1, 0, 0, 0], &[0x11, 1, 4, 0, 0, 0, 0, 0x80]);
    // A BigTIFF directory of 2^63 entries.
    let mut directory = tiff(TiffFlavour { big_tiff: true, ..GREY_F32 });
    directory[16..24].copy_from_slice(&(1_u64 << 63).to_le_bytes());
    let png_header = png(65_000, 65_000, [8, 0], &[], &[0]);
    let jpeg = encoded(image::ImageFormat::Jpeg, 2, 2);
    let jpeg = patched(jpeg, &[8, 0, 2, 0, 2, 3], &[8, 0xff, 0xdc, 0xff, 0xdc, 3]);
    let mut bmp = encoded(image::ImageFormat::Bmp, 2, 2);
    bmp[18..22].copy_from_slice(&i32::MAX.to_le_bytes());
    bmp[22..26].copy_from_slice(&i32::MAX.to_le_bytes());
    vec![
        ("TIFF 2^31 x 2^31", tiff(huge)),
        ("BigTIFF 2^31 x 2^31", tiff(TiffFlavour { big_tiff: true, ..huge })),
        ("TIFF tile 2^31 x 2^31", tile),
        ("TIFF strip list", strips),
        ("BigTIFF directory", directory),
        ("PNG 65 000 x 65 000", png_header),
        ("JPEG 65 500 x 65 500", jpeg),
        ("BMP 2^31 x 2^31", bmp),
    ]
}

#[test]
fn bombs_and_cut_files_are_refused_before_memory_is_taken() {
    let bombs = bombs();
    let cut: Vec<Vec<u8>> = [image::ImageFormat::Png, image::ImageFormat::Jpeg, image::ImageFormat::Bmp]
        .map(|format| encoded(format, 8, 8))
        .to_vec();
    let Some(before) = peak_kib() else {
        skipped!("no /proc/self/status here");
        return;
    };
    for (name, file) in &bombs {
        let error = decode(file, &Limits::default()).expect_err(name);
        println!("{name}: {error}");
        if name.contains(" x ") {
            assert!(matches!(error, ImageError::Limit { .. } | ImageError::Malformed { .. }), "{name}: {error}");
        }
        let grown = peak_kib().unwrap() - before;
        assert!(grown < ALLOWED_KIB, "{name}: {grown} KiB");
    }
    assert_eq!(bombs.len(), 8);
    for file in &cut {
        for length in 0..file.len() {
            let _refused_or_whole = decode(&file[..length], &Limits::default());
        }
    }
    let grown = peak_kib().unwrap() - before;
    assert!(grown < ALLOWED_KIB, "cut files: {grown} KiB");
}
