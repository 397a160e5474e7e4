//! Bundles that are changed: `pcore calibrate`, `update`, `merge`, `undo`, and lines drawn elsewhere by `--alpha` and `--threshold`.

use crate::support::{Fixture, expect, pcore, rows, text};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A copy of the fixture's bundle, and further maps of its machine.
fn line() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::copy(Fixture::get().path().join(".pcore/C.pcore"), folder.path().join("c.pcore")).unwrap();
    let counts = ["--train", "24", "--good", "12", "--fault", "12", "--seed", "3"];
    expect(0, pcore(folder.path()).args(["synth", "hdmap", "--out", "more"]).args(counts));
    folder
}

fn json(command: &mut std::process::Command) -> Value {
    serde_json::from_str(&text(&expect(0, command).stdout)).unwrap()
}

fn inspected(at: &Path) -> Value {
    json(pcore(at).args(["inspect", "c.pcore", "--json"]))
}

const GOOD: &str = "more/domain_C/test/good";

#[test]
fn a_line_is_drawn_for_one_run_and_refused_out_of_reach() {
    let folder = line();
    let at = folder.path();
    let infer =
        |extra: &[&str]| pcore(at).args(["infer", GOOD, "--bundle", "c.pcore", "--json"]).args(extra).output().unwrap();
    let (usual, strict, fixed) = (infer(&[]), infer(&["--alpha", "0.2"]), infer(&["--threshold", "-5"]));
    assert_eq!(rows(&usual).len(), 12);
    for (name, row) in rows(&strict) {
        let p = row["p_value"].as_f64().unwrap();
        assert_eq!(row["verdict"] == "anomalous", p <= 0.2, "{name}: {row}");
        assert_eq!(row["p_value"], rows(&usual)[&name]["p_value"]);
    }
    assert!(rows(&fixed).values().all(|row| row["verdict"] == "anomalous"));
    let refused = infer(&["--alpha", "0.001"]);
    assert_eq!(refused.status.code(), Some(2));
    let said = text(&refused.stderr);
    assert!(said.contains("--alpha 0.001: the 40 held-out normals") || said.contains("held-out normals of"), "{said}");
    assert!(said.contains("pcore update"), "{said}");
    let unknown = text(&infer(&["--alpha", "hot=0.1"]).stderr);
    assert!(unknown.contains("no condition 'hot'"), "{unknown}");
    let table = text(&expect(0, pcore(at).args(["eval", "more", "--domain", "C", "--bundle", "c.pcore"])).stdout);
    assert!(
        table.contains("at false-alarm rates asked for") && table.contains("chosen on these very images"),
        "{table}"
    );
}

