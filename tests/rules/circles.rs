//! Files can be read in an order: none uses, directly or through others, a file that uses it.

use super::modules::{Modules, Used};
use super::sources::root;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The crates by their root files, with what lies below that is no part of them.
const CRATES: &[(&str, &str)] = &[("src/lib.rs", "src/bin"), ("src/bin/pcore/main.rs", ""), ("kernels/src/lib.rs", "")];

/// All files that can be reached from one.
fn reached(used: &Used, from: &Path) -> BTreeSet<PathBuf> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from.to_owned()];
    while let Some(file) = open.pop() {
        for next in used.get(&file).into_iter().flatten().map(|(next, _)| next) {
            if reached.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    reached
}

/// The circles: in each, every file reaches every other. Told by the uses between them.
fn circles(used: &Used) -> Vec<String> {
    let reach: BTreeMap<_, _> = used.keys().map(|file| (file, reached(used, file))).collect();
    let mut told = BTreeSet::new();
    let mut circles = vec![];
    for (file, from_here) in &reach {
        let circle: BTreeSet<_> =
            from_here.iter().filter(|other| reach.get(other).is_some_and(|back| back.contains(*file))).collect();
        if circle.is_empty() || !told.insert(circle.clone()) {
            continue;
        }
        let mut text = String::new();
        for (from, to) in used.iter().filter(|(from, _)| circle.contains(from)) {
            for (to, names) in to.iter().filter(|(to, _)| circle.contains(to)) {
                let names = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                text += &format!("\n{} uses {names} of {}", from.display(), to.display());
            }
        }
        circles.push(text + "\n");
    }
    circles
}

/// Circles of a crate whose files have these texts, each with its place.
fn told(files: &[(&str, &str)]) -> String {
    let mut modules = Modules::default();
    for (place, text) in files {
        let place_of = place.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
        modules.add(place_of, Path::new(if place.is_empty() { "root" } else { place }), text);
    }
    circles(&modules.used()).concat()
}

#[test]
fn circles_are_seen_in_every_form_of_use() {
    let forms = [
        "use super::b::B;",
        "use super::b::{self, B as Other};",
        "use crate::m::{b::B};",
        "use super::B;",
        "use super::*; fn f(b: B) {}",
        "use super::b; fn f() { b::new() }",
        "fn f() { super::b::new(); }",
        "fn f() { use crate::m::b::{B, new}; }",
        "fn f() { super::B::made() }",
        "fn f() { told!(1) }",
    ];
    let shown = "mod a; mod b; mod c; pub use a::A; pub(crate) use b::{B, new};";
    let apart = "use super::b::B; use super::a::A; impl B { fn made() {} }";
    for form in forms {
        let a = format!("pub struct A; {form}");
        let b = "use super::A; pub struct B; pub fn new() {} macro_rules! told { () => {} }";
        let found = told(&[("", "mod m;"), ("m", shown), ("m::a", &a), ("m::b", b), ("m::c", apart)]);
        assert!(found.contains("m::a uses") && found.contains("m::b uses super::A of m::a"), "{form}: {found}");
    }
    // By a method that stands apart from its type.
    let found = told(&[
        ("m", shown),
        ("m::a", "pub struct A; fn f() { super::B::made() }"),
        ("m::b", "pub struct B;"),
        ("m::c", apart),
    ]);
    assert!(
        found.contains("m::a uses super::B::made of m::c") && found.contains("m::c uses super::a::A of m::a"),
        "{found}"
    );
    // A folder's own file that uses what uses it.
    let found = told(&[("m", "mod a; use a::A; struct M(A);"), ("m::a", "use super::M; pub struct A;")]);
    assert!(found.contains("m uses a::A of m::a") && found.contains("m::a uses super::M of m"), "{found}");
}

#[test]
fn what_is_shown_to_others_and_what_tests_use_makes_no_circle() {
    let shown = "mod a; mod b; pub use a::A; pub use b::B; pub const N: usize = 1;";
    let b = "pub struct B; #[cfg(test)] mod tests { use super::super::a::A; } #[cfg(test)] use super::A;";
    let found = told(&[("m", shown), ("m::a", "use super::{B, N}; pub struct A; // super::c::C"), ("m::b", b)]);
    assert_eq!(found, "");
    // What a type captures is no import.
    let captured = "pub struct A; fn f(x: &[A]) -> impl Iterator + use<> { let a = *x; g(super::*) }";
    assert_eq!(told(&[("m", "mod a; pub use a::A;"), ("m::a", captured)]), "");
}

#[test]
fn files_use_each_other_in_no_circle() {
    let (mut wrong, mut n_files) = (vec![], 0);
    for (main, apart) in CRATES {
        let main = root().join(main);
        let apart = root().join(apart);
        let is_part = |path: &Path| apart == root() || !path.starts_with(&apart);
        let is_test = |path: &Path| path.ends_with("tests.rs") || path.iter().any(|part| part == "tests");
        let used = Modules::read(&main, |path| is_part(path) && !is_test(path)).used();
        n_files += used.len();
        wrong.extend(circles(&used));
    }
    assert!(n_files > 400, "only {n_files} files");
    let wrong = wrong.concat().replace(&format!("{}/", root().display()), "");
    assert!(wrong.is_empty(), "{wrong}");
}
