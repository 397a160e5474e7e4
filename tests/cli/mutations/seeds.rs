//! Small sound files of every format, to start from.

#[path = "../../support/image_bytes.rs"]
#[allow(dead_code, reason = "not all flavours are seeds")]
mod image_bytes;

use image::ImageFormat;
use image_bytes::{GREY_F32, TiffFlavour, f32_samples, png};
use serde_json::json;
use std::io::Cursor;

/// A sound file.
pub(crate) struct Seed {
    /// What it is, for the figures.
    pub(crate) format: &'static str,
    pub(crate) extension: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// Rows and columns of the seeds.
const SIDES: (usize, usize) = (9, 12);

fn tiff(flavour: TiffFlavour) -> Vec<u8> {
    let (height, width) = SIDES;
    let n_bytes = usize::from(flavour.bits).div_ceil(8);
    let n = height * width * flavour.n_channels;
    if flavour.sample_format == 3 {
        return flavour.build(&f32_samples(&(0..n).map(|i| i as f32 / n as f32).collect::<Vec<_>>()), height, width);
    }
    let samples: Vec<Vec<u8>> = (0..n).map(|i| (0..n_bytes).map(|b| ((i * 7 + b) % 120) as u8).collect()).collect();
    flavour.build(&samples, height, width)
}

fn tiffs() -> Vec<Vec<u8>> {
    let rgb8 = TiffFlavour { n_channels: 3, photometric: 2, bits: 8, sample_format: 1, ..GREY_F32 };
    let grey16 = TiffFlavour { bits: 16, sample_format: 1, ..GREY_F32 };
    vec![
        tiff(GREY_F32),
        tiff(TiffFlavour { big_endian: true, ..GREY_F32 }),
        tiff(TiffFlavour { big_tiff: true, ..GREY_F32 }),
        tiff(TiffFlavour { tile: Some((16, 16)), ..GREY_F32 }),
        tiff(TiffFlavour { rows_per_strip: 9, n_channels: 3, photometric: 2, ..GREY_F32 }),
        tiff(rgb8),
        tiff(TiffFlavour { planar: true, ..rgb8 }),
        tiff(TiffFlavour { pack_bits: true, ..rgb8 }),
        tiff(TiffFlavour { n_channels: 4, extra_sample: Some(2), ..rgb8 }),
        tiff(grey16),
        tiff(TiffFlavour { big_endian: true, big_tiff: true, ..grey16 }),
        tiff(TiffFlavour { sample_format: 2, ..grey16 }),
        tiff(TiffFlavour { bits: 32, sample_format: 1, ..GREY_F32 }),
    ]
}

fn pngs() -> Vec<Vec<u8>> {
    let (height, width) = SIDES;
    // A filter byte and packed samples for each row.
    let rows = |n_bytes: usize| -> Vec<u8> {
        (0..height).flat_map(|y| [0].into_iter().chain((0..n_bytes).map(move |x| (y * 17 + x * 5) as u8))).collect()
    };
    let made = |header: [u8; 2], extra: &[(&[u8; 4], &[u8])], n_bytes: usize| {
        png(width as u32, height as u32, header, extra, &rows(n_bytes))
    };
    let palette: Vec<u8> = (0..768).map(|i| (i * 3) as u8).collect();
    vec![
        made([8, 0], &[], width),
        made([16, 0], &[], 2 * width),
        made([1, 0], &[], width.div_ceil(8)),
        made([8, 2], &[(b"gAMA", &[0, 0, 177, 143])], 3 * width),
        made([16, 6], &[], 8 * width),
        made([8, 3], &[(b"PLTE", &palette)], width),
        made([8, 4], &[(b"tEXt", b"Comment\0a part")], 2 * width),
    ]
}

/// The formats that the `image` crate writes, those of a lens with a wide range as floats.
fn others() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let (height, width) = (SIDES.0 as u32, SIDES.1 as u32);
    let by_encoder = [
        ("jpeg", "jpg", ImageFormat::Jpeg),
        ("bmp", "bmp", ImageFormat::Bmp),
        ("gif", "gif", ImageFormat::Gif),
        ("webp", "webp", ImageFormat::WebP),
        ("pnm", "ppm", ImageFormat::Pnm),
        ("tga", "tga", ImageFormat::Tga),
        ("qoi", "qoi", ImageFormat::Qoi),
        ("ico", "ico", ImageFormat::Ico),
    ];
    let colours = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([(x * 20) as u8, (y * 28) as u8, 90]));
    let colours = image::DynamicImage::ImageRgb8(colours);
    let mut found = vec![];
    for (name, extension, format) in by_encoder {
        let mut file = Cursor::new(vec![]);
        // An icon has an alpha channel.
        if format == ImageFormat::Ico {
            image::DynamicImage::ImageRgba8(colours.to_rgba8()).write_to(&mut file, format).unwrap();
        } else {
            colours.write_to(&mut file, format).unwrap();
        }
        found.push((name, extension, file.into_inner()));
    }
    let floats = image::Rgb32FImage::from_fn(width, height, |x, y| image::Rgb([x as f32, y as f32, 0.5]));
    for (name, format) in [("exr", ImageFormat::OpenExr), ("hdr", ImageFormat::Hdr)] {
        let mut file = Cursor::new(vec![]);
        image::DynamicImage::ImageRgb32F(floats.clone()).write_to(&mut file, format).unwrap();
        found.push((name, name, file.into_inner()));
    }
    for (extension, text) in [
        ("pgm", "P2\n# a part\n4 3\n255\n0 10 20 30 40 50 60 70 80 90 100 255\n"),
        ("pbm", "P1\n4 3\n0 1 0 1 1 1 0 0 0 1 1 0\n"),
    ] {
        found.push(("pnm", extension, text.into()));
    }
    found
}

