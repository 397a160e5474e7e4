//! Every direct dependency is used by code of its kind, and every package of the tree may be used under its licence.

use super::licences::{BY_FILE, permits};
use super::sources::{code, root, sources};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Dependencies that no code names, and why they are there all the same.
const NOT_NAMED: &[(&str, &str)] = &[
    (
        "proc-macro2",
        "gives `cargo build` with a GPU the features of `cargo test`, so that burn is compiled once for both",
    ),
    ("regex-syntax", "gives `cargo build` the features of `cargo test`, so that burn is compiled once for both"),
];

fn metadata(arguments: &[&str]) -> Result<Value, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root()).args(["metadata", "--format-version", "1", "--offline", "--locked"]).args(arguments);
    let output = command.output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&output.stdout).unwrap())
}

/// The triple of this machine: packages of other systems need not be downloaded.
fn host() -> String {
    let output = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// Whether code uses a crate: a path that begins with its name, or an import of the whole of it.
fn names(code: &str, krate: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(krate).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = &code[at + krate.len()..];
        // `other::krate::` is another's module.
        !before.is_some_and(is_word)
            && !code[..at].ends_with("::")
            && ["::", " as ", ";", "!"].iter().any(|next| after.starts_with(next))
    })
}

/// The code of a package that dependencies of a kind are for.
fn code_for(kind: Option<&str>, package: &Path) -> String {
    let files = |folders: &[&str]| {
        let folders = folders.iter().map(|name| package.join(name)).filter(|path| path.is_dir());
        folders.flat_map(|folder| sources(&folder)).collect::<Vec<PathBuf>>()
    };
    match kind {
        // Without the tests at the end of a file: what only they use is a development dependency.
        None => files(&["src"]).iter().map(|path| code(path)).collect(),
        Some("build") => {
            let files = files(&["build"]).into_iter().chain([package.join("build.rs")]);
            files.map(|path| code(&path)).collect()
        }
        Some(_) => files(&["src", "tests", "benches"]).iter().map(|path| fs::read_to_string(path).unwrap()).collect(),
    }
}

#[test]
fn a_crate_is_named_by_a_path_or_an_import_not_by_a_part_of_a_word() {
    for code in ["use rand::Rng;", "rand::rng()", "use {a, rand as r};", "use rand;"] {
        assert!(names(code, "rand"), "{code}");
    }
    for code in ["let rand = 1 + rand", "use rand_chacha::X;", "operand::x", "use num::rand::x;"] {
        assert!(!names(code, "rand"), "{code}");
    }
}

#[test]
fn every_direct_dependency_is_used_by_code_of_its_kind() {
    let metadata = metadata(&["--no-deps"]).unwrap();
    let (mut unused, mut n_checked) = (vec![], 0);
    for package in list(&metadata["packages"]) {
        let folder = Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap();
        for dependency in list(&package["dependencies"]) {
            let name = dependency["rename"].as_str().or(dependency["name"].as_str()).unwrap();
            let kind = dependency["kind"].as_str();
            n_checked += 1;
            let is_named = names(&code_for(kind, folder), &name.replace('-', "_"));
            match NOT_NAMED.iter().find(|(other, _)| kind.is_none() && *other == name) {
                None if !is_named => unused.push(format!("{}: {name} ({})", package["name"], kind.unwrap_or("normal"))),
                Some((_, why)) if is_named => unused.push(format!("{name} is named, strike it off: {why}")),
                _ => {}
            }
        }
    }
    assert!(n_checked > 35, "only {n_checked} dependencies found");
    assert!(unused.is_empty(), "no code names these; remove them or say in NOT_NAMED why they stay: {unused:#?}");
}

#[test]
fn every_package_may_be_used_under_its_licence() {
    // All that Cargo.lock names where it was downloaded; else what is built here.
    let metadata = metadata(&["--all-features"]).unwrap_or_else(|error| {
        let missing = error.lines().next().unwrap_or_default();
        skipped!("licences of packages for other systems and features, since cargo says: {missing}");
        metadata(&["--filter-platform", &host()]).unwrap_or_else(|error| panic!("{error}"))
    });
    let used: Vec<&str> = list(&metadata["resolve"]["nodes"]).iter().map(|node| node["id"].as_str().unwrap()).collect();
    assert!(used.len() > 150, "only {} packages found", used.len());
    let packages = list(&metadata["packages"]).iter().filter(|package| used.contains(&package["id"].as_str().unwrap()));
    let expression = |package: &Value| match package["license"].as_str() {
        Some(expression) => expression.to_owned(),
        None => BY_FILE.iter().find(|(name, _)| package["name"] == *name).map_or("", |(_, found)| found).to_owned(),
    };
    let refused: Vec<String> = packages
        .filter(|package| permits(&expression(package)) != Some(true))
        .map(|package| format!("{} {}: {}", package["name"], package["version"], package["license"]))
        .collect();
    assert!(refused.is_empty(), "no licence of tests/rules/licences.rs, see there: {refused:#?}");
}
