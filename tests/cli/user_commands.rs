//! The commands of the README.

use crate::support::{Fixture, expect, pcore, rows, text};
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

#[test]
fn the_two_commands_work_as_the_users_wrote_them() {
    let folder = TempDir::new().unwrap();
    let train = Fixture::get().path().join("domain_C/train");
    fs::create_dir_all(folder.path().join("train")).unwrap();
    for (index, entry) in fs::read_dir(train.join("good")).unwrap().enumerate() {
        fs::copy(entry.unwrap().path(), folder.path().join(format!("train/{index:03}.tiff"))).unwrap();
    }
    fs::create_dir_all(folder.path().join("test")).unwrap();
    fs::copy(Fixture::get().test_folder().join("fault/000007.tiff"), folder.path().join("test/a.tiff")).unwrap();
    let fit = expect(0, pcore(folder.path()).args(["fit", "--domain", "C", "--normal", "train/"]));
    assert!(text(&fit.stdout).contains("C.pcore"));
    assert!(folder.path().join(".pcore/C.pcore").is_file());
    let infer = expect(0, pcore(folder.path()).args(["infer", "test/"]));
    assert!(text(&infer.stdout).contains("a.tiff"), "{}", text(&infer.stdout));
    assert!(text(&infer.stderr).contains("the last one fitted"), "{}", text(&infer.stderr));
}

#[test]
fn infer_writes_results_pictures_and_a_report() {
    let fixture = Fixture::get();
    let out = TempDir::new().unwrap();
    let out_dir = out.path().to_str().unwrap();
    let output = expect(
        0,
        pcore(fixture.path()).args(["infer", "domain_C/test", "--json", "--maps", "png,tiff", "--out", out_dir]),
    );
    let rows = rows(&output);
    assert_eq!(rows.len(), 16);
    for row in rows.values() {
        let (score, threshold) = (row["score"].as_f64().unwrap(), row["threshold"].as_f64().unwrap());
        assert_eq!(row["verdict"], if score > threshold { "anomalous" } else { "normal" });
        assert!(["cold", "warm"].contains(&row["condition"].as_str().unwrap()));
    }
    let files = |folder: &str| walk(&out.path().join(folder));
    assert_eq!((files("overlays"), files("maps")), (16, 32));
    for name in ["results.csv", "results.jsonl", "run.json", "report.html"] {
        assert!(fs::metadata(out.path().join(name)).unwrap().len() > 100, "{name}");
    }
    let report = fs::read_to_string(out.path().join("report.html")).unwrap();
    assert!(!report.contains("http://") && !report.contains("https://"), "the report needs the network");
    let run: Value = serde_json::from_str(&fs::read_to_string(out.path().join("run.json")).unwrap()).unwrap();
    assert_eq!(run["n_images"], 16);
}

fn walk(folder: &std::path::Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries.map(|path| if path.is_dir() { walk(&path) } else { 1 }).sum()
}

#[test]
fn fail_on_anomaly_is_exit_code_1() {
    let fixture = Fixture::get();
    let fault = ["infer", "domain_C/test/fault/000007.tiff"];
    let output = expect(0, pcore(fixture.path()).args(fault).arg("--json"));
    let anomalous = rows(&output).values().any(|row| row["verdict"] == "anomalous");
    assert!(anomalous, "the last fault is warm and strong: {}", text(&output.stdout));
    expect(1, pcore(fixture.path()).args(fault).arg("--fail-on-anomaly"));
}

#[test]
fn eval_prints_one_object_with_the_published_keys() {
    let fixture = Fixture::get();
    let output = expect(0, pcore(fixture.path()).args(["eval", ".", "--domain", "C", "--json"]));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys = [
        "image_AUROC",
        "image_AP",
        "image_F1Max",
        "pixel_AUROC",
        "AUPRO",
        "accuracy",
        "precision",
        "recall",
        "false_alarm_rate",
    ];
    for key in keys {
        let value = found[key].as_f64().unwrap_or_else(|| panic!("{key} is {}", found[key]));
        assert!((0.0..=1.0).contains(&value), "{key} {value}");
    }
    assert!(found["per_condition"]["warm"]["image_AUROC"].is_number(), "{found}");
    assert!(found["per_defect"]["fault"]["AUPRO"].is_number(), "{found}");
}

