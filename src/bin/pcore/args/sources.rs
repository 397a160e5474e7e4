//! For tests: the flags that can be typed, and the texts that may name some.

use super::Args;
use clap::{Command, CommandFactory};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Flags of other programs that texts name: those of cargo and pip.
const FOREIGN: [&str; 4] = ["--features", "--no-default-features", "--path", "--release"];

/// All flags of all verbs, what clap itself adds, and those of other programs.
pub(crate) fn known_flags() -> BTreeSet<String> {
    let mut known: BTreeSet<String> = FOREIGN.map(str::to_owned).into();
    known.extend(["--help".to_owned(), "--version".to_owned()]);
    flags_of(&Args::command(), &mut known);
    known
}

fn flags_of(command: &Command, found: &mut BTreeSet<String>) {
    found.extend(command.get_arguments().filter_map(|arg| Some(format!("--{}", arg.get_long()?))));
    command.get_subcommands().for_each(|verb| flags_of(verb, found));
}

/// All Rust files below a folder.
pub(crate) fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The files of the library, and what they hold.
pub(crate) fn library() -> Vec<(PathBuf, String)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = vec![];
    files(&source, &mut found);
    found.retain(|path| !path.starts_with(source.join("bin")));
    assert!(found.len() > 200, "only {} files", found.len());
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// What looks like a flag in a text: two dashes at the start of a word, then a letter.
pub(crate) fn flags_in(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("--").filter_map(|(at, _)| {
        let is_start = !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '-');
        let name = &text[at + 2..];
        let len = name.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
        let flag = &text[at..at + 2 + len.unwrap_or(name.len())];
        (is_start && name.starts_with(|c: char| c.is_ascii_lowercase())).then_some(flag)
    })
}
