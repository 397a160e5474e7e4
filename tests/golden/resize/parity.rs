//! Resizes against Pillow's. `generate.py` beside this file wrote the expected values.

use pcore::image::{Image, Preprocessing, Resize};

/// What the task allows.
const TOLERANCE: f32 = 1e-5;

/// The formula of `generate.py`.
fn source(height_px: usize, width_px: usize) -> Image {
    let values = (0..(height_px * width_px) as u64).map(|index| {
        let mixed = (index.wrapping_mul(2_654_435_761) + 12_345) & 0xffff_ffff;
        let mixed = mixed ^ (mixed >> 13);
        (mixed >> 8) as f32 / (1_u32 << 22) as f32 - 1.0
    });
    Image::new(values.collect(), height_px, width_px, 1).unwrap()
}

fn size(text: &str) -> (usize, usize) {
    let (height, width) = text.split_once('x').unwrap();
    (height.parse().unwrap(), width.parse().unwrap())
}

/// The plain pixels: a mean of 0 and a deviation of 1 leave them alone.
fn resized(resize: Resize, source_size: (usize, usize), target: (usize, usize)) -> Vec<f32> {
    let (height_px, width_px) = target;
    let preprocessing =
        Preprocessing { mean: [0.0; 3], std: [1.0; 3], ..Preprocessing::imagenet(height_px, width_px, resize) };
    let input = preprocessing.apply(&source(source_size.0, source_size.1)).unwrap();
    let plane = height_px * width_px;
    assert_eq!(input[..plane], input[plane..2 * plane], "grey is replicated");
    assert_eq!(input[..plane], input[2 * plane..], "grey is replicated");
    input[..plane].to_vec()
}

#[test]
fn resizes_agree_with_pillow() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/resize");
    let (mut n_cases, mut n_identical, mut n_values) = (0, 0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "f32") {
            continue;
        }
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let parts: Vec<&str> = stem.split('_').collect();
        let resize = match parts[0] {
            "bilinear" => Resize::StretchBilinear,
            "nearest" => Resize::StretchNearest,
            "crop" => Resize::ShortestCrop { shortest_px: parts[2]["short".len()..].parse().unwrap() },
            other => panic!("no method {other}"),
        };
        let found = resized(resize, size(parts[1]), size(parts[parts.len() - 1]));
        let bytes = std::fs::read(&path).unwrap();
        let expected: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        assert_eq!(found.len(), expected.len(), "{stem}");
        for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let limit = if resize == Resize::StretchNearest { 0.0 } else { TOLERANCE };
            assert!((found - expected).abs() <= limit, "{stem} [{index}]: {found}, not {expected}");
            n_identical += usize::from(found.to_bits() == expected.to_bits());
        }
        n_values += expected.len();
        n_cases += 1;
    }
    assert_eq!(n_cases, 16);
    // The tolerance is what is promised; 99 % are the same bits, the rest differ in the last one.
    assert!(n_identical * 100 >= n_values * 99, "{n_identical} of {n_values}");
    println!("{n_identical} of {n_values} values are identical bit for bit");
}
