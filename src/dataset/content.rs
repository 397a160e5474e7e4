//! What a file is, by its name and its first bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::image::{is_image, is_image_path};

/// What a walk does with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// It is read.
    Image,
    /// An image format that is not read.
    Other(&'static str),
    /// No image.
    Nothing,
}

/// First bytes that tell a format; DICOM has its name after 128.
const N_FIRST_BYTES: u64 = 192;

/// Extensions of camera RAW files. Many begin like a TIFF file, whose first page is a thumbnail: their content is not asked.
const CAMERA_RAW: &[&str] = &[
    "3fr", "arw", "cr2", "cr3", "crw", "dcr", "dng", "erf", "fff", "iiq", "kdc", "mef", "mos", "mrw", "nef", "nrw",
    "orf", "pef", "raf", "raw", "rw2", "rwl", "sr2", "srf", "srw", "x3f",
];

/// Extensions of formats that are not read, or read only where the `image` module knows them.
const BY_EXTENSION: &[(&str, &[&str])] = &[
    ("JPEG 2000", &["j2c", "j2k", "jp2", "jpc", "jpf", "jpm", "jpx"]),
    ("HEIC", &["heic", "heif", "hif"]),
    ("AVIF", &["avif"]),
    ("JPEG XL", &["jxl"]),
    ("JPEG XR", &["hdp", "jxr", "wdp"]),
    ("Photoshop", &["psb", "psd"]),
    ("WebP", &["webp"]),
    ("GIF", &["gif"]),
    ("PNM", &["pam", "pbm", "pfm", "pgm", "pnm", "ppm"]),
    ("QOI", &["qoi"]),
    ("TGA", &["tga"]),
    ("OpenEXR", &["exr"]),
    ("DDS", &["dds"]),
    ("ICO", &["ico"]),
    ("PCX", &["pcx"]),
    ("FITS", &["fit", "fits", "fts"]),
    ("DICOM", &["dcm", "dicom"]),
    ("NRRD", &["nrrd"]),
    ("GIMP", &["xcf"]),
    ("microscope format", &["czi", "lif", "nd2", "oir", "vsi"]),
];

/// First bytes of formats that are not read.
const BY_FIRST_BYTES: &[(&str, &[u8])] = &[
    ("JPEG 2000", b"\0\0\0\x0cjP  "),
    ("JPEG 2000", b"\xff\x4f\xff\x51"),
    ("JPEG XL", b"\0\0\0\x0cJXL "),
    ("JPEG XL", b"\xff\x0a"),
    ("JPEG XR", b"II\xbc\x01"),
    ("camera RAW", b"IIU\0"),
    ("camera RAW", b"IIRO"),
    ("camera RAW", b"FUJIFILMCCD-RAW"),
    ("camera RAW", b"FOVb"),
    ("Photoshop", b"8BPS"),
    ("GIF", b"GIF87a"),
    ("GIF", b"GIF89a"),
    ("QOI", b"qoif"),
    ("OpenEXR", b"\x76\x2f\x31\x01"),
    ("Radiance HDR", b"#?RADIANCE"),
    ("Radiance HDR", b"#?RGBE"),
    ("farbfeld", b"farbfeld"),
    ("FITS", b"SIMPLE  ="),
    ("NRRD", b"NRRD000"),
    ("GIMP", b"gimp xcf"),
];

/// Brands of the files that begin with an `ftyp` box. Others are films.
const BY_BRAND: &[(&str, &[&[u8; 4]])] = &[
    ("HEIC", &[b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"]),
    ("AVIF", &[b"avif", b"avis"]),
    ("camera RAW", &[b"crx "]),
];

/// Tells what a regular file is; it is opened only where its extension is not one of an image that is read.
///
/// # Errors
/// If it cannot be opened.
pub(super) fn content(path: &Path) -> io::Result<Content> {
    if has_extension(path, CAMERA_RAW) {
        return Ok(Content::Other("camera RAW"));
    }
    if is_image_path(path) {
        return Ok(Content::Image);
    }
    let mut first_bytes = Vec::new();
    File::open(path)?.take(N_FIRST_BYTES).read_to_end(&mut first_bytes)?;
    if is_image(&first_bytes) && is_beyond_doubt(&first_bytes) {
        return Ok(Content::Image);
    }
    let other = other_format(&first_bytes).or_else(|| {
        let known = BY_EXTENSION.iter().find(|(_, extensions)| has_extension(path, extensions));
        known.map(|(format, _)| *format)
    });
    Ok(other.map_or(Content::Nothing, Content::Other))
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let found = path.extension().and_then(|extension| extension.to_str());
    found.is_some_and(|found| extensions.iter().any(|known| found.eq_ignore_ascii_case(known)))
}

/// Whether first bytes that belong to an image format cannot well be something else: a text may begin with `BM` or `P5`,
/// and an icon's four bytes are a small number.
fn is_beyond_doubt(first_bytes: &[u8]) -> bool {
    match first_bytes {
        // The length of the second header is one of a few.
        [b'B', b'M', rest @ ..] => {
            let length = rest.get(12..16).and_then(|four| four.try_into().ok()).map(u32::from_le_bytes);
            matches!(length, Some(12 | 16 | 40 | 52 | 56 | 64 | 108 | 124))
        }
        [b'P', b'7', rest @ ..] => rest.starts_with(b"\n"),
        [b'P', b'1'..=b'6' | b'F' | b'f', rest @ ..] => {
            let text: String = rest.iter().map(|byte| char::from(*byte)).collect();
            let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
            let words: Vec<&str> = lines.flat_map(str::split_ascii_whitespace).take(2).collect();
            let is_number = |word: &&str| word.chars().all(|digit| digit.is_ascii_digit());
            text.starts_with(|first: char| first.is_ascii_whitespace())
                && words.len() == 2
                && words.iter().all(is_number)
        }
        [b'D', b'D', b'S', b' ', rest @ ..] => rest.starts_with(&[124, 0, 0, 0]),
        [0, 0, 1 | 2, 0, ..] => false,
        _ => true,
    }
}

fn other_format(first_bytes: &[u8]) -> Option<&'static str> {
    if let Some((format, _)) = BY_FIRST_BYTES.iter().find(|(_, begin)| first_bytes.starts_with(begin)) {
        return Some(format);
    }
    match first_bytes {
        [_, _, _, _, b'f', b't', b'y', b'p', a, b, c, d, ..] => {
            let known = BY_BRAND.iter().find(|(_, brands)| brands.contains(&&[*a, *b, *c, *d]));
            known.map(|(format, _)| *format)
        }
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("WebP"),
        _ if first_bytes.get(128..132) == Some(b"DICM") => Some("DICOM"),
        _ => None,
    }
}
