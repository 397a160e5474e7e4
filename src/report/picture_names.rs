//! Names for the pictures of images: one for each, that every file system takes.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use unicode_normalization::UnicodeNormalization;

/// Longest part of a path that is kept, in bytes: every file system takes 255, and there are extensions and the names of
/// temporary files.
const MAX_PART_BYTES: usize = 180;
/// Digits of a name's own hash.
const HASH_DIGITS: usize = 16;
/// Extensions that pictures get.
const EXTENSIONS: [&str; 3] = [".png", ".tiff", ".jpg"];
/// Names that Windows keeps for devices, with every extension.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];
/// Names of devices that a digit follows.
const NUMBERED_DEVICES: [&str; 2] = ["com", "lpt"];

/// A name for the pictures of each image, without the picture's extension: the image's name in the listing with its own
/// extension, folders joined by `/`, so that the picture of `good/0.tiff` is `good/0.tiff.png`.
///
/// Where that can't be a file everywhere (too long, characters or names that Windows reserves, parts that lead elsewhere), or
/// would be the same as the name of another image or of a folder on a file system that takes capital and small letters, or
/// composed and decomposed characters, for the same, the name is changed where needed, and `~` and sixteen digits of a hash
/// of the image's name and path follow it. The names depend on the set of images, not on their order.
#[must_use]
pub fn picture_names<'a>(images: impl IntoIterator<Item = (&'a str, &'a Path)>) -> Vec<String> {
    let images: Vec<(&str, &Path)> = images.into_iter().collect();
    let mut names: Vec<Named> = images.iter().map(|(name, _)| Named::of(name)).collect();
    let mut n_alike: HashMap<String, usize> = HashMap::new();
    let mut folders: HashSet<String> = HashSet::new();
    for named in &names {
        let folded = fold(&named.name);
        folders.extend(folded.match_indices('/').map(|(at, _)| folded[..at].to_owned()));
        *n_alike.entry(folded).or_default() += 1;
    }
    for (named, (name, path)) in names.iter_mut().zip(&images) {
        let folded = fold(&named.name);
        let is_alike = n_alike.get(&folded).is_some_and(|n| *n > 1);
        let is_folder = EXTENSIONS.iter().any(|extension| folders.contains(&format!("{folded}{extension}")));
        if named.is_changed || is_alike || is_folder {
            named.name.push('~');
            named.name.push_str(&hash(name, path));
        }
    }
    names.into_iter().map(|named| named.name).collect()
}

struct Named {
    name: String,
    is_changed: bool,
}

impl Named {
    fn of(name: &str) -> Self {
        let parts: Vec<String> =
            name.split('/').filter(|part| !matches!(*part, "" | "." | "..")).map(part_for_all).collect();
        let cleaned = if parts.is_empty() { "image".to_owned() } else { parts.join("/") };
        let is_changed = cleaned != name;
        Self { name: cleaned, is_changed }
    }
}

/// A part of a path that every file system takes and that does not look like one with a hash.
fn part_for_all(part: &str) -> String {
    let reserved = |c: char| c.is_control() || matches!(c, '<' | '>' | ':' | '"' | '\\' | '|' | '?' | '*');
    let mut cleaned: String = part.chars().map(|c| if reserved(c) { '_' } else { c }).collect();
    if cleaned.ends_with(['.', ' ']) {
        cleaned.pop();
        cleaned.push('_');
    }
    if is_device(&cleaned) {
        cleaned.insert(0, '_');
    }
    if has_hash(&cleaned) {
        cleaned = cleaned.replace('~', "_");
    }
    if cleaned.len() > MAX_PART_BYTES {
        cleaned.truncate(cleaned.floor_char_boundary(MAX_PART_BYTES));
        // The end is as important as the beginning: Windows drops dots and blanks there.
        let kept = cleaned.trim_end_matches(['.', ' ']).len();
        cleaned.truncate(kept);
    }
    cleaned
}

fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let numbered = |device: &str| {
        stem.strip_prefix(device).is_some_and(|rest| rest.chars().count() == 1 && rest.chars().all(char::is_numeric))
    };
    DEVICES.contains(&stem.as_str()) || NUMBERED_DEVICES.into_iter().any(numbered)
}

/// Whether `~` and a hash are somewhere in it.
fn has_hash(part: &str) -> bool {
    part.split('~')
        .skip(1)
        .any(|rest| rest.len() >= HASH_DIGITS && rest.bytes().take(HASH_DIGITS).all(|digit| digit.is_ascii_hexdigit()))
}