/// Seeds of every image format that pcore says it reads.
pub(crate) fn images() -> Vec<Seed> {
    let mut found: Vec<Seed> = vec![];
    found.extend(tiffs().into_iter().map(|bytes| Seed { format: "tiff", extension: "tiff", bytes }));
    found.extend(pngs().into_iter().map(|bytes| Seed { format: "png", extension: "png", bytes }));
    let is_read = |extension: &str| pcore::image::EXTENSIONS.contains(&extension);
    for (format, extension, bytes) in others() {
        if is_read(extension) {
            found.push(Seed { format, extension, bytes });
        }
    }
    found
}

/// A safetensors file and the head of an archive.
pub(crate) fn weights() -> Vec<Seed> {
    let values = [0.5_f32; 12].map(f32::to_le_bytes).concat();
    let header = json!({
        "a.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "a.bias": {"dtype": "F32", "shape": [2], "data_offsets": [24, 32]},
        "b": {"dtype": "BF16", "shape": [2, 2, 2], "data_offsets": [32, 48]},
    })
    .to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(values);
    let pickle = b"\x80\x02}q\x00X\x04\x00\x00\x00nameq\x01K\x01s.";
    let mut found = vec![Seed { format: "safetensors", extension: "safetensors", bytes: file }];
    found.push(Seed { format: "pickle", extension: "pth", bytes: pickle.to_vec() });
    for name in ["basic_bn.onnx", "basic.pth", "basic_legacy.pth"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/backbones").join(name);
        if let Ok(bytes) = std::fs::read(path) {
            found.push(Seed { format: "weights", extension: "pth", bytes });
        }
    }
    found
}

/// The two text files of a station.
pub(crate) fn station_texts() -> [&'static str; 2] {
    [
        r#"{"input_size": 224, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "grid": [14, 14], "metric": "cosine", "backbone": "wrn50_l3", "layers": ["layer3"], "data_name": "part"}"#,
        r#"{"value": 0.0509, "metric": "cosine", "q": 0.998, "ntotal": 400}"#,
    ]
}
