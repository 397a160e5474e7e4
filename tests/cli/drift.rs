//! Whether a line has drifted.

use crate::support::{Fixture, expect, pcore, text};
use pcore::Limits;
use pcore::image::write_tiff_f32;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Writes `n` of the fixture's normal test images, again and again, lit by a slope from left to right.
fn line(folder: &Path, name: &str, n: usize, slope: f32) {
    fs::create_dir_all(folder).unwrap();
    let mut files: Vec<_> =
        fs::read_dir(Fixture::get().test_folder().join("good")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for (at, file) in files.iter().cycle().take(n).enumerate() {
        let image = pcore::image::read(file, &Limits::default()).unwrap();
        let lit = |at: usize| 1.0 + slope * ((at % image.width_px()) as f32 / image.width_px() as f32 - 0.5);
        let values: Vec<f32> = image.pixels().iter().enumerate().map(|(at, value)| value * lit(at)).collect();
        let path = folder.join(format!("{name}{at:03}.tiff"));
        write_tiff_f32(&path, &values, image.height_px(), image.width_px()).unwrap();
    }
}

fn drift(code: i32, arguments: &[&str], paths: &[&Path]) -> Value {
    let mut command = pcore(Fixture::get().path());
    command.args(["drift", ".pcore/C.pcore", "--json"]).args(arguments).args(paths);
    serde_json::from_slice(&expect(code, &mut command).stdout).unwrap()
}

#[test]
fn a_line_whose_light_changes_has_drifted_and_one_as_before_has_not() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    line(&at("same"), "a", 8, 0.0);
    let same = drift(0, &["--fail-on-drift"], &[&at("same")]);
    assert_eq!((&same["n_parts"], &same["drift"], &same["drift_at"]), (&8.into(), &false.into(), &Value::Null));
    assert!(same["evidence"].as_object().unwrap().len() >= 4, "{same}");
    line(&at("changed"), "a", 8, 0.0);
    line(&at("changed"), "b", 40, 1.0);
    let out = at("out");
    let changed = drift(1, &["--fail-on-drift", "--out", out.to_str().unwrap()], &[&at("changed")]);
    let found = changed["drift_at"].as_u64().unwrap();
    assert!((9..=48).contains(&found), "{changed}");
    assert!(changed["drift_path"].as_str().unwrap().contains("b0"), "{changed}");
    let table = fs::read_to_string(out.join("drift.csv")).unwrap();
    assert_eq!(table.lines().count(), 49);
    assert!(table.starts_with("path,drift,scores,limit,half,brightness,contrast"), "{table}");
    let page = fs::read_to_string(out.join("drift.html")).unwrap();
    assert!(page.contains("drift: found at part") && page.matches("<svg").count() >= 6);
    assert_eq!(drift(0, &[], &[&at("changed")])["drift"], true);
    // By time the changed ones come first where they were written first.
    let early = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    for entry in fs::read_dir(at("changed")).unwrap().map(Result::unwrap) {
        if entry.file_name().to_str().unwrap().starts_with('b') {
            fs::File::options().write(true).open(entry.path()).unwrap().set_modified(early).unwrap();
        }
    }
    let by_time = drift(0, &["--order", "time"], &[&at("changed")]);
    assert!(by_time["drift_at"].as_u64().unwrap() < found, "{by_time}");
}

#[test]
fn results_of_a_run_tell_by_their_scores_alone() {
    let (fixture, folder) = (Fixture::get(), TempDir::new().unwrap());
    let results = folder.path().join("run");
    let mut infer = pcore(fixture.path());
    infer.args(["infer", "--bundle", ".pcore/C.pcore", "--out"]).arg(&results).arg(fixture.test_folder());
    expect(0, &mut infer);
    let found = drift(0, &[], &[&results]);
    assert_eq!(found["n_parts"], 16);
    let evidence = found["evidence"].as_object().unwrap();
    assert!(evidence.iter().all(|(name, log10)| (name == "half") == (log10.as_f64().unwrap().abs() > 1e-9)), "{found}");
    let mut shown = pcore(fixture.path());
    let said = text(&expect(0, shown.args(["drift", ".pcore/C.pcore"]).arg(&results)).stdout);
    assert!(said.starts_with("drift: none found in 16 parts") && said.contains("\n  half"), "{said}");
}

#[test]
fn a_history_grows_by_a_file_for_each_run_and_tells_what_the_images_tell() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    line(&at("first"), "a", 8, 0.0);
    line(&at("second"), "b", 40, 1.0);
    fs::write(at("second/torn.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    for (code, name) in [(0, "first"), (3, "second")] {
        let mut infer = pcore(Fixture::get().path());
        infer.args(["infer", "-q", "--bundle", ".pcore/C.pcore", "--history"]).arg(at("history")).arg(at(name));
        expect(code, &mut infer);
    }
    assert_eq!(fs::read_dir(at("history")).unwrap().count(), 2);
    let history = drift(0, &[], &[&at("history")]);
    fs::remove_file(at("second/torn.png")).unwrap();
    let images = drift(0, &[], &[&at("first"), &at("second")]);
    assert_eq!((&history["n_parts"], &history["drift"]), (&48.into(), &true.into()));
    for key in ["drift_at", "drift_log10", "scores_log10", "evidence"] {
        assert_eq!(history[key], images[key], "{key}");
    }
}
