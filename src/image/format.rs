//! File formats, told by their first bytes.

use std::path::Path;

/// File name extensions that a folder walk takes as images, lower case. Upper case counts too.
pub const EXTENSIONS: &[&str] = &[
    "png", "apng", "jpg", "jpeg", "jpe", "jfif", "bmp", "dib", "tif", "tiff", "webp", "pnm", "pbm", "pgm", "ppm",
    "pam", "pfm", "qoi", "gif", "tga", "exr", "hdr", "ff", "farbfeld", "dds", "ico",
];

/// The formats read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Png,
    Jpeg,
    Bmp,
    Tiff,
    WebP,
    Gif,
    Pnm,
    Pfm,
    Qoi,
    Exr,
    Hdr,
    Farbfeld,
    Dds,
    Ico,
    Tga,
}

impl Format {
    /// Tells the format from the first bytes.
    pub(super) fn sniff(bytes: &[u8]) -> Option<Format> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Format::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Format::Jpeg),
            // 42 is TIFF, 43 BigTIFF, in either byte order.
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Format::Tiff),
            [b'B', b'M', ..] => Some(Format::Bmp),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Format::WebP),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Format::Gif),
            [b'P', b'1'..=b'7', b' ' | b'\t' | b'\r' | b'\n' | b'#', ..] => Some(Format::Pnm),
            [b'P', b'f' | b'F', b' ' | b'\t' | b'\r' | b'\n', ..] => Some(Format::Pfm),
            [b'q', b'o', b'i', b'f', ..] => Some(Format::Qoi),
            [0x76, 0x2f, 0x31, 0x01, ..] => Some(Format::Exr),
            _ if bytes.starts_with(b"#?RADIANCE") || bytes.starts_with(b"#?RGBE") => Some(Format::Hdr),
            _ if bytes.starts_with(b"farbfeld") => Some(Format::Farbfeld),
            _ if bytes.starts_with(b"DDS ") => Some(Format::Dds),
            _ => None,
        }
    }

    /// As [`Format::sniff`], with the file's name for formats whose first bytes say too little.
    pub(super) fn of_file(bytes: &[u8], path: &Path) -> Option<Format> {
        Format::sniff(bytes).or_else(|| match (extension(path)?.as_str(), bytes) {
            ("tga", [_, 0 | 1, 1..=3 | 9..=11, ..]) => Some(Format::Tga),
            ("ico", [0, 0, 1, 0, ..]) => Some(Format::Ico),
            _ => None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Format::Png => "PNG",
            Format::Jpeg => "JPEG",
            Format::Bmp => "BMP",
            Format::Tiff => "TIFF",
            Format::WebP => "WebP",
            Format::Gif => "GIF",
            Format::Pnm => "PNM",
            Format::Pfm => "PFM",
            Format::Qoi => "QOI",
            Format::Exr => "OpenEXR",
            Format::Hdr => "Radiance HDR",
            Format::Farbfeld => "farbfeld",
            Format::Dds => "DDS",
            Format::Ico => "ICO",
            Format::Tga => "TGA",
        }
    }
}

/// Whether a file with these first bytes (16 are enough) is an image of a format that is read here, whatever its name.
/// TGA and ICO files, which have no mark of their own, are known by their extension only.
pub fn is_image(first_bytes: &[u8]) -> bool {
    Format::sniff(first_bytes).is_some()
}

/// Whether the name ends in one of [`EXTENSIONS`]. The file is not touched.
pub fn is_image_path(path: &Path) -> bool {
    extension(path).is_some_and(|found| EXTENSIONS.contains(&found.as_str()))
}

fn extension(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

/// The name of a picture format that is not read here, by its first bytes.
pub(super) fn known_other(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0, 0, 0, 12, b'j', b'P', b' ', b' ', ..] | [0xff, 0x4f, 0xff, 0x51, ..] => Some("a JPEG 2000"),
        [0, 0, 0, 12, b'J', b'X', b'L', b' ', ..] | [0xff, 0x0a, ..] => Some("a JPEG XL"),
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', ..] => Some("an AVIF"),
        [_, _, _, _, b'f', b't', b'y', b'p', b'h' | b'm', b'e' | b'i', ..] => Some("a HEIC"),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some("a video"),
        [b'8', b'B', b'P', b'S', ..] => Some("a Photoshop"),
        [b'%', b'P', b'D', b'F', ..] => Some("a PDF"),
        [b'S', b'I', b'M', b'P', b'L', b'E', ..] => Some("a FITS"),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Some("a NumPy"),
        [0x89, b'H', b'D', b'F', ..] => Some("an HDF5"),
        [b'D', b'J', b'V', b'U', ..] => Some("a DjVu"),
        _ if bytes.get(128..132) == Some(b"DICM") => Some("a DICOM"),
        _ if bytes.starts_with(b"<svg") || bytes.starts_with(b"<?xml") => Some("an XML or SVG"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_told_by_its_first_bytes_or_its_name() {
        let by_content: [(&[u8], Format); 15] = [
            (b"\x89PNG\r\n\x1a\n", Format::Png),
            (b"\xff\xd8\xff\xe0", Format::Jpeg),
            (b"BM", Format::Bmp),
            (b"II*\0", Format::Tiff),
            (b"MM\0+", Format::Tiff),
            (b"RIFF\x10\0\0\0WEBPVP8L", Format::WebP),
            (b"GIF89a", Format::Gif),
            (b"P5\n1 1\n", Format::Pnm),
            (b"P7\nWIDTH", Format::Pnm),
            (b"Pf\n1 1\n", Format::Pfm),
            (b"qoif", Format::Qoi),
            (b"\x76\x2f\x31\x01", Format::Exr),
            (b"#?RADIANCE\n", Format::Hdr),
            (b"farbfeld", Format::Farbfeld),
            (b"DDS |", Format::Dds),
        ];
        for (bytes, format) in by_content {
            assert_eq!(Format::sniff(bytes), Some(format), "{bytes:?}");
            assert_eq!(Format::of_file(bytes, Path::new("misleading.tga")), Some(format));
            assert!(is_image(bytes));
        }
        let tga = [0, 0, 2, 0];
        assert!(!is_image(&tga));
        assert_eq!(Format::of_file(&tga, Path::new("a.TGA")), Some(Format::Tga));
        assert_eq!(Format::of_file(&tga, Path::new("a.png")), None);
        assert_eq!(Format::of_file(&[0, 0, 1, 0, 1, 0], Path::new("a.ico")), Some(Format::Ico));
        for other in [&b"RIFF\x10\0\0\0WAVE"[..], b"P8\n", b"PK\x03\x04", b"Pretty text", b""] {
            assert!(!is_image(other), "{other:?}");
        }
    }
}
