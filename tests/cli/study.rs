//! `pcore study`: the scores of fit and eval, whatever happens on the way.

use crate::support::{Fixture, expect, pcore, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PLAN: &str = "
title = 'Test'
alpha = 0.05
conditions = 'p90'
resamples = 100
seeds = [1, 2]

[baseline]
coreset = 60

[[stage]]
name = 'policy'
vary.policy = ['mixed', 'gated', 'soft']
vary.calibration = ['global', 'condition']
vary.gate = ['own', 'oracle', 'random', 'inverse']

[[stage]]
name = 'description'
seeds = [1]
fixed = { policy = 'gated', calibration = 'condition', layers = 'layer3', context = 'h:2,3', resize = 'fit-pad' }

[[stage]]
name = 'references'
vary.shots = [1, 3]

[[hypothesis]]
name = 'first'
claim = 'The split helps'
a = { policy = 'gated', calibration = 'condition' }
figure = 'calibrated_image_AUROC'
direction = 'greater'

[[hypothesis]]
name = 'second'
claim = 'An oracle helps with cold maps'
a = { gate = 'oracle' }
figure = 'gate_accuracy'
condition = 'cold'
direction = 'greater'
";

fn study(folder: &Path, out: &Path) -> Command {
    let plan = folder.join("plan.toml");
    fs::write(&plan, PLAN).unwrap();
    let mut command = pcore(Fixture::get().path());
    command.arg("study").arg(".").args(["--domain", "C"]).arg("--plan").arg(plan).arg("--out").arg(out);
    command
}

fn tables(out: &Path) -> [String; 4] {
    ["cells.csv", "cells.jsonl", "study.html", "study.md"].map(|name| fs::read_to_string(out.join(name)).unwrap())
}

/// The runs of a study, by cell and seed.
fn runs(out: &Path) -> BTreeMap<(String, u64), Value> {
    let text = fs::read_to_string(out.join("runs.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|run| ((run["cell"].as_str().unwrap().to_owned(), run["seed"].as_u64().unwrap()), run))
        .collect()
}

#[test]
fn a_study_killed_again_and_again_gives_the_tables_of_one_left_alone() {
    let folder = TempDir::new().unwrap();
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    let first = expect(0, &mut study(folder.path(), &whole));
    let lines = |out: &Path| {
        fs::read(out.join("runs.jsonl")).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count())
    };
    let n_runs = lines(&whole);
    assert_eq!(n_runs, 24 * 2 + 1 + 2 * 2);
    fs::create_dir(&killed).unwrap();
    // Before anything is finished, then each time when something more is.
    for wanted in [0, 1, 20, 50] {
        let mut child = study(folder.path(), &killed).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while lines(&killed) < wanted && begun.elapsed() < Duration::from_secs(600) {
            sleep(Duration::from_millis(2));
        }
        if wanted == 0 {
            sleep(Duration::from_millis(300));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let mut file = OpenOptions::new().append(true).create(true).open(killed.join("runs.jsonl")).unwrap();
        file.write_all(b"{\"key\":\"torn in the mid").unwrap();
    }
    assert!((50..=n_runs).contains(&lines(&killed)));
    let last = expect(0, &mut study(folder.path(), &killed));
    assert_eq!(tables(&killed), tables(&whole));
    assert_eq!(runs(&killed), runs(&whole));
    let verdicts = |bytes: &[u8]| text(bytes).lines().take(4).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(verdicts(&last.stdout), verdicts(&first.stdout));
    // Once more: nothing is left to compute, and nothing changes.
    let again = expect(0, study(folder.path(), &killed).arg("--json"));
    assert_eq!(tables(&killed), tables(&whole));
    let info: Value = serde_json::from_str(&fs::read_to_string(killed.join("run.json")).unwrap()).unwrap();
    assert_eq!(info["runs_computed"], 0);
    let json: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(json["cells"].as_array().unwrap().len(), 24 + 1 + 2);
    // The p90 gate errs on some of these maps or on none: the oracle can't be worse.
    assert_ne!(json["hypotheses"][1]["answer"], "not measured");
    let page = &tables(&whole)[2];
    assert!(!page.contains("http://") && !page.contains("https://"), "the page needs the network");
}

#[test]
fn scores_are_those_of_fit_and_eval_bit_for_bit() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    // With a range of values, so that it is seen to reach every read of the study.
    expect(0, study(folder.path(), &out).args(["--range", "0:2"]));
    let runs = runs(&out);
    let home = folder.path().join("home");
    let fit = |bundle: &str, extra: &[&str]| {
        let args =
            ["fit", "--normal", ".", "--domain", "C", "--conditions", "p90", "--alpha", "0.05", "--range", "0:2"];
        let mut command = pcore(Fixture::get().path());
        command
            .env("PCORE_HOME", &home)
            .args(args)
            .args(["--quality", "fast", "--coreset", "60", "--bundle"])
            .arg(folder.path().join(bundle));
        expect(0, command.args(extra));
    };
    fit("plain.pcore", &["--seed", "1"]);
    fit("other-seed.pcore", &["--seed", "2"]);
    fit("deep.pcore", &["--seed", "1", "--layers", "layer3", "--context", "h:2,3", "--resize", "fit-pad"]);
    let mut compared = 0;
    let mut compare_with = |seed, bundle: &str, cell: &str, policy: &str, calibration: &str, gate: &str| {
        let results = folder.path().join("results");
        let mut command = pcore(Fixture::get().path());
        command.env("PCORE_HOME", &home).args(["eval", ".", "--domain", "C", "--policy", policy, "--gate", gate]);
        command.args(["--calibrate", calibration, "--conditions", "domain_C/manifest.csv", "--bundle"]);
        expect(0, command.arg(folder.path().join(bundle)).arg("--out").arg(&results));
        let expected = fs::read_to_string(results.join("results.jsonl")).unwrap();
        let run = &runs[&(cell.to_owned(), seed)];
        let conditions = run["conditions"].as_array().unwrap();
        let bits = |value: &Value| (value.as_f64().unwrap() as f32).to_bits();
        for (i, line) in expected.lines().enumerate() {
            let row: Value = serde_json::from_str(line).unwrap();
            assert_eq!(bits(&run["raw"][i]), bits(&row["raw_score"]), "{cell}, image {i}");
            assert_eq!(bits(&run["calibrated"][i]), bits(&row["score"]), "{cell}, image {i}");
            let alarm = run["raw"][i].as_f64() > run["threshold"][i].as_f64();
            assert_eq!(row["verdict"], if alarm { "anomalous" } else { "normal" }, "{cell}, image {i}");
            assert_eq!(row["condition"], conditions[run["told"][i].as_u64().unwrap() as usize], "{cell}, image {i}");
            compared += 1;
        }
    };
    // The study computes cells on which the seed has no influence once for all seeds.
    compare_with(2, "other-seed.pcore", "baseline", "mixed", "global", "own");
    let mut compare = |bundle: &str, cell: &str, policy: &str, calibration: &str, gate: &str| {
        compare_with(1, bundle, cell, policy, calibration, gate);
    };
    compare("plain.pcore", "baseline", "mixed", "global", "own");
    compare("plain.pcore", "policy=gated calibration=condition", "gated", "condition", "own");
    compare("plain.pcore", "policy=soft", "soft", "global", "own");
    compare("plain.pcore", "policy=gated gate=random", "gated", "global", "random");
    compare("plain.pcore", "policy=soft calibration=condition gate=inverse", "soft", "condition", "inverse");
    compare("plain.pcore", "policy=gated calibration=condition gate=oracle", "gated", "condition", "oracle");
    let deep = "layers=layer3 resize=fit-pad context=h:2,3 policy=gated calibration=condition";
    compare("deep.pcore", deep, "gated", "condition", "own");
    assert_eq!(compared, 8 * 16);
}

#[test]
fn the_built_in_plan_is_printed_and_a_wrong_one_is_refused_by_what_is_wrong() {
    let folder = TempDir::new().unwrap();
    let printed = expect(0, pcore(folder.path()).args(["study", "--print-plan"]));
    assert!(text(&printed.stdout).contains("[[hypothesis]]"));
    fs::write(folder.path().join("bad.toml"), text(&printed.stdout).replace("vary.resize", "vary.resise")).unwrap();
    let root = Fixture::get().path();
    let run = |plan: &str| expect(2, pcore(folder.path()).arg("study").arg(root).args(["--plan", plan]));
    assert!(text(&run("bad.toml").stderr).contains("resise"));
    assert!(text(&run("none.toml").stderr).contains("none.toml"));
    expect(2, pcore(folder.path()).arg("study"));
}
