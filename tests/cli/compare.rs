//! `pcore compare`: two bundles, or a bundle and what another system said.

use crate::support::{Fixture, expect, pcore, text};
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

#[test]
fn a_bundle_may_replace_itself_and_not_one_that_finds_more() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let fixture = Fixture::get().path();
    let (bundle, images) = (fixture.join(".pcore/C.pcore"), fixture.join("domain_C"));
    let (bundle, images) = (bundle.to_str().unwrap(), images.to_str().unwrap());
    let same = expect(0, pcore(at).args(["compare", bundle, bundle, images, "--fail-on-difference"]));
    let said = text(&same.stdout);
    assert!(said.contains("B may replace A") && said.contains("100.0 %") && !said.contains("flip         "), "{said}");
    // Another system, by a table: it calls everything normal but one good image.
    let mut table = "path,verdict,score\n".to_owned();
    for (class, n) in [("good", 8), ("fault", 8)] {
        let of_class = fixture.join("domain_C/test").join(class);
        let mut names: Vec<_> = fs::read_dir(&of_class).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert!(names.len() >= n, "{names:?}");
        for (i, name) in names.iter().enumerate() {
            let verdict = if class == "good" && i == 0 { "anomalous" } else { "normal" };
            table += &format!("station/{class}/{},{verdict},{i}\n", name.to_string_lossy());
        }
    }
    fs::write(at.join("other.csv"), table).unwrap();
    let args = ["compare", bundle, "other.csv", images, "--out", "side", "--json", "--fail-on-difference"];
    let found: Value = serde_json::from_str(&text(&expect(1, pcore(at).args(args)).stdout)).unwrap();
    assert_eq!((found["n_images"].as_u64(), found["recall"][1].as_f64()), (Some(16), Some(0.0)), "{found}");
    let n_found = found["n_lost"].as_u64().unwrap();
    assert!(n_found > 0 && found["may_replace"] == "loses", "{found}");
    let flips = fs::read_to_string(at.join("side/flips.csv")).unwrap();
    assert_eq!(flips.lines().count() as u64, 1 + found["flips"].as_array().unwrap().len() as u64);
    let page = fs::read_to_string(at.join("side/compare.html")).unwrap();
    assert!(page.contains("B may not replace A") && page.contains("data:image/png;base64,"));
    let picture = found["flips"][0]["pictures"][0].as_str().unwrap();
    assert!(at.join("side").join(picture).exists(), "{picture}");
    fs::write(at.join("bad.csv"), "file,verdict\n").unwrap();
    let refused = text(&expect(2, pcore(at).args(["compare", bundle, "bad.csv", images])).stderr);
    assert!(refused.contains("a column path is needed"), "{refused}");
    fs::write(at.join("far.csv"), "path,verdict\nelsewhere.png,normal\n").unwrap();
    let refused = text(&expect(2, pcore(at).args(["compare", bundle, "far.csv", images])).stderr);
    assert!(refused.contains("none of its 1 rows"), "{refused}");
}
