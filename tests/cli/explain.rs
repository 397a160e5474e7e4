//! `pcore infer --explain`: which normal patches an image was compared with.

use crate::support::{Fixture, expect, pcore, text};
use pcore::image::{Limits, read_mask};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A warm, strong fault.
const FAULT: &str = "000007";

fn explain(folder: &Path, out: &Path, extra: &[&str]) -> (Vec<Value>, String) {
    let fixture = Fixture::get();
    let image = fixture.test_folder().join(format!("fault/{FAULT}.tiff"));
    let bundle = fixture.path().join(".pcore/C.pcore");
    let mut command = pcore(folder);
    command.args(["infer", "--explain"]).arg(image).arg("--out").arg(out).arg("--bundle").arg(bundle).args(extra);
    let output = expect(0, &mut command);
    let json = fs::read_to_string(out.join("explain.json")).unwrap();
    (serde_json::from_str(&json).unwrap(), text(&output.stderr))
}

fn matches(explained: &[Value]) -> Vec<&Value> {
    let patches = explained[0]["patches"].as_array().unwrap().iter();
    patches
        .flat_map(|p| p["matches"].as_array().unwrap().iter().chain(p["nearest_by_condition"].as_array().unwrap()))
        .collect()
}

#[test]
fn the_worst_patch_lies_on_the_fault_and_its_normal_patches_are_named() {
    let fixture = Fixture::get();
    let out = TempDir::new().unwrap();
    let (explained, _) = explain(fixture.path(), out.path(), &[]);
    assert_eq!(explained.len(), 1);
    let found = &explained[0];
    assert_eq!(
        (&found["verdict"], &found["policy"], &found["condition"]),
        (&"anomalous".into(), &"gated".into(), &"warm".into())
    );
    let patches = found["patches"].as_array().unwrap();
    assert_eq!(patches.len(), 5);
    let mask =
        read_mask(&fixture.path().join(format!("domain_C/ground_truth/fault/{FAULT}_mask.png")), &Limits::default())
            .unwrap();
    let side = |i: usize| patches[0]["pixels"][i].as_u64().unwrap() as usize;
    let (top, left, height, width) = (side(0), side(1), side(2), side(3));
    // A descriptor averages the patches around it, so a fault reaches one patch further.
    let rows = top.saturating_sub(height)..(top + 2 * height).min(mask.height_px);
    let columns = left.saturating_sub(width)..(left + 2 * width).min(mask.width_px);
    let on_fault = rows.into_iter().any(|y| columns.clone().any(|x| mask.values[y * mask.width_px + x]));
    assert!(on_fault, "{}", patches[0]);
    let mut last = f64::INFINITY;
    for patch in patches {
        let distance = patch["distance"].as_f64().unwrap();
        assert!(distance <= last);
        last = distance;
        let matches = patch["matches"].as_array().unwrap();
        assert_eq!(matches.len(), 3);
        assert!((matches[0]["distance"].as_f64().unwrap() - distance).abs() < 1e-5);
        for found in matches {
            // The gated policy compares with its own condition alone; both are listed beside it.
            assert_eq!((&found["condition"], &found["other_condition"]), (&"warm".into(), &false.into()));
            assert!(fixture.path().join(found["image"].as_str().unwrap()).is_file(), "{found}");
        }
        let by_condition: Vec<&str> = patch["nearest_by_condition"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["condition"].as_str().unwrap())
            .collect();
        assert_eq!(by_condition, ["cold", "warm"]);
    }
    assert!(matches(&explained).iter().all(|m| m["image_state"] == "found" && m["pixels"].is_array()));
    let picture =
        pcore::image::read(&out.path().join(format!("explain/{FAULT}.tiff.png")), &Limits::default()).unwrap();
    assert!(picture.width_px() > 500 && picture.n_channels() == 3);
}

