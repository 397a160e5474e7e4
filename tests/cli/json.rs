//! `--json`: every verb answers with one object (or one a line for `infer`), and says everything else on stderr.

use crate::support::{Fixture, expect, pcore, text};
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

/// A verb with its arguments and the keys that docs/json.md promises.
struct Case {
    arguments: &'static [&'static str],
    keys: &'static [&'static str],
}

const CASES: [Case; 26] = [
    Case {
        arguments: &["fit", "--normal", "data", "--domain", "C", "--image-size", "64x64"],
        keys: &["bundle", "seconds", "manifest", "failed"],
    },
    Case {
        arguments: &["infer", "data/domain_C/test/good"],
        keys: &["path", "score", "raw_score", "threshold", "verdict"],
    },
    Case {
        arguments: &["screen", "data/domain_C/test", "--image-size", "64x64", "--out", "order", "--keep", "2"],
        keys: &["seconds", "images", "n_kept", "failed"],
    },
    Case { arguments: &["eval", "data", "--domain", "C"], keys: &["image_AUROC", "AUPRO", "false_alarm_rate"] },
    Case {
        arguments: &["bench", "data/domain_C/test/good", "--repeat", "1"],
        keys: &["device", "batches", "ceilings"],
    },
    Case {
        arguments: &["drift", ".pcore/C.pcore", "data/domain_C/test/good"],
        keys: &["n_parts", "drift", "drift_at", "drift_log10", "scores_at", "evidence", "limit_log10"],
    },
    Case { arguments: &["inspect", ".pcore/C.pcore"], keys: &["format_version", "detector", "calibration"] },
    Case {
        arguments: &["calibrate", ".pcore/C.pcore", "--normal", "data/domain_C/test/good", "--out", "line.pcore"],
        keys: &["bundle", "manifest", "n_images", "n_scores", "n_untold", "n_rejected_before"],
    },
    Case {
        arguments: &["update", "line.pcore", "--normal", "data/domain_C/test/good"],
        keys: &["bundle", "manifest", "learned", "untold", "suspects", "costly"],
    },
    Case { arguments: &["merge", "line.pcore", ".pcore/C.pcore"], keys: &["bundle", "manifest"] },
    Case { arguments: &["undo", "line.pcore"], keys: &["bundle", "manifest"] },
    Case { arguments: &["infer", "data/domain_C/test/good", "--out", "run"], keys: &["p_value"] },
    Case { arguments: &["feedback", "run"], keys: &["marks"] },
    Case {
        arguments: &["compare", ".pcore/C.pcore", "run", "data/domain_C"],
        keys: &["may_replace", "n_images", "agreement", "agreement_interval", "recall", "flips", "n_unpaired"],
    },
    Case { arguments: &["list"], keys: &["folder", "bundles"] },
    Case {
        arguments: &["export", "one.pcore", "--format", "onnxdemo", "--out", "station"],
        keys: &["files", "backbone", "layers", "weights_sha256"],
    },
    Case {
        arguments: &["import", "station", "--domain", "back", "--backbone", "pcore_tiny", "--layers", "layer3"],
        keys: &["bundle", "manifest", "warnings"],
    },
    Case { arguments: &["sign", "--new-key", "line"], keys: &["secret", "public", "key"] },
    Case { arguments: &["sign", "one.pcore", "--key", "line.key"], keys: &["signature", "key"] },
    Case { arguments: &["devices"], keys: &["devices", "adapters", "auto", "backbones"] },
    Case { arguments: &["weights", "list"], keys: &["folder", "weights", "known"] },
    Case { arguments: &["weights", "verify"], keys: &["folder", "weights"] },
    Case {
        arguments: &["synth", "hdmap", "--out", "more", "--train", "2", "--good", "1", "--fault", "1"],
        keys: &["folder", "manifest", "train", "test"],
    },
    Case {
        arguments: &[
            "synth", "plate", "--out", "plates", "--size", "120x160", "--train", "2", "--good", "1", "--spots", "1",
        ],
        keys: &["folder", "height", "width", "spot_px", "seed", "train", "test"],
    },
    Case { arguments: &["demo", "--dir", "demo", "--train", "20", "--test", "4"], keys: &["image_AUROC"] },
    Case {
        arguments: &["study", "data", "--domain", "C", "--plan", "plan.toml"],
        keys: &["title", "n_runs", "cells", "hypotheses"],
    },
];

