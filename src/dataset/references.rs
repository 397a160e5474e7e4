//! A list of images, one per line of a text file.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::conditions::{read_bytes, real_path};
use super::place::absolute;
use super::unicode::{composed, composed_path};
use super::{DatasetError, Listing};

/// Reads a text file that names images of `listing`, one per line; gives their names. A path is relative to the folder of
/// the file, or absolute, or the name of the image in the listing, composed or decomposed Unicode. Empty lines and lines that
/// begin with `#` are skipped.
///
/// # Errors
/// If the file cannot be read, is larger than [`MAX_TABLE_BYTES`](super::MAX_TABLE_BYTES) or no UTF-8, names no image, or a
/// line names something that is not in the listing, or two images that differ only in Unicode form; lines are named by their number.
pub fn references(file: &Path, listing: &Listing) -> Result<BTreeSet<String>, DatasetError> {
    let refuse = |line: usize, reason: String| {
        Err(DatasetError::TableLine { path: file.to_path_buf(), line: line as u64, reason })
    };
    let Ok(text) = String::from_utf8(read_bytes(file)?) else {
        return refuse(1, "the file is no UTF-8 text".to_owned());
    };
    let folder = real_path(absolute(file)?.parent().unwrap_or(Path::new("")))?;
    let known = Known::of(listing)?;
    let mut found = BTreeSet::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim().trim_start_matches('\u{feff}');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match known.find(&folder, line)?[..] {
            [name] => found.insert(name.to_owned()),
            [] => {
                let such = listing.samples.first().map_or("", |sample| &sample.name);
                let n_images = listing.samples.len();
                return refuse(index + 1, format!("{line} is none of the {n_images} images, such as {such}"));
            }
            _ => return refuse(index + 1, format!("{line} is the name of images that differ only in Unicode form")),
        };
    }
    if found.is_empty() {
        return refuse(1, "no image is named; write one path per line".to_owned());
    }
    Ok(found)
}

/// The images of a listing, by all that may name them.
struct Known<'a> {
    by_path: HashMap<PathBuf, &'a str>,
    names: BTreeSet<&'a str>,
    /// The names of images by path and by name in composed form.
    by_composed: HashMap<PathBuf, BTreeSet<&'a str>>,
}

impl<'a> Known<'a> {
    fn of(listing: &'a Listing) -> Result<Self, DatasetError> {
        let mut known = Known { by_path: HashMap::new(), names: BTreeSet::new(), by_composed: HashMap::new() };
        for sample in &listing.samples {
            let path = real_path(&sample.path)?;
            for key in [composed_path(&path), composed(&sample.name).as_ref().into()] {
                known.by_composed.entry(key).or_default().insert(&sample.name);
            }
            known.by_path.insert(path, &sample.name);
            known.names.insert(&sample.name);
        }
        Ok(known)
    }

    /// The names that a line may mean.
    fn find(&self, folder: &Path, line: &str) -> Result<Vec<&'a str>, DatasetError> {
        let path = real_path(&folder.join(line))?;
        if let Some(name) = self.by_path.get(&path).or_else(|| self.names.get(line)) {
            return Ok(vec![name]);
        }
        let of_path = self.by_composed.get(&composed_path(&path));
        let found = of_path.or_else(|| self.by_composed.get(Path::new(composed(line).as_ref())));
        Ok(found.into_iter().flatten().copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::normals;
    use std::fs;

    #[test]
    fn images_are_named_by_path_or_name_and_strangers_by_line() {
        let folder = tempfile::TempDir::new().unwrap();
        for name in ["n/a.png", "n/b/c.png", "n/d.png"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let listing = normals(&folder.path().join("n"), None).unwrap();
        let list = folder.path().join("list.txt");
        let read = |text: &str| {
            fs::write(&list, text).unwrap();
            references(&list, &listing)
        };
        let absolute = folder.path().join("n/d.png");
        let found = read(&format!("\u{feff}# chosen by hand\n\nn/a.png\r\nb/c.png\n{}\na.png\n", absolute.display()));
        assert_eq!(found.unwrap().into_iter().collect::<Vec<_>>(), ["a.png", "b/c.png", "d.png"]);
        let message = |text: &str| read(text).unwrap_err().to_string();
        assert!(message("n/a.png\nn/x.png\n").contains("line 2: n/x.png is none of the 3 images, such as a.png"));
        assert!(message("# nothing\n").contains("no image is named"));
        assert!(matches!(references(Path::new("nowhere.txt"), &listing), Err(DatasetError::NotFound { .. })));
    }

    #[test]
    fn names_match_in_either_unicode_form_unless_two_files_differ_in_it() {
        let (composed, decomposed) = ("\u{e9}.png", "e\u{301}.png");
        let listed = |files: &[&str], line: &str| {
            let folder = tempfile::TempDir::new().unwrap();
            for file in files {
                fs::create_dir_all(folder.path().join("n")).unwrap();
                fs::write(folder.path().join("n").join(file), "x").unwrap();
            }
            let listing = normals(&folder.path().join("n"), None).unwrap();
            let list = folder.path().join("list.txt");
            fs::write(&list, line).unwrap();
            references(&list, &listing).map(|found| found.into_iter().collect::<Vec<_>>())
        };
        for (file, line) in [(composed, decomposed), (decomposed, composed), (composed, composed)] {
            assert_eq!(listed(&[file], line).unwrap(), [file]);
            assert_eq!(listed(&[file], &format!("n/{line}")).unwrap(), [file]);
        }
        let both = [composed, decomposed];
        assert_eq!(listed(&both, decomposed).unwrap(), [decomposed]);
        // A third form of the same name: nothing tells which is meant.
        let (ring, two) = ("\u{212b}.png", ["\u{c5}.png", "A\u{30a}.png"]);
        assert!(listed(&two, ring).unwrap_err().to_string().contains("differ only in Unicode form"));
    }
}