#[test]
fn thresholds_are_set_from_other_normals_and_undone() {
    let folder = line();
    let at = folder.path();
    let before = fs::read(at.join("c.pcore")).unwrap();
    let done = json(pcore(at).args(["calibrate", "c.pcore", "--normal", GOOD, "--alpha", "0.1", "--json"]));
    assert_eq!((done["n_images"].as_u64(), done["manifest"]["calibration"]["alpha"].as_f64()), (Some(12), Some(0.1)));
    let steps = &inspected(at)["lineage"]["steps"];
    assert_eq!((steps[0]["verb"].as_str(), steps[0]["n_added"].as_u64()), (Some("calibrate"), Some(12)), "{steps}");
    expect(0, pcore(at).args(["undo", "c.pcore"]));
    assert_eq!(fs::read(at.join("c.pcore")).unwrap(), before);
    // Another rate needs no images: the held-out scores are in the bundle.
    let rate = ["calibrate", "c.pcore", "--alpha", "0.25", "--out", "rate.pcore", "--json"];
    let moved = &json(pcore(at).args(rate))["manifest"]["calibration"];
    let usual = &inspected(at)["calibration"];
    assert_eq!(moved["alpha"].as_f64(), Some(0.25));
    assert!(moved["global"]["threshold"].as_f64() < usual["global"]["threshold"].as_f64(), "{moved} {usual}");
    let beyond = text(&expect(2, pcore(at).args(["calibrate", "c.pcore", "--alpha", "0.0001"])).stderr);
    assert!(beyond.contains("0.0001"), "{beyond}");
    let both = ["calibrate", "c.pcore", "--alpha", "0.25", "--validation", "more/domain_C", "--best", "f1"];
    assert!(text(&expect(2, pcore(at).args(both)).stderr).contains("--normal"));
    assert_eq!(fs::read(at.join("c.pcore")).unwrap(), before);
    let chosen =
        ["calibrate", "c.pcore", "--validation", "more/domain_C", "--miss-cost", "10", "--out", "chosen.pcore"];
    let shown = text(&expect(0, pcore(at).args(chosen)).stdout);
    assert!(shown.contains("chosen on labelled images, nothing is promised"), "{shown}");
    assert_eq!(fs::read(at.join("c.pcore")).unwrap(), before, "--out leaves the bundle as it is");
    for (best, said) in [("f1", "the largest F1"), ("youden", "(Youden)")] {
        let best = ["calibrate", "c.pcore", "--validation", "more/domain_C", "--best", best, "--out", "best.pcore"];
        let shown = text(&expect(0, pcore(at).args(best)).stdout);
        assert!(shown.contains(said) && shown.contains("nothing is promised"), "{shown}");
    }
    let aimless = ["calibrate", "c.pcore", "--validation", "more/domain_C", "--out", "best.pcore"];
    let refused = text(&expect(2, pcore(at).args(aimless)).stderr);
    assert!(refused.contains("--miss-cost") && refused.contains("--best"), "{refused}");
    let needed = text(&expect(2, pcore(at).args(["calibrate", "c.pcore"])).stderr);
    assert!(needed.contains("--normal"), "{needed}");
}

#[test]
fn a_rule_of_lines_sets_thresholds_without_images_and_promises_nothing() {
    let folder = line();
    let at = folder.path();
    let threshold = |found: &Value| found["calibration"]["global"]["threshold"].as_f64().unwrap();
    let (mean, std) = {
        let before = &inspected(at)["calibration"]["global"];
        (before["mean"].as_f64().unwrap(), before["std"].as_f64().unwrap())
    };
    let shown = text(&expect(0, pcore(at).args(["calibrate", "c.pcore", "--cut", "sigma:3"])).stdout);
    assert!(shown.contains("by sigma:3 of") && shown.contains("nothing is promised"), "{shown}");
    let after = inspected(at);
    assert_eq!(after["calibration"]["method"].as_str(), Some("sigma:3"));
    assert!((threshold(&after) - (mean + 3.0 * std)).abs() < 1e-4 * std, "{after}");
    expect(0, pcore(at).args(["calibrate", "c.pcore", "--cut", "percentile:10"]));
    assert!(threshold(&inspected(at)) < threshold(&after));
    // It is the line that images are judged by.
    let figures = json(pcore(at).args(["eval", "more/domain_C", "--bundle", "c.pcore", "--json"]));
    assert!(figures["false_alarm_rate"].as_f64().unwrap() > 0.5, "{figures}");
    let refused = text(&expect(2, pcore(at).args(["calibrate", "c.pcore", "--cut", "median"])).stderr);
    assert!(refused.contains("sigma:3") && refused.contains("percentile:99"), "{refused}");
}

