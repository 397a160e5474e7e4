//! Names of files as text, no two files the same.
//!
//! A name of valid Unicode is itself. Each byte that is none becomes `%` and two hexadecimal digits in upper case, as does
//! a backslash within a name (`%5C`), which elsewhere would separate folders. So that nothing else reads like that, a `%`
//! before `25`, `5C`, or `80` to `FF` becomes `%25`; every other `%` is left alone.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use data_encoding::HEXUPPER;

/// A path relative to a listing's root as a name: parts joined by `/` on every system.
pub(super) fn name(below: &Path) -> String {
    let parts: Vec<String> = below.iter().map(|part| escape(part, true)).collect();
    parts.join("/")
}

/// A path as text from which [`path_from_text`] makes the same path again. Separators stay as they are.
#[must_use]
pub fn path_text(path: &Path) -> String {
    escape(path.as_os_str(), false)
}

fn escape(text: &OsStr, backslash: bool) -> String {
    let bytes = text.as_encoded_bytes();
    let mut escaped = String::with_capacity(bytes.len());
    let push = |byte: u8, escaped: &mut String| escaped.extend(["%", &HEXUPPER.encode(&[byte])]);
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid();
        for (at, character) in valid.char_indices() {
            let is_escape = match character {
                '\\' => backslash,
                '%' => escaped_byte(&valid[at..]).is_some(),
                _ => false,
            };
            match u8::try_from(character) {
                Ok(byte) if is_escape => push(byte, &mut escaped),
                _ => escaped.push(character),
            }
        }
        chunk.invalid().iter().for_each(|byte| push(*byte, &mut escaped));
    }
    escaped
}

/// The byte that `text` begins with in escaped form, if it does.
fn escaped_byte(text: &str) -> Option<u8> {
    let digits = text.strip_prefix('%')?.get(..2)?;
    let byte = *HEXUPPER.decode(digits.as_bytes()).ok()?.first()?;
    matches!(byte, b'%' | b'\\' | 0x80..).then_some(byte)
}

/// The path that [`path_text`] or a listing named so. On systems whose paths are Unicode, bytes that are none become
/// U+FFFD.
#[must_use]
pub fn path_from_text(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match escaped_byte(rest) {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[3..];
            }
            None => {
                bytes.extend_from_slice(&rest.as_bytes()[..first.len_utf8()]);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    from_bytes(bytes)
}

#[cfg(unix)]
fn from_bytes(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(not(unix))]
fn from_bytes(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn names_of_ordinary_files_are_unchanged_and_all_others_differ() {
        let cases: &[(&[u8], &str)] = &[
            (b"a/b.png", "a/b.png"),
            ("시험편 50%.png".as_bytes(), "시험편 50%.png"),
            (b"100%_a%ff%2f%5c.png", "100%_a%ff%2f%5c.png"),
            (b"back\\slash.png", "back%5Cslash.png"),
            (b"back/slash.png", "back/slash.png"),
            (b"\xff.png", "%FF.png"),
            (b"\xfe.png", "%FE.png"),
            (b"%FF.png", "%25FF.png"),
            (b"%25FF.png", "%2525FF.png"),
            (b"%%5C", "%%255C"),
            (b"%5\\", "%5%5C"),
        ];
        let mut seen = std::collections::BTreeSet::new();
        for (bytes, expected) in cases {
            let path = Path::new(OsStr::from_bytes(bytes));
            assert_eq!(name(path), *expected);
            assert_eq!(path_from_text(expected), path, "{expected}");
            assert!(seen.insert(name(path)), "{expected} twice");
        }
        assert_eq!(path_text(Path::new("back\\slash.png")), "back\\slash.png");
    }

    proptest! {
        #[test]
        fn every_path_reads_back(bytes in proptest::collection::vec(
            prop_oneof![Just(b'%'), Just(b'\\'), Just(b'5'), Just(b'C'), Just(b'2'), Just(b'F'), 1u8..=255], 0..12,
        )) {
            let path = Path::new(OsStr::from_bytes(&bytes));
            let back = path_from_text(&path_text(path));
            prop_assert_eq!(back.as_os_str().as_bytes(), &bytes[..]);
            // Parts are joined anew, so only what has one reading as parts is compared.
            let parts: PathBuf = path.iter().collect();
            prop_assert_eq!(path_from_text(&name(&parts)), parts);
        }
    }
}
