//! A list of images, one per line of a text file.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::conditions::{read_bytes, real_path};
use super::place::absolute;
use super::{DatasetError, Listing};

/// Reads a text file that names images of `listing`, one per line; gives their names. A path is relative to the folder of
/// the file, or absolute, or the name of the image in the listing. Empty lines and lines that begin with `#` are skipped.
///
/// # Errors
/// If the file cannot be read, is larger than [`MAX_TABLE_BYTES`](super::MAX_TABLE_BYTES) or no UTF-8, names no image, or a
/// line names something that is not in the listing; lines are named by their number.
pub fn references(file: &Path, listing: &Listing) -> Result<BTreeSet<String>, DatasetError> {
    let refuse = |line: usize, reason: String| {
        Err(DatasetError::TableLine { path: file.to_path_buf(), line: line as u64, reason })
    };
    let Ok(text) = String::from_utf8(read_bytes(file)?) else {
        return refuse(1, "the file is no UTF-8 text".to_owned());
    };
    let folder = absolute(file)?.parent().map(Path::to_path_buf).unwrap_or_default();
    let mut by_path: HashMap<PathBuf, &str> = HashMap::new();
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for sample in &listing.samples {
        by_path.insert(real_path(&sample.path)?, &sample.name);
        names.insert(&sample.name);
    }
    let mut found = BTreeSet::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim().trim_start_matches('\u{feff}');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let named = by_path.get(&real_path(&folder.join(line))?).copied().or_else(|| names.get(line).copied());
        match named {
            Some(name) => found.insert(name.to_owned()),
            None => return refuse(index + 1, format!("{line} is none of the {} images", listing.samples.len())),
        };
    }
    if found.is_empty() {
        return refuse(1, "no image is named; write one path per line".to_owned());
    }
    Ok(found)
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
        assert!(message("n/a.png\nn/x.png\n").contains("line 2: n/x.png is none of the 3 images"));
        assert!(message("# nothing\n").contains("no image is named"));
        assert!(matches!(references(Path::new("nowhere.txt"), &listing), Err(DatasetError::NotFound { .. })));
    }
}