#[test]
fn the_explained_scores_are_those_of_infer() {
    let fixture = Fixture::get();
    let out = TempDir::new().unwrap();
    for extra in
        [&["--policy", "mixed", "--calibrate", "global"][..], &["--policy", "soft"], &["--calibrate", "density"]]
    {
        let (explained, _) = explain(fixture.path(), out.path(), extra);
        let row: Value =
            serde_json::from_str(fs::read_to_string(out.path().join("results.jsonl")).unwrap().trim()).unwrap();
        for key in ["score", "raw_score", "threshold", "verdict", "condition", "unknown_condition"] {
            assert_eq!(explained[0][key], row[key], "{extra:?} {key}");
        }
        let worst = explained[0]["patches"][0]["distance"].as_f64().unwrap();
        assert!((worst - row["raw_score"].as_f64().unwrap()).abs() < 1e-5, "{extra:?}");
    }
}

#[test]
fn without_the_training_images_everything_else_is_told() {
    let fixture = Fixture::get();
    let elsewhere = TempDir::new().unwrap();
    let (there, _) = explain(fixture.path(), &elsewhere.path().join("a"), &[]);
    // Another folder has another home, which remembers nothing.
    let (gone, message) = explain(elsewhere.path(), &elsewhere.path().join("b"), &[]);
    assert!(message.contains("--normal"), "{message}");
    for (there, gone) in matches(&there).into_iter().zip(matches(&gone)) {
        assert_eq!((&gone["image_state"], &gone["pixels"]), (&"missing".into(), &Value::Null));
        for key in ["image", "row", "col", "condition", "distance", "bank_row", "other_condition"] {
            assert_eq!(gone[key], there[key]);
        }
    }
    assert!(elsewhere.path().join(format!("b/explain/{FAULT}.tiff.png")).is_file());
    let (found, _) =
        explain(elsewhere.path(), &elsewhere.path().join("c"), &["--normal", fixture.path().to_str().unwrap()]);
    assert!(matches(&found).iter().all(|m| m["image_state"] == "found"));
}

#[test]
fn a_training_image_that_changed_is_not_shown_as_the_match() {
    let fixture = Fixture::get();
    let elsewhere = TempDir::new().unwrap();
    let train = elsewhere.path().join("domain_C/train/good");
    fs::create_dir_all(&train).unwrap();
    let mut first = None;
    for entry in fs::read_dir(fixture.path().join("domain_C/train/good")).unwrap() {
        let path = entry.unwrap().path();
        // Every image takes the place of its neighbour.
        let name = path.file_name().unwrap().to_owned();
        let previous = first.replace(path.clone()).unwrap_or_else(|| fixture.test_folder().join("good/000000.tiff"));
        fs::copy(previous, train.join(name)).unwrap();
    }
    let (found, message) =
        explain(elsewhere.path(), &elsewhere.path().join("out"), &["--normal", elsewhere.path().to_str().unwrap()]);
    assert!(matches(&found).iter().all(|m| m["image_state"] == "changed"), "{found:?}");
    assert!(message.contains("--normal"), "{message}");
}

#[test]
fn every_image_of_a_folder_is_explained() {
    let fixture = Fixture::get();
    let out = TempDir::new().unwrap();
    let out_dir = out.path().to_str().unwrap();
    let args =
        ["infer", "domain_C/test/good", "--explain", "--patches", "2", "--matches", "1", "--out", out_dir, "--json"];
    let output = expect(0, pcore(fixture.path()).args(args));
    assert_eq!(text(&output.stdout).lines().count(), 8, "stdout is for the rows");
    let json: Vec<Value> = serde_json::from_str(&fs::read_to_string(out.path().join("explain.json")).unwrap()).unwrap();
    assert_eq!(json.len(), 8);
    assert!(json.iter().all(|j| j["patches"].as_array().unwrap().len() == 2));
    assert!(json.iter().all(|j| j["patches"][0]["matches"].as_array().unwrap().len() == 1));
    assert_eq!(fs::read_dir(out.path().join("explain")).unwrap().count(), 8);
}
