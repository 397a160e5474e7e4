//! When pictures were taken.

use crate::exif::{OFFSET, SUBSECOND, TAKEN, exif_block, with_exif};
use crate::image_bytes::encoded;
use pcore::image::taken_at;
use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;
use tempfile::TempDir;

/// Seconds since 1970.
fn seconds(path: &Path, bytes: &[u8]) -> Option<f64> {
    fs::write(path, bytes).unwrap();
    taken_at(path).map(|time| time.duration_since(UNIX_EPOCH).unwrap().as_secs_f64())
}

/// 2026-03-01T00:10:07Z.
const AT: &str = "2026:03:01 00:10:07";
const AT_SECONDS: f64 = 1_772_323_807.0;

#[test]
fn the_time_is_that_of_the_exif_block_with_its_part_of_a_second_and_its_offset() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.jpg");
    let plain = encoded(image::ImageFormat::Jpeg, 8, 8);
    let of = |texts: &[(u16, &str)]| seconds(&path, &with_exif(&plain, &exif_block(texts)));
    assert_eq!(of(&[(TAKEN, AT)]), Some(AT_SECONDS));
    assert_eq!(of(&[(TAKEN, AT), (OFFSET, "+02:30"), (SUBSECOND, "25")]), Some(AT_SECONDS - 9000.0 + 0.25));
    assert_eq!(of(&[(TAKEN, AT), (OFFSET, "-01:00")]), Some(AT_SECONDS + 3600.0));
    // What is blank or broken of these says nothing.
    assert_eq!(of(&[(TAKEN, AT), (OFFSET, "   :  "), (SUBSECOND, "x")]), Some(AT_SECONDS));
    // A bare TIFF has the block as it is.
    assert_eq!(seconds(&path, &exif_block(&[(TAKEN, AT)])), Some(AT_SECONDS));
    let blank =
        ["    :  :     :  :  ", "0000:00:00 00:00:00", "2026:02:30 00:00:00", "1969:01:01 00:00:00", "yesterday"];
    for none in blank {
        assert_eq!(of(&[(TAKEN, none)]), None, "{none}");
    }
    // An offset leads to before 1970.
    assert_eq!(of(&[(TAKEN, "1970:01:01 00:10:00"), (OFFSET, "+01:00")]), None);
    assert_eq!(of(&[]), None);
    assert_eq!(seconds(&path, &plain), None);
    assert_eq!(seconds(&path, b"P5 1 1 255 a"), None);
    assert_eq!(taken_at(&folder.path().join("none.jpg")), None);
}

#[test]
fn of_a_broken_block_what_is_whole_counts_and_nothing_stops_the_reader() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.jpg");
    let plain = encoded(image::ImageFormat::Jpeg, 8, 8);
    let block = exif_block(&[(TAKEN, AT), (0x9004, AT), (OFFSET, "+00:00")]);
    // The second text lies beyond the end.
    let mut bent = block.clone();
    bent[26 + 2 + 12 + 8..][..4].fill(0xff);
    assert_eq!(seconds(&path, &with_exif(&plain, &bent)), Some(AT_SECONDS));
    let mut n_told = 0;
    for at in 0..block.len() {
        n_told += usize::from(seconds(&path, &with_exif(&plain, &block[..at])).is_some());
        let mut bent = block.clone();
        bent[at] ^= 0xff;
        n_told += usize::from(seconds(&path, &with_exif(&plain, &bent)).is_some());
    }
    // Cut where the time is whole, or changed elsewhere: some tell it, some don't.
    assert!((1..2 * block.len()).contains(&n_told), "{n_told}");
}