#[test]
fn a_bundle_learns_further_maps_forgets_them_and_tells_what_was_done() {
    let folder = line();
    let at = folder.path();
    let before = json(pcore(at).args(["inspect", "c.pcore", "--json"]));
    let n = |manifest: &Value| manifest["sources"].as_array().unwrap().len();
    let update = ["update", "c.pcore", "--normal", GOOD, "--json"];
    let done = json(pcore(at).args(update));
    assert_eq!((done["learned"].as_array().unwrap().len(), n(&done["manifest"])), (12, n(&before) + 12), "{done}");
    let shown = text(&expect(0, pcore(at).args(["inspect", "c.pcore"])).stdout);
    assert!(shown.lines().any(|line| line.starts_with("update ") && line.contains("12 images")), "{shown}");
    let learned = done["learned"][0].as_str().unwrap();
    let forgot = json(pcore(at).args(["update", "c.pcore", "--forget", learned, "--json"]));
    assert_eq!((forgot["forgotten"][0].as_str(), n(&forgot["manifest"])), (Some(learned), n(&before) + 11));
    let nothing = expect(2, pcore(at).args(["update", "c.pcore", "--forget", "nobody.tiff"]));
    assert!(text(&nothing.stderr).contains("no training image is called nobody.tiff"));
    // A folder without images changes nothing, whatever is to be forgotten.
    fs::create_dir(at.join("empty")).unwrap();
    let both = ["update", "c.pcore", "--forget", "*", "--normal", "empty"];
    let now = fs::read(at.join("c.pcore")).unwrap();
    expect(2, pcore(at).args(both));
    assert_eq!(fs::read(at.join("c.pcore")).unwrap(), now);
    let other = Fixture::get().path().join(".pcore/C.pcore");
    let merge = ["merge", "c.pcore", other.to_str().unwrap(), "--cap", "60", "--json"];
    let merged = json(pcore(at).args(merge));
    assert_eq!(n(&merged["manifest"]), 2 * n(&before) + 11);
    let verbs: Vec<&str> =
        merged["manifest"]["lineage"]["steps"].as_array().unwrap().iter().filter_map(|s| s["verb"].as_str()).collect();
    assert_eq!(verbs, ["update", "forget", "merge"]);
}

#[test]
fn marked_false_alarms_are_learned_unless_known_defects_would_be_missed() {
    let folder = line();
    let at = folder.path();
    let infer = ["infer", "more/domain_C/test", "--bundle", "c.pcore", "--out", "run", "--alpha", "0.2", "--json"];
    let found = rows(&expect(0, pcore(at).args(infer)));
    let named = |class: &str, verdict: &str| {
        let is = |(name, row): &(&String, &Value)| name.starts_with(class) && row["verdict"] == verdict;
        found.iter().filter(is).map(|(_, row)| row["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (alarms, quiet) = (named("good", "anomalous"), named("good", "normal"));
    let (hits, missed) = (named("fault", "anomalous"), named("fault", "normal"));
    assert!(!quiet.is_empty() && !hits.is_empty(), "{found:?}");
    // What a verdict contradicts is refused, and nothing is marked.
    let refused = expect(2, pcore(at).args(["feedback", "run", "--false-alarm", &quiet[0]]));
    assert!(text(&refused.stderr).contains("was called normal, so it is no false alarm"));
    assert!(!at.join("run/feedback.json").exists());
    // An operator in error: a fault is called a false alarm, and another fault is known.
    let mut marks: Vec<&str> = vec!["feedback", "run", "--json", "--false-alarm", &hits[0]];
    marks.extend(alarms.iter().map(String::as_str));
    if let Some(first) = missed.first() {
        marks.extend(["--missed", first]);
    }
    let done = json(pcore(at).args(&marks));
    assert_eq!(done["marks"].as_array().unwrap().len(), 1 + alarms.len() + usize::from(!missed.is_empty()), "{done}");
    let update =
        ["update", "c.pcore", "--feedback", "run", "--validation", "more/domain_C", "--json", "--out", "new.pcore"];
    let output = pcore(at).args(update).output().unwrap();
    let said = text(&output.stderr);
    if output.status.success() {
        let answer: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
        let costly = answer["costly"].as_array().unwrap();
        assert!(costly.iter().all(|name| said.contains(name.as_str().unwrap())), "{said}");
        let n = answer["learned"].as_array().unwrap().len() + costly.len();
        assert_eq!(n, 1 + alarms.len());
    } else {
        assert!(said.contains("nothing was changed"), "{said}");
        assert!(!at.join("new.pcore").exists());
    }
    let kept = json(pcore(at).args(update).arg("--keep-costly"));
    assert_eq!(kept["learned"].as_array().unwrap().len(), 1 + alarms.len());
    let cleared = json(pcore(at).args(["feedback", "run", "--clear", &hits[0], "--json"]));
    assert_eq!(cleared["marks"].as_array().unwrap().len(), alarms.len() + usize::from(!missed.is_empty()));
    let nothing = expect(2, pcore(at).args(["update", "c.pcore", "--feedback", "more"]));
    assert!(text(&nothing.stderr).contains("pcore feedback"), "{}", text(&nothing.stderr));
}
