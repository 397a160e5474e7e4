//! `pcore list`.

use crate::support::{Fixture, expect, pcore, text};
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

#[test]
fn bundles_are_listed_with_what_they_are_and_broken_ones_with_the_reason() {
    let folder = TempDir::new().unwrap();
    let home = folder.path().join(".pcore");
    let list = |code: i32| {
        let output = expect(code, pcore(folder.path()).args(["list", "--json"]));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["bundles"].as_array().unwrap().clone()
    };
    assert!(list(0).is_empty());
    let none = text(&expect(0, pcore(folder.path()).arg("list")).stdout);
    assert!(none.contains("no bundles") && none.contains("pcore fit"), "{none}");

    fs::create_dir_all(&home).unwrap();
    let good = fs::read(Fixture::get().path().join(".pcore/C.pcore")).unwrap();
    fs::write(home.join("C.pcore"), &good).unwrap();
    fs::write(home.join("cut.pcore"), &good[..good.len() / 2]).unwrap();
    fs::write(home.join("notes.txt"), "no bundle").unwrap();
    fs::write(home.join("last"), folder.path().join("elsewhere.pcore").to_str().unwrap()).unwrap();
    fs::write(folder.path().join("elsewhere.pcore"), &good).unwrap();
    let bundles = list(3);
    let names: Vec<&str> = bundles.iter().map(|b| b["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["C", "cut", "elsewhere"]);
    let (c, cut, elsewhere) = (&bundles[0], &bundles[1], &bundles[2]);
    assert_eq!((&c["domain"], &c["n_images"], &c["weights"]), (&"C".into(), &40.into(), &"built in".into()));
    assert_eq!((&c["bytes"], &c["backbone"]), (&good.len().into(), &"pcore_tiny".into()));
    assert!(c["promise"].as_str().unwrap().contains("false alarms"), "{c}");
    assert!(c["error"].is_null() && c["last"] == false && elsewhere["last"] == true);
    assert!(cut["error"].as_str().unwrap().contains("bytes") && cut["backbone"].is_null(), "{cut}");

    let people = text(&expect(3, pcore(folder.path()).arg("list")).stdout);
    assert_eq!(people.matches("the last one fitted").count(), 1, "{people}");
    assert!(people.contains("broken: ") && people.contains("40 images, network pcore_tiny"), "{people}");
    expect(2, pcore(folder.path()).args(["list", "nowhere"]));
}
