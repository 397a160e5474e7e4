//! Regions in the results.

use crate::support::{Fixture, expect, pcore, rows, text};
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

/// The rows of a CSV file, each by the names of its columns.
fn csv_rows(path: &std::path::Path) -> Vec<std::collections::BTreeMap<String, String>> {
    csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect()
}

#[test]
fn csv_tells_of_the_first_region_of_the_list_that_json_has_and_failed_images_have_none() {
    let (fixture, out) = (Fixture::get(), TempDir::new().unwrap());
    let results = out.path().join("out");
    let torn = out.path().join("torn.png");
    fs::write(&torn, b"\x89PNG\r\n\x1a\n").unwrap();
    let run = |more: &[&str]| {
        let mut command = pcore(fixture.path());
        command.args(["infer", "--json", "--bundle", ".pcore/C.pcore", "--out"]).arg(&results);
        rows(&expect(3, command.arg(fixture.test_folder()).arg(&torn).args(more)))
    };
    let found = run(&[]);
    let lines = fs::read_to_string(results.join("results.jsonl")).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let table = csv_rows(&results.join("results.csv"));
    assert_eq!((lines.len(), table.len()), (17, 17));
    let (mut n_regions, mut n_without) = (0, 0);
    for (line, cells) in lines.iter().zip(&table) {
        let printed = found.values().find(|row| row["path"] == line["path"]).unwrap();
        assert_eq!(printed["regions"], line["regions"]);
        let first = |key: &str| match &line["regions"][0][key] {
            Value::Null => String::new(),
            number => number.to_string(),
        };
        for key in ["left", "top", "width", "height", "area", "peak"] {
            assert_eq!(cells[&format!("region_{key}")], first(key), "{line}");
        }
        match line["regions"].as_array() {
            Some(regions) => {
                assert_eq!(cells["n_regions"], regions.len().to_string());
                n_regions += regions.len();
                n_without += usize::from(regions.is_empty());
                assert!(regions.iter().all(|region| region["polygon"].as_array().unwrap().len() >= 4), "{line}");
            }
            None => assert!(cells["n_regions"].is_empty() && !cells["error"].is_empty(), "{line}"),
        }
    }
    assert!(n_regions >= 3 && n_without >= 4, "{n_regions} {n_without}");
    // The gearbox' maps have 31 x 95 pixels.
    let large = run(&["--min-area", "2946"]);
    assert!(large.values().all(|row| row["error"].is_string() || row["regions"] == serde_json::json!([])));
    assert_eq!(raw(&large), raw(&found));
    let refused = expect(2, pcore(fixture.path()).args(["infer", "x", "--min-area", "-1"]));
    assert!(text(&refused.stderr).contains("--min-area"), "{}", text(&refused.stderr));
}

fn raw(rows: &std::collections::BTreeMap<String, Value>) -> Vec<&Value> {
    rows.values().map(|row| &row["raw_score"]).collect()
}

#[test]
fn eval_has_the_same_columns_and_maps_by_local_density_have_no_regions() {
    let (fixture, out) = (Fixture::get(), TempDir::new().unwrap());
    let run = |name: &str, calibrate: &str| {
        let results = out.path().join(name);
        let mut command = pcore(fixture.path());
        command.args(["eval", ".", "--domain", "C", "--calibrate", calibrate, "--out"]).arg(&results);
        expect(0, &mut command);
        csv_rows(&results.join("results.csv"))
    };
    let total = |rows: &[std::collections::BTreeMap<String, String>]| {
        rows.iter().filter_map(|row| row["n_regions"].parse::<usize>().ok()).sum::<usize>()
    };
    assert!(total(&run("plain", "condition")) >= 3);
    assert!(run("density", "density").iter().all(|row| row["n_regions"].is_empty()));
}
