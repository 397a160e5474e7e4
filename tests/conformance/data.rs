//! Images made for the test: a texture in two conditions, and the same with a defect in a known place.

use pcore::dataset::{self, Sample};
use pcore::image::{Image, write_png_grey8};
use std::path::Path;
use tempfile::TempDir;

/// Rows and columns of an image: not square, so that a map that is turned or scaled wrongly shows.
pub(crate) const HEIGHT: usize = 72;
pub(crate) const WIDTH: usize = 120;

/// Where the defect begins: rows and columns.
pub(crate) const DEFECT: (usize, usize) = (20, 40);
/// Its side.
pub(crate) const DEFECT_SIDE: usize = 18;

/// A number from 0 to 1 that follows from another.
fn noise(seed: usize) -> f64 {
    let mixed = (seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d;
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed >> 40) as f64) / f64::from(1u32 << 24)
}

/// Texture number `seed`, brighter where it is warm.
pub(crate) fn pixels(seed: usize, is_warm: bool, has_defect: bool) -> Vec<u8> {
    let level = if is_warm { 150.0 } else { 80.0 };
    // Parts lie nearly the same way.
    let phase = noise(seed) * 0.5;
    let value = |y: usize, x: usize| {
        let wave = ((y as f64 / 5.0 + phase).sin() + (x as f64 / 7.0 - phase).cos()) * 18.0;
        let grain = (noise(seed * 100_003 + y * WIDTH + x) - 0.5) * 12.0;
        let is_inside =
            (DEFECT.0..DEFECT.0 + DEFECT_SIDE).contains(&y) && (DEFECT.1..DEFECT.1 + DEFECT_SIDE).contains(&x);
        let mark = if has_defect && is_inside && (y / 2 + x / 2).is_multiple_of(2) { 90.0 } else { 0.0 };
        (level + wave + grain + mark).clamp(0.0, 255.0) as u8
    };
    (0..HEIGHT * WIDTH).map(|at| value(at / WIDTH, at % WIDTH)).collect()
}

/// The same as an image in memory.
pub(crate) fn image(seed: usize, is_warm: bool, has_defect: bool) -> Image {
    let pixels = pixels(seed, is_warm, has_defect).into_iter().map(|v| f32::from(v) / 255.0).collect();
    Image::new(pixels, HEIGHT, WIDTH, 1).unwrap()
}

/// A folder with `cold/` and `warm/`, so many normal images in each.
pub(crate) struct Normals {
    pub(crate) samples: Vec<Sample>,
    _folder: TempDir,
}

impl Normals {
    pub(crate) fn new(n: usize) -> Self {
        let folder = TempDir::new().unwrap();
        for (name, is_warm) in [("cold", false), ("warm", true)] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            (0..n).for_each(|seed| write(&folder.path().join(name), seed, is_warm));
        }
        let samples = dataset::normals(folder.path(), None).unwrap().samples;
        assert_eq!(samples.len(), 2 * n);
        Self { samples, _folder: folder }
    }
}

fn write(folder: &Path, seed: usize, is_warm: bool) {
    let path = folder.join(format!("{seed:03}.png"));
    write_png_grey8(&path, &pixels(seed + 1000 * usize::from(is_warm), is_warm, false), HEIGHT, WIDTH).unwrap();
}
