//! The library speaks of settings as its users know them; that some are flags of a program is not its business.

use super::sources::{code, root, sources};
use std::fs;

/// What a text of the library may name: a flag of cargo.
const FOREIGN: &str = "--features";

/// Lines whose text names a flag: two dashes at the start of a word, then a letter.
fn flags(code: &str) -> Vec<&str> {
    let is_flag = |line: &str| {
        line.match_indices("--").any(|(at, _)| {
            let is_start = !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '-');
            let is_word = line[at + 2..].starts_with(|c: char| c.is_ascii_lowercase());
            is_start && is_word && !line[at..].starts_with(FOREIGN)
        })
    };
    code.lines().filter(|line| is_flag(line)).collect()
}

#[test]
fn the_library_names_no_flag() {
    let source = root().join("src");
    let files: Vec<_> = sources(&source).into_iter().filter(|path| !path.starts_with(source.join("bin"))).collect();
    assert!(files.len() > 200, "only {} files", files.len());
    let mut wrong = vec![];
    for path in &files {
        let found = flags(&code(path))
            .into_iter()
            .map(|line| format!("{}: {}", path.display(), line.trim()))
            .collect::<Vec<_>>();
        wrong.extend(found);
    }
    assert!(wrong.is_empty(), "name the setting, as `Type::field`, and add it to src/bin/pcore/message.rs: {wrong:#?}");
    // The program, which does name flags, shows that they are seen.
    let program = fs::read_to_string(source.join("bin/pcore/message.rs")).unwrap();
    assert!(flags(&program).len() > 30);
}
