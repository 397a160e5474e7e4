//! Names that look the same are the same: composed (NFC) and decomposed (NFD) Unicode.
//!
//! A Mac writes names decomposed, most others composed. Names are compared as they are first; only what finds no match so
//! is compared in composed form. Files that differ in nothing else remain two files.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// The text in composed form (NFC).
#[must_use]
pub fn composed(text: &str) -> Cow<'_, str> {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => Cow::Borrowed(text),
        IsNormalized::No | IsNormalized::Maybe => Cow::Owned(text.nfc().collect()),
    }
}

/// The path in composed form; one that is no Unicode as it is.
pub(super) fn composed_path(path: &Path) -> PathBuf {
    path.to_str().map_or_else(|| path.to_path_buf(), |text| composed(text).as_ref().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_name_compose_to_the_same() {
        let cases = [
            ("\u{1109}\u{1175}.png", "\u{c2dc}.png"),
            ("e\u{301}.png", "\u{e9}.png"),
            ("a.png", "a.png"),
            ("\u{212b}", "\u{c5}"),
        ];
        for (decomposed, expected) in cases {
            assert_eq!(composed(decomposed), expected);
            assert_eq!(composed(expected), expected);
            assert_eq!(composed_path(Path::new(decomposed)), Path::new(expected));
        }
    }
}
