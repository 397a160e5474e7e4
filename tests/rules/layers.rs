//! The rules of ARCHITECTURE.md, checked on the source.

use super::sources::{code, sources};
use std::fs;
use std::path::{Path, PathBuf};

/// The modules in order; each uses only itself and those before it.
const ORDER: &[&str] = &[
    "files",
    "progress",
    "image",
    "dataset",
    "synth",
    "model",
    "condition",
    "flow",
    "bank",
    "score",
    "bundle",
    "detect",
    "infer",
    "train",
    "live",
    "eval",
    "report",
    "job",
    "serve",
];

/// Module of each library file, its path and its code without comments and without its tests at the end.
fn library() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let found: Vec<_> = sources(&root)
        .into_iter()
        .filter(|path| !path.starts_with(root.join("bin")) && !path.ends_with("src/lib.rs"))
        .map(|path| {
            let module =
                path.strip_prefix(&root).unwrap().iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
            let code = code(&path);
            (module.to_owned(), path, code)
        })
        .collect();
    assert!(found.len() > 60, "only {} source files found", found.len());
    found
}

fn offenders(rule: impl Fn(&str, &Path, &str) -> bool) -> Vec<String> {
    library().iter().filter(|(m, p, code)| rule(m, p, code)).map(|(_, p, _)| p.display().to_string()).collect()
}

/// The modules that code names after `crate::`, one by one or in a group, whatever they are called afterwards; `crate` where
/// the whole crate gets another name.
fn used_modules(code: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = vec![];
    for (at, _) in code.match_indices("crate") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + "crate".len()..];
        let Some(path) = rest.strip_prefix("::") else {
            if rest.trim_start().starts_with("as ") || rest.starts_with("::") {
                found.push("crate".to_owned());
            }
            continue;
        };
        match path.strip_prefix('{') {
            None => found.push(word(path)),
            // The first word of each part of the group, at its own level.
            Some(group) => {
                let (mut depth, mut begins) = (0usize, true);
                for (i, c) in group.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => begins = true,
                        c if begins && !c.is_whitespace() => {
                            found.push(word(&group[i..]));
                            begins = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found
}

#[test]
fn the_modules_that_code_uses_are_seen_in_every_form() {
    let used = |code: &str| used_modules(code).join(" ");
    assert_eq!(used("use crate::eval;"), "eval");
    assert_eq!(used("use crate::eval as later; later::run()"), "eval");
    assert_eq!(used("use crate::{bank::{self, Rows}, eval as later, image};"), "bank eval image");
    assert_eq!(used("let x = crate::eval::run(pub(crate) y);"), "eval");
    assert_eq!(used("use crate as all;"), "crate");
    assert_eq!(used("pub(crate) fn my_crate::x() {} pcore_crate"), "");
}

#[test]
fn every_module_uses_only_those_before_it() {
    let mut wrong = vec![];
    for (module, path, code) in library() {
        let own = ORDER.iter().position(|m| *m == module).unwrap_or_else(|| panic!("{module} is not in the order"));
        for used in used_modules(&code) {
            if used == "crate" || ORDER[own + 1..].contains(&used.as_str()) {
                wrong.push(format!("{} uses {used}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn tensors_stay_in_the_model() {
    let wrong = offenders(|module, _, code| module != "model" && code.contains("burn::"));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_library_neither_prints_nor_exits() {
    let words = ["println!", "eprintln!", "print!(", "process::exit", "anyhow"];
    let wrong = offenders(|_, _, code| words.iter().any(|w| code.contains(w)));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_program_speaks_through_its_console_and_says_a_cause_once() {
    let program = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin"));
    assert!(program.len() > 25, "only {} source files found", program.len());
    // `{error:#}` would repeat causes that an error names itself: `message::error_text` does not.
    let words = ["println!", "print!(", "error:#}"];
    let wrong: Vec<_> = program.iter().filter(|path| words.iter().any(|w| code(path).contains(w))).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A detector is a folder and a line in the registry: nothing else learns its name.
#[test]
fn no_detector_is_named_outside_its_folder_and_the_registry() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut n_checked = 0;
    let mut wrong = vec![];
    for path in sources(&root) {
        let below = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
        // The bank is that detector's memory; the registry and the list of modules name each once.
        let may = ["detect/patchcore/", "bank/", "detect/built_in.rs", "detect/mod.rs"];
        if may.iter().any(|start| below.starts_with(start)) {
            continue;
        }
        n_checked += 1;
        let text = fs::read_to_string(&path).unwrap().to_lowercase();
        wrong.extend(text.lines().filter(|line| line.contains("patchcore")).map(|line| format!("{below}: {line}")));
    }
    assert!(n_checked > 200, "only {n_checked} files");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn serde_stays_at_the_file_borders() {
    let borders = ["bundle", "report", "dataset", "serve"];
    // What a detector writes into a bundle, and the files of other programs beside it.
    let settings = ["options.rs", "settings.rs", "json.rs", "write.rs"];
    let is_settings = |path: &Path| path.file_name().is_some_and(|name| settings.iter().any(|s| name == *s));
    let wrong = offenders(|module, path, code| {
        let is_border = borders.contains(&module) || module == "detect" && is_settings(path);
        !is_border && code.contains("serde::")
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn unsafe_code_is_confined_to_the_simd_kernels_and_one_call_of_the_allocator() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in ["src/lib.rs", "src/bin/pcore/main.rs"] {
        assert!(fs::read_to_string(root.join(file)).unwrap().contains("#![forbid(unsafe_code)]"), "{file}");
    }
    let kernels = sources(&root.join("kernels/src"));
    assert!(kernels.len() > 30, "only {} source files found", kernels.len());
    let wrong: Vec<_> = kernels
        .iter()
        .filter(|path| !path.iter().any(|part| part == "simd" || part == "memory.rs") && code(path).contains("unsafe "))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