#[test]
fn p90_tells_at_least_94_percent_of_the_training_maps_apart() {
    let folder = TempDir::new().unwrap();
    let counts = ["--train", "300", "--good", "2", "--fault", "2", "--seed", "11"];
    expect(0, pcore(folder.path()).args(["synth", "hdmap", "--out", "."]).args(counts));
    // No backbone is needed to label: count the conditions of the images in the bundle's bank.
    let fit = ["fit", "--normal", ".", "--conditions", "p90", "--image-size", "64x64", "--coreset", "300", "--json"];
    let output = expect(0, pcore(folder.path()).args(fit));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let limit = summary["manifest"]["gate"]["limit"].as_f64().unwrap() as f32;
    let manifest = fs::read_to_string(folder.path().join("domain_C/manifest.csv")).unwrap();
    let (mut right, mut all) = (0, 0);
    for line in manifest.lines().filter(|l| l.starts_with("train/")) {
        let mut cells = line.split(',');
        let (path, truth) = (cells.next().unwrap(), cells.nth(1).unwrap());
        let image =
            pcore::image::read(&folder.path().join("domain_C").join(path), &pcore::image::Limits::default()).unwrap();
        let found = if pcore::condition::percentile_90(image.pixels()) > limit { "warm" } else { "cold" };
        right += usize::from(found == truth);
        all += 1;
    }
    assert_eq!(all, 300);
    assert!(right * 100 >= all * 94, "{right} of {all} at {limit}");
}

#[test]
fn inspect_and_devices_and_weights_answer() {
    let fixture = Fixture::get();
    let output = expect(0, pcore(fixture.path()).args(["inspect", ".pcore/C.pcore"]));
    assert!(text(&output.stdout).contains("verified"));
    let output = expect(0, pcore(fixture.path()).args(["inspect", ".pcore/C.pcore", "--json"]));
    let manifest: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(manifest["detector"]["features"]["backbone"]["layers"], serde_json::json!(["layer2", "layer3"]));
    assert!(text(&expect(0, pcore(fixture.path()).arg("devices")).stdout).contains("pcore_tiny"));
    assert!(text(&expect(0, pcore(fixture.path()).args(["weights", "list"])).stdout).contains("wide_resnet50_2"));
}

#[test]
fn a_small_demo_runs_from_end_to_end() {
    let folder = TempDir::new().unwrap();
    let output = expect(0, pcore(folder.path()).args(["demo", "--dir", "d", "--train", "40", "--test", "12"]));
    assert!(text(&output.stdout).contains("AUROC"), "{}", text(&output.stdout));
    assert!(folder.path().join("d/report.html").is_file());
}

#[test]
fn a_coreset_chosen_from_a_sample_says_so() {
    let folder = tempfile::TempDir::new().unwrap();
    let bundle = folder.path().join("sampled.pcore");
    let mut fit = pcore(Fixture::get().path());
    fit.args([
        "fit",
        "--domain",
        "C",
        "--normal",
        ".",
        "--image-size",
        "256",
        "--coreset",
        "100",
        "--coreset-sample",
        "2000",
        "--bundle",
    ]);
    expect(0, fit.arg(&bundle));
    let output = expect(0, pcore(folder.path()).arg("inspect").arg(&bundle).arg("--json"));
    let manifest: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let coreset = &manifest["detector"]["settings"]["coreset"];
    assert_eq!(coreset["n_picked"], 100);
    // 40 maps of 32 x 32 patches, every 21st.
    assert_eq!(coreset["n_candidates"], 40 * 1024 / 21 + 1);
    assert!(coreset["covering_radius"].as_f64().unwrap() > 0.0);
}
