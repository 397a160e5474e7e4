//! `pcore bench`: the stages of an inspection are measured.

use crate::support::{Fixture, expect, pcore, text};
use serde_json::Value;

#[test]
fn every_stage_is_measured_at_both_batch_sizes() {
    let fixture = Fixture::get();
    let good = fixture.test_folder().join("good");
    let mut command = pcore(fixture.path());
    command.arg("bench").arg(&good).args(["--domain", "C", "--repeat", "2"]);
    let table = text(&expect(0, &mut command).stdout);
    let report: Value = serde_json::from_slice(&expect(0, command.arg("--json")).stdout).unwrap();
    assert_eq!((&report["images"], &report["repeats"]), (&8.into(), &2.into()));
    assert!(report["bank_rows"].as_u64().unwrap() > 0 && report["dim"].as_u64().unwrap() > 0);
    for ceiling in ["matrix_gflops", "memory_gb_per_s"] {
        assert!(report["ceilings"][ceiling].as_f64().unwrap() > 0.0, "{ceiling}");
    }
    let batches = report["batches"].as_array().unwrap();
    assert_eq!(batches.iter().map(|b| b["batch"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 8]);
    let stages = ["decode", "preprocess", "network", "descriptor", "search", "map", "draw", "inspect", "pipeline"];
    for batch in batches {
        assert!(batch["images_per_s"].as_f64().unwrap() > 0.0);
        let found = batch["stages"].as_array().unwrap();
        assert_eq!(found.iter().map(|s| s["stage"].as_str().unwrap()).collect::<Vec<_>>(), stages);
        for stage in found {
            let ms = |key: &str| stage[key].as_f64().unwrap();
            assert!(0.0 < ms("least_ms") && ms("least_ms") <= ms("median_ms") && ms("median_ms") <= ms("most_ms"));
            let name = match stage["stage"].as_str().unwrap() {
                "inspect" => "all but decode and draw",
                "pipeline" => "as infer runs it",
                name => name,
            };
            assert!(table.contains(name), "not in the table: {name}");
        }
    }
}

#[test]
fn a_folder_without_images_is_refused() {
    let fixture = Fixture::get();
    let empty = tempfile::TempDir::new().unwrap();
    let output = expect(2, pcore(fixture.path()).arg("bench").arg(empty.path()).args(["--domain", "C"]));
    assert!(text(&output.stderr).contains("image"), "{}", text(&output.stderr));
}

#[test]
fn what_is_not_measured_is_named() {
    let fixture = Fixture::get();
    let folder = tempfile::TempDir::new().unwrap();
    let good = fixture.test_folder().join("good");
    let first = std::fs::read_dir(good).unwrap().next().unwrap().unwrap().path();
    std::fs::copy(first, folder.path().join("a.tiff")).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "no image").unwrap();
    std::fs::write(folder.path().join("b.heic"), b"\0\0\0\x18ftypheic\0\0\0\0heicmif1").unwrap();
    let bundle = ["--domain", "C", "--repeat", "1"];
    let output = expect(3, pcore(fixture.path()).arg("bench").arg(folder.path()).args(bundle));
    let said = text(&output.stderr);
    assert!(said.contains("b.heic") && said.contains("notes.txt") && said.contains("not measured"), "{said}");
}
