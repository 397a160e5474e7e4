//! What the server refuses requests with is in its table of Korean, and the table has nothing that nobody says.

use super::sources::{code, root, sources};
use std::collections::BTreeSet;
use std::{fs, mem};

/// The table.
const TABLE: &str = "src/serve/page/words/said.rs";
/// What refuses a request, with the first text that follows.
const REFUSALS: &[&str] =
    &["Problem::bad(", "Problem::missing(", "Problem::forbidden(", "Problem::new(", "Conflict(", ".count("];

/// The text literals of a source and where they begin, with `{}` for what is told with them.
fn literals(source: &str) -> Vec<(usize, String)> {
    let (mut found, mut at) = (vec![], 0);
    while let Some(begin) = source[at..].find('"').map(|n| at + n) {
        let bytes = source.as_bytes();
        let mut end = begin + 1;
        while end < bytes.len() && bytes[end] != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        let text = source.get(begin + 1..end.min(source.len())).unwrap_or_default();
        found.push((begin, with_holes(text)));
        at = (end + 1).min(source.len());
    }
    found
}

/// Without what stands in braces, or in backticks: settings of the library are told as users know them.
fn with_holes(text: &str) -> String {
    let mut held = String::new();
    let (mut in_brace, mut in_tick) = (false, false);
    for c in text.chars() {
        match c {
            '{' => in_brace = true,
            '}' => held += if mem::take(&mut in_brace) { "{}" } else { "" },
            '`' => {
                held += if in_tick { "{}" } else { "" };
                in_tick = !in_tick;
            }
            _ if in_brace || in_tick => {}
            c => held.push(c),
        }
    }
    held
}

/// The English of the table: every other text of it.
fn known() -> Vec<String> {
    let text = fs::read_to_string(root().join(TABLE)).unwrap();
    let (_, table) = text.split_once("const SAID: &[(&str, &str)] = &[").unwrap();
    let (table, _) = table.split_once("\n];").unwrap();
    literals(table).into_iter().map(|(_, text)| text).step_by(2).collect()
}

#[test]
fn every_refusal_of_the_server_is_said_in_korean_and_no_line_of_the_table_is_stale() {
    let (server, table) = (root().join("src/serve"), root().join(TABLE));
    let (mut all, mut refusals) = (BTreeSet::new(), BTreeSet::new());
    for path in sources(&root().join("src")) {
        if path == table || path.ends_with("tests.rs") {
            continue;
        }
        let code = code(&path).replace("'\"'", "' '");
        for (at, literal) in literals(&code) {
            let before = &code[..at];
            let opened = REFUSALS.iter().filter_map(|call| before.rfind(call)).max();
            let is_said = opened.is_some_and(|n| !before[n..].contains([';', '"', '?', '#', '}']));
            // Elsewhere stages are named, but no requests refused.
            if path.starts_with(&server) && is_said && literal != "{}" {
                refusals.insert(literal.clone());
            }
            all.insert(literal);
        }
    }
    assert!(refusals.len() > 45, "{refusals:#?}");
    let known = known();
    assert!(known.len() > 90, "{known:#?}");
    let missing: Vec<_> = refusals.iter().filter(|text| !known.contains(text)).collect();
    assert!(missing.is_empty(), "nobody says it in Korean; add it to {TABLE}: {missing:#?}");
    let stale: Vec<_> = known.iter().filter(|text| !all.contains(*text)).collect();
    assert!(stale.is_empty(), "nobody says it: {stale:#?}");
}