/// The smallest plan there is.
const PLAN: &str = "
title = 'Small'
alpha = 0.05
conditions = 'none'
resamples = 100
seeds = [1]
";

#[test]
fn every_verb_answers_with_json_that_parses() {
    let folder = TempDir::new().unwrap();
    let counts = ["--train", "20", "--good", "2", "--fault", "2", "--seed", "3"];
    expect(0, pcore(folder.path()).args(["synth", "hdmap", "--out", "data"]).args(counts));
    fs::write(folder.path().join("plan.toml"), PLAN).unwrap();
    let one = [
        "--layers",
        "layer3",
        "--neighbourhood",
        "1",
        "--metric",
        "cosine",
        "--image-size",
        "224x224",
        "--resize",
        "shortest-crop:256",
        "--bundle",
        "one.pcore",
    ];
    expect(0, pcore(folder.path()).args(["fit", "--normal", "data/domain_C/train/good"]).args(one));
    let documented = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/json.md")).unwrap();
    for Case { arguments, keys } in CASES {
        let output = expect(0, pcore(folder.path()).args(arguments).arg("--json"));
        let stdout = text(&output.stdout);
        let objects: Vec<Value> = match arguments[0] {
            "infer" => stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            _ => vec![serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{arguments:?}: {e}\n{stdout}"))],
        };
        assert!(!objects.is_empty(), "{arguments:?}");
        for key in keys {
            assert!(objects.iter().all(|object| object.get(key).is_some()), "{arguments:?} has no {key}: {stdout}");
            assert!(documented.contains(&format!("`{key}`")), "docs/json.md does not tell of {key}");
        }
    }
    // A verb that is added later must be here too, or be one whose answer is a text for another program, or requests.
    let help = text(&expect(0, pcore(folder.path()).args(["completions", "bash"])).stdout);
    let texts = ["completions", "manual", "help", "serve"];
    let verbs = help.lines().filter_map(|l| l.trim().strip_prefix("pcore,")?.strip_suffix(')'));
    let missing: Vec<&str> =
        verbs.filter(|verb| !texts.contains(verb) && !CASES.iter().any(|case| case.arguments[0] == *verb)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn plates_are_as_many_and_as_large_as_the_answer_says() {
    let folder = TempDir::new().unwrap();
    let mut command = pcore(folder.path());
    command.args(["synth", "plate", "--out", "plates", "--size", "120x160", "--seed", "7", "--spot", "5", "--json"]);
    let output = expect(0, command.args(["--train", "3", "--good", "2", "--spots", "1"]));
    let answer: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!((&answer["spot_px"], &answer["seed"]), (&Value::from(5), &Value::from(7)));
    for split in ["train", "test"] {
        for (kind, n) in answer[split].as_object().unwrap() {
            let place = folder.path().join(answer["folder"].as_str().unwrap()).join(split).join(kind);
            let files: Vec<_> = fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()).collect();
            assert_eq!(n.as_u64(), Some(files.len() as u64), "{}", place.display());
            let image = pcore::image::read(&files[0], &pcore::image::Limits::default()).unwrap();
            let size = (Value::from(image.height_px()), Value::from(image.width_px()));
            assert_eq!(size, (answer["height"].clone(), answer["width"].clone()));
        }
    }
}

#[test]
fn an_error_leaves_standard_output_empty() {
    let folder = Fixture::get().path();
    let cases: [&[&str]; 4] = [
        &["fit", "--normal", "nowhere"],
        &["infer", "nowhere"],
        &["inspect", "nowhere.pcore"],
        &["weights", "add", "nowhere.pth", "--as", "resnet18"],
    ];
    for arguments in cases {
        let output = expect(2, pcore(folder).args(arguments).arg("--json"));
        assert!(output.stdout.is_empty(), "{arguments:?}: {}", text(&output.stdout));
        assert!(text(&output.stderr).contains("error:"), "{arguments:?}: {}", text(&output.stderr));
    }
}
