//! Files that the documents name are there.

use super::sources::root;
use std::fs;
use std::path::PathBuf;

/// Folders whose files are named by their path from the root.
const FOLDERS: [&str; 7] = ["src/", "tests/", "kernels/", "docs/", "fuzz/", "benches/", "weights/"];

/// What users and contributors read; the changelog and the decisions speak of their own time.
fn documents() -> Vec<PathBuf> {
    let folders = [root().to_path_buf(), root().join("docs")];
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    files.filter(|path| path.extension().is_some_and(|e| e == "md") && !path.ends_with("CHANGELOG.md")).collect()
}

/// The paths of source files between backticks.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|path| {
        let is_path = path.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
        let has_folder = FOLDERS.iter().any(|folder| path.starts_with(folder));
        is_path && has_folder && [".rs", ".py", ".md", ".toml", ".sh"].iter().any(|end| path.ends_with(end))
    })
}

#[test]
fn a_path_is_what_stands_between_backticks_with_a_known_folder() {
    let found: Vec<&str> = named("see `tests/a.rs`, `a.rs`, `src/b c.rs` and `src/{a,b}.rs`; `docs/d.md`").collect();
    assert_eq!(found, ["tests/a.rs", "docs/d.md"]);
}

#[test]
fn every_file_that_a_document_names_is_there() {
    let (mut n_named, mut gone) = (0, vec![]);
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        // Of an uneven number of backticks, blocks of code among them, some would be taken for the ends of others.
        let prose: String = text.split("```").step_by(2).collect();
        for path in named(&prose) {
            n_named += 1;
            if !root().join(path).is_file() {
                gone.push(format!("{}: {path}", document.display()));
            }
        }
    }
    assert!(n_named > 60, "only {n_named} files named");
    assert!(gone.is_empty(), "{gone:#?}");
}
