//! Licence expressions (SPDX), and which of them a shipped binary may be under.

use std::fs;

/// Licences that ask for no more than their text; of MPL-2.0, which covers its own files only, changes are published.
/// `deny.toml` has the same list.
pub(crate) const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "NCSA",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Packages that have a file instead of an expression, and what it says.
pub(crate) const BY_FILE: &[(&str, &str)] = &[("cfg_block", "Apache-2.0")];

/// Whether an expression can be satisfied by allowed licences alone; none where it is no expression.
pub(crate) fn permits(expression: &str) -> Option<bool> {
    // Old manifests write a slash where they mean OR.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let found = any(&words, &mut at)?;
    (at == words.len()).then_some(found)
}

fn any(words: &[&str], at: &mut usize) -> Option<bool> {
    let mut found = all(words, at)?;
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        found |= all(words, at)?;
    }
    Some(found)
}

fn all(words: &[&str], at: &mut usize) -> Option<bool> {
    let mut found = one(words, at)?;
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        found &= one(words, at)?;
    }
    Some(found)
}

fn one(words: &[&str], at: &mut usize) -> Option<bool> {
    let word = words.get(*at)?;
    *at += 1;
    if *word == "(" {
        let found = any(words, at)?;
        let is_closed = words.get(*at) == Some(&")");
        *at += 1;
        return is_closed.then_some(found);
    }
    let mut name = (*word).to_owned();
    if words.get(*at) == Some(&"WITH") {
        name = format!("{name} WITH {}", words.get(*at + 1)?);
        *at += 2;
    }
    let is_operator = ["OR", "AND", "WITH", ")"].contains(word);
    (!is_operator).then(|| ALLOWED.contains(&name.as_str()))
}

#[test]
fn expressions_are_read_as_spdx_means_them() {
    let cases = [
        ("MIT", Some(true)),
        ("GPL-3.0-only", Some(false)),
        ("GPL-3.0-only OR MIT", Some(true)),
        ("MIT/Apache-2.0", Some(true)),
        ("MIT AND GPL-3.0-only", Some(false)),
        ("GPL-3.0-only AND MIT OR Zlib", Some(true)),
        ("GPL-3.0-only AND (MIT OR Zlib)", Some(false)),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", Some(true)),
        ("Apache-2.0 WITH LLVM-exception", Some(true)),
        ("GPL-3.0-only WITH Classpath-exception-2.0", Some(false)),
        ("MIT OR", None),
        ("(MIT", None),
        ("MIT Zlib", None),
        ("OR", None),
        ("", None),
    ];
    for (expression, expected) in cases {
        assert_eq!(permits(expression), expected, "{expression}");
    }
}

#[test]
fn cargo_deny_is_told_the_same_licences() {
    let text = fs::read_to_string(super::sources::root().join("deny.toml")).unwrap();
    let deny: toml::Table = text.parse().unwrap();
    let mut told: Vec<&str> =
        deny["licenses"]["allow"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let mut allowed = ALLOWED.to_vec();
    told.sort_unstable();
    allowed.sort_unstable();
    assert_eq!(told, allowed);
}
