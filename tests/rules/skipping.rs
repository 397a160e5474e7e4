//! A test that can't run says so, by `skipped!`, which counts it.

use super::sources::{root, sources};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What gives nothing where something is missing, and says so itself.
const SAYS_SO: &[&str] = &["gpu()", "shared(", "network()", "evaluate(", "on_terminal("];
/// Tests that return early for another reason.
const NO_SKIP: &[(&str, &str)] = &[
    ("a_file_size_limit_leaves_the_old_bundle", "its child ends there"),
    ("half_precision_moves_scores_little_and_says_so_or_is_refused", "the refusal was checked"),
];

/// All files with tests but this one, which quotes what is forbidden.
fn all_tests() -> Vec<PathBuf> {
    let all = ["src", "tests", "kernels/src"].iter().flat_map(|folder| sources(&root().join(folder)));
    all.filter(|path| !is(path, "rules/skipping.rs")).collect()
}

fn is(path: &Path, name: &str) -> bool {
    path.ends_with(Path::new("tests").join(name))
}

#[test]
fn skips_are_said_by_the_macro_and_shared_data_is_found_by_its_function() {
    let mut wrong = vec![];
    for path in all_tests() {
        let code = fs::read_to_string(&path).unwrap();
        let says_itself = code.contains("\"skipped: ") && !is(&path, "support/skips.rs");
        if says_itself || code.contains("\"PCORE_SHARED\"") && !is(&path, "support/shared.rs") {
            wrong.push(path);
        }
    }
    assert!(wrong.is_empty(), "use skipped!, and shared() of tests/support: {wrong:#?}");
}

/// Each test function of a file: its name and its lines.
fn functions(code: &str) -> Vec<(String, Vec<&str>)> {
    let mut found = vec![];
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        if line.trim() != "#[test]" {
            continue;
        }
        let end = line.replace("#[test]", "}");
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
        let head = body.iter().find_map(|line| line.trim_start().strip_prefix("fn ")).unwrap_or_default();
        found.push((head.split('(').next().unwrap_or_default().to_owned(), body));
    }
    found
}

/// Tests that may end early without a word.
fn silent(code: &str) -> Vec<String> {
    let ends = |line: &str| line.contains("return;") || line.contains("return }") || line.contains("return,");
    let is_silent = |body: &[&str]| {
        (0..body.len()).filter(|&at| ends(body[at])).any(|at| {
            let before = &body[at.saturating_sub(3)..=at];
            !before.iter().any(|line| line.contains("skipped!(") || SAYS_SO.iter().any(|word| line.contains(word)))
        })
    };
    functions(code).into_iter().filter(|(_, body)| is_silent(body)).map(|(name, _)| name).collect()
}

#[test]
fn a_silent_return_is_seen() {
    let test = |body: &str| silent(&format!("mod x {{\n    #[test]\n    fn a() {{\n{body}\n    }}\n}}\n")).join(" ");
    assert_eq!(test("        let Ok(x) = x() else {\n            return;\n        };"), "a");
    assert_eq!(test("        let Some(x) = x() else { return };"), "a");
    assert_eq!(test("        let Some(x) = gpu() else { return };"), "");
    assert_eq!(test("        if x {\n            skipped!(\"no x\");\n            return;\n        }"), "");
}

#[test]
fn no_test_ends_early_without_a_word() {
    let mut found: Vec<String> =
        all_tests().iter().flat_map(|path| silent(&fs::read_to_string(path).unwrap())).collect();
    found.sort();
    let allowed: Vec<&str> = NO_SKIP.iter().map(|(name, _)| *name).collect();
    assert_eq!(found, allowed, "say skipped!(\"why\") before the return");
}

/// What `the_macro_notes_the_test_and_why_in_the_file_that_is_named` runs again in a process of its own.
#[test]
fn a_skip_is_said_where_it_is_asked_for() {
    if std::env::var_os("PCORE_TEST_SKIP").is_some() {
        skipped!("{} of it", "nothing");
    }
}

#[test]
fn the_macro_notes_the_test_and_why_in_the_file_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("skips");
    // Programs one after another add to what is there.
    for threads in ["2", "1"] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "skipping::a_skip_is_said_where_it_is_asked_for", "--test-threads", threads]);
        let output = command.env("PCORE_TEST_SKIP", "1").env("PCORE_SKIPS", &file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    let line = "skipped: rules::skipping::a_skip_is_said_where_it_is_asked_for: nothing of it\n";
    assert_eq!(fs::read_to_string(&file).unwrap(), line.repeat(2));
}
