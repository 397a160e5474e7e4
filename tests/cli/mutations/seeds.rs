//! Small sound files of every format, to start from.

#[path = "../../support/image_bytes.rs"]
#[allow(dead_code, reason = "not all flavours are seeds")]
mod image_bytes;

use image::ImageFormat;
pub(crate) use image_bytes::crc32;
use image_bytes::{GREY_F32, TiffFlavour, f32_samples, png};
use serde_json::{Value, json};
use std::fs;
use std::io::Cursor;
use std::path::Path;

/// A sound file.
pub(crate) struct Seed {
    /// What it is, for the figures.
    pub(crate) format: &'static str,
    pub(crate) extension: String,
    pub(crate) bytes: Vec<u8>,
    /// Whether pcore reads it as it is.
    pub(crate) is_sound: bool,
}

impl Seed {
    pub(crate) fn sound(format: &'static str, extension: &str, bytes: Vec<u8>) -> Self {
        Self { format, extension: extension.to_owned(), bytes, is_sound: true }
    }
}

/// The format of seeds that pcore has no extension for: AVIF, JPEG 2000, JPEG XL.
pub(crate) const NOT_READ: &str = "another";
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

/// The format that files with this extension are of; every extension of `pcore::image::EXTENSIONS` has one.
pub(crate) fn format_of(extension: &str) -> &'static str {
    match extension {
        "png" | "apng" => "png",
        "jpg" | "jpeg" | "jpe" | "jfif" => "jpeg",
        "bmp" | "dib" => "bmp",
        "tif" | "tiff" => "tiff",
        "webp" => "webp",
        "pnm" | "pbm" | "pgm" | "ppm" | "pam" => "pnm",
        "pfm" => "pfm",
        "qoi" => "qoi",
        "gif" => "gif",
        "tga" => "tga",
        "exr" => "exr",
        "hdr" => "hdr",
        "ff" | "farbfeld" => "farbfeld",
        "dds" => "dds",
        "ico" => "ico",
        other => panic!("no seeds for '.{other}': add them"),
    }
}

/// The formats that the `image` crate writes, those of a lens with a wide range as floats.
fn by_encoder() -> Vec<(&'static str, Vec<u8>)> {
    let (height, width) = (SIDES.0 as u32, SIDES.1 as u32);
    let colours = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([(x * 20) as u8, (y * 28) as u8, 90]));
    let colours = image::DynamicImage::ImageRgb8(colours);
    let floats = image::Rgb32FImage::from_fn(width, height, |x, y| image::Rgb([x as f32, y as f32, 0.5]));
    let floats = image::DynamicImage::ImageRgb32F(floats);
    let mut found = vec![];
    for (extension, format) in [
        ("jpg", ImageFormat::Jpeg),
        ("bmp", ImageFormat::Bmp),
        ("gif", ImageFormat::Gif),
        ("webp", ImageFormat::WebP),
        ("ppm", ImageFormat::Pnm),
        ("tga", ImageFormat::Tga),
        ("qoi", ImageFormat::Qoi),
        ("ico", ImageFormat::Ico),
        ("ff", ImageFormat::Farbfeld),
        ("exr", ImageFormat::OpenExr),
        ("hdr", ImageFormat::Hdr),
    ] {
        let picture = match format {
            // It has an alpha channel.
            ImageFormat::Ico => image::DynamicImage::ImageRgba8(colours.to_rgba8()),
            ImageFormat::Farbfeld => image::DynamicImage::ImageRgba16(colours.to_rgba16()),
            ImageFormat::OpenExr | ImageFormat::Hdr => floats.clone(),
            _ => colours.clone(),
        };
        let mut file = Cursor::new(vec![]);
        picture.write_to(&mut file, format).unwrap();
        found.push((extension, file.into_inner()));
    }
    found.push(("pgm", b"P2\n# a part\n4 3\n255\n0 10 20 30 40 50 60 70 80 90 100 255\n".to_vec()));
    found.push(("pbm", b"P1\n4 3\n0 1 0 1 1 1 0 0 0 1 1 0\n".to_vec()));
    found
}

/// A DDS of 8 rows and 12 columns in blocks of 4 x 4 pixels.
fn dds(kind: &[u8; 4], block_bytes: usize) -> Vec<u8> {
    let mut head = [0_u32; 31];
    // Size of the header; flags: kind, height, width, pixel format; height; width.
    head[..4].copy_from_slice(&[124, 0x1007, 8, 12]);
    // Size of the pixel format; flag: it has a name; what the file is for: a texture.
    (head[18], head[19], head[20], head[26]) = (32, 4, u32::from_le_bytes(*kind), 0x1000);
    let mut file = b"DDS ".to_vec();
    file.extend(head.into_iter().flat_map(u32::to_le_bytes));
    file.extend((0..6 * block_bytes).map(|i| (i * 37 + 11) as u8));
    file
}

/// The files of `tests/golden/encodings`, those that are refused too. What pcore has no extension for is named as a PNG.
fn encodings() -> Vec<Seed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/encodings");
    let all: Value = serde_json::from_str(&fs::read_to_string(folder.join("expected.json")).unwrap()).unwrap();
    let mut found = vec![];
    for (name, case) in all["cases"].as_object().unwrap() {
        let extension = name.rsplit('.').next().unwrap();
        let is_known = pcore::image::EXTENSIONS.contains(&extension);
        found.push(Seed {
            format: if is_known { format_of(extension) } else { NOT_READ },
            extension: if is_known { extension } else { "png" }.to_owned(),
            bytes: fs::read(folder.join("files").join(name)).unwrap(),
            is_sound: case["refused"].is_null(),
        });
    }
    found
}

/// Seeds of every image format that pcore says it reads.
pub(crate) fn images() -> Vec<Seed> {
    let mut found = encodings();
    found.extend(tiffs().into_iter().map(|bytes| Seed::sound("tiff", "tiff", bytes)));
    for (kind, block_bytes) in [(b"DXT1", 8), (b"DXT3", 16), (b"DXT5", 16)] {
        found.push(Seed::sound("dds", "dds", dds(kind, block_bytes)));
    }
    found.extend(pngs().into_iter().map(|bytes| Seed::sound("png", "png", bytes)));
    found
        .extend(by_encoder().into_iter().map(|(extension, bytes)| Seed::sound(format_of(extension), extension, bytes)));
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
    let mut found = vec![Seed::sound("safetensors", "safetensors", file)];
    found.push(Seed::sound("pickle", "pth", pickle.to_vec()));
    for name in ["basic_bn.onnx", "basic.pth", "basic_legacy.pth"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/backbones").join(name);
        found.push(Seed::sound("weights", "pth", fs::read(path).unwrap()));
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