/// The same for names that some file system takes for the same.
fn fold(name: &str) -> String {
    name.nfc().flat_map(char::to_lowercase).nfc().collect()
}

fn hash(name: &str, path: &Path) -> String {
    let mut hash = Sha256::new();
    hash.update((name.len() as u64).to_le_bytes());
    hash.update(name);
    hash.update(path.as_os_str().as_encoded_bytes());
    HEXLOWER.encode(&hash.finalize())[..HASH_DIGITS].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(images: &[(&str, &str)]) -> Vec<String> {
        picture_names(images.iter().map(|(name, path)| (*name, Path::new(*path))))
    }

    /// `NAME` for a name as it is, `NAME~` for one with a hash.
    fn shape(name: &str) -> String {
        name.rsplit_once('~').map_or_else(|| name.to_owned(), |(name, _)| format!("{name}~"))
    }

    #[test]
    fn names_are_kept_wherever_they_can_be() {
        let kept =
            ["test/good/0.tiff", "시험편.png", "a b.png", "a.tif", "a.png", "console.png", "com10.png", "x~1.png"];
        let found = of(&kept.map(|name| (name, name)));
        assert_eq!(found, kept);
    }

    #[test]
    fn names_that_can_not_be_get_a_hash() {
        let long = "장".repeat(85) + ".png";
        let short = format!("{}~", "장".repeat(60));
        let cases = [
            ("../../etc/passwd", "etc/passwd~"),
            ("/abs/x.png", "abs/x.png~"),
            ("..", "image~"),
            ("a:b.png", "a_b.png~"),
            ("back\\slash.png", "back_slash.png~"),
            ("what?*<>|\".png", "what______.png~"),
            ("line\nend.png", "line_end.png~"),
            ("dot./x.png", "dot_/x.png~"),
            ("x.png ", "x.png_~"),
            ("CON", "_CON~"),
            ("nul.png", "_nul.png~"),
            ("Com1.png", "_Com1.png~"),
            ("a.png~0123456789abcdef", "a.png_0123456789abcdef~"),
            (long.as_str(), short.as_str()),
        ];
        for (name, expected) in cases {
            assert_eq!(shape(&of(&[(name, name)])[0]), expected, "{name:?}");
        }
    }

    #[test]
    fn names_that_would_meet_get_a_hash_whatever_their_order() {
        let cases: [&[&str]; 5] = [
            &["x.png", "x.png.png/y.png"],
            &["x", "x.tiff/y.png"],
            &["A.png", "a.png"],
            &["\u{e9}.png", "e\u{301}.png"],
            &["a\\b.png", "a:b.png", "a_b.png"],
        ];
        for names in cases {
            let given: Vec<(&str, &str)> = names.iter().map(|name| (*name, *name)).collect();
            let found = of(&given);
            assert!(found.iter().any(|name| name.contains('~')), "{found:?}");
            check(&found);
            let backwards: Vec<(&str, &str)> = given.iter().rev().copied().collect();
            assert_eq!(of(&backwards).into_iter().rev().collect::<Vec<_>>(), found);
        }
        // Two files of one name: their paths tell them apart.
        check(&of(&[("x.png", "/a/x.png"), ("x.png", "/b/x.png")]));
    }

    /// All different, none a folder of another, and all within the limits.
    fn check(names: &[String]) {
        let mut taken = HashSet::new();
        for (name, extension) in names.iter().flat_map(|name| EXTENSIONS.map(|extension| (name, extension))) {
            let path = fold(&format!("{name}{extension}"));
            assert!(taken.insert(path), "{name} is there twice");
            for part in name.split('/') {
                let is_plain =
                    !matches!(part, "" | "." | "..") && part.len() + 30 <= 255 && !part.contains(['\\', ':']);
                assert!(is_plain, "{name:?}");
            }
        }
        for name in names {
            for (at, _) in name.match_indices('/') {
                assert!(!taken.contains(&fold(&name[..at])), "{} is a folder and a file", &name[..at]);
            }
        }
    }

    proptest! {
        #[test]
        fn any_names_get_names_of_their_own(
            given in proptest::collection::hash_set("([aAb~.]|é|e\u{301}|\\.png|\\.tiff|/|\\\\|:|~0123456789abcdef){1,6}", 1..30),
        ) {
            let given: Vec<(&str, &str)> = given.iter().map(|name| (name.as_str(), name.as_str())).collect();
            check(&of(&given));
        }
    }
}
