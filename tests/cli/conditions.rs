//! Conditions at their edges: many, few, single, unseen and unknown ones.

use crate::support::{Fixture, expect, pcore, rows, text};
use pcore::bundle::{Contents, Manifest};
use pcore::dataset;
use pcore::detect::Options;
use pcore::image::{Limits, write_tiff_f32};
use pcore::infer::{Calibration, Inspector};
use pcore::model::OpenDevice;
use pcore::progress::Silent;
use pcore::train::{FitPlan, Holdout, PartPlan, fit};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;

const SMALL: [&str; 6] = ["--image-size", "64x64", "--coreset", "0.2", "--alpha", "0.1"];

/// A grey image of a level with a texture of its own.
fn image(path: &Path, level: f32, seed: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let noise = |i: u32| ((i.wrapping_add(seed * 7919)).wrapping_mul(2_654_435_761) >> 16) as f32 / 65536.0;
    // Each image has a level of its own, a little off.
    let own = level * (0.95 + 0.1 * noise(9_999_991));
    let pixels: Vec<f32> = (0..24 * 48).map(|i| own * (0.8 + 0.4 * noise(i))).collect();
    write_tiff_f32(path, &pixels, 24, 48).unwrap();
}

/// `(condition, level, images)`, in a folder each.
fn folders(root: &Path, conditions: &[(&str, f32, u32)]) {
    for (condition, level, n) in conditions {
        for i in 0..*n {
            image(&root.join(condition).join(format!("{i:02}.tiff")), *level, i + (level * 1000.0) as u32);
        }
    }
}

fn fit_in(folder: &Path, extra: &[&str]) -> Output {
    let args = [&["fit", "--normal", "train", "--bundle", "b.pcore"], &SMALL[..], extra].concat();
    expect(0, pcore(folder).args(args))
}

fn manifest(folder: &Path) -> Manifest {
    Contents::read(&folder.join("b.pcore")).unwrap().manifest
}

fn infer_in(folder: &Path, extra: &[&str]) -> BTreeMap<String, Value> {
    let found = rows(&expect(0, pcore(folder).args(["infer", "test", "--bundle", "b.pcore", "--json"]).args(extra)));
    for (name, row) in &found {
        for key in ["score", "raw_score", "threshold"] {
            assert!(row[key].is_number(), "{name} {key}: {row}");
        }
    }
    found
}

fn images_of(folder: &Path) -> BTreeMap<String, usize> {
    manifest(folder).conditions.into_iter().map(|c| (c.name, c.n_images)).collect()
}

#[test]
fn three_conditions_one_of_a_single_image_serve_under_every_policy_and_calibration() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    folders(&root.join("train"), &[("cold", 0.2, 12), ("warm", 0.5, 6), ("hot", 0.9, 1)]);
    folders(&root.join("test"), &[("cold", 0.2, 2), ("warm", 0.5, 2), ("hot", 0.9, 2)]);
    for gate in ["auto", "knn", "embedding"] {
        for score in ["max", "reweighted"] {
            fit_in(root, &["--conditions", "folder", "--gate", gate, "--image-score", score]);
            let manifest = manifest(root);
            let own: Vec<&String> = manifest.calibration.per_condition.keys().collect();
            assert_eq!(own, ["cold", "warm"], "a threshold of one score is none");
            assert_eq!(images_of(root), BTreeMap::from([("cold".into(), 12), ("hot".into(), 1), ("warm".into(), 6)]));
            for policy in ["mixed", "gated", "soft"] {
                for calibrate in ["condition", "global", "density"] {
                    let found = infer_in(root, &["--policy", policy, "--calibrate", calibrate]);
                    assert_eq!(found.len(), 6);
                    assert!(found.values().all(|row| row["raw_score"].as_f64().unwrap() >= 0.0));
                }
            }
        }
    }
    // The vote of one image is enough where nothing else is near.
    fit_in(root, &["--conditions", "folder", "--gate", "knn"]);
    for (name, row) in infer_in(root, &[]) {
        assert_eq!(row["condition"].as_str(), name.split('/').next(), "{row}");
    }
}

#[test]
fn one_two_and_three_references_serve_and_one_alone_has_no_threshold() {
    for n in 1..=3 {
        let folder = TempDir::new().unwrap();
        let root = folder.path();
        folders(&root.join("train"), &[("", 0.4, n)]);
        folders(&root.join("test"), &[("", 0.4, 2)]);
        for score in ["max", "reweighted", "top:0.1"] {
            let fit = ["--image-score", score];
            if n == 1 {
                let args = [&["fit", "--normal", "train", "--bundle", "b.pcore"], &SMALL[..], &fit].concat();
                let refused = text(&expect(2, pcore(root).args(args)).stderr);
                assert!(refused.contains("at least 2") && refused.contains("--threshold"), "{refused}");
                fit_in(root, &[&fit[..], &["--threshold", "1.5"]].concat());
            } else {
                fit_in(root, &fit);
                assert_eq!(manifest(root).calibration.global.n, n as usize);
            }
            for calibrate in ["condition", "global", "density"] {
                assert_eq!(infer_in(root, &["--calibrate", calibrate]).len(), 2);
            }
        }
    }
}

#[test]
fn a_coreset_of_two_rows_calibrates_the_images_it_can() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    folders(&root.join("train"), &[("", 0.4, 6)]);
    let mut options = Options::default();
    options.coreset = "2".parse().unwrap();
    let plan = FitPlan { parts: vec![PartPlan::new("patchcore", &options).unwrap()], ..FitPlan::default() };
    let listing = dataset::normals(&root.join("train"), None).unwrap();
    let fitted = fit(&listing.samples, &plan, &OpenDevice::cpu(), &Silent).unwrap();
    assert_eq!(fitted.calibrating.len(), fitted.contents.scores_under(0).len());
    assert!(fitted.contents.scores_under(0).iter().all(|s| s.is_finite()));
}

#[test]
fn shots_are_counted_per_condition_and_seeded() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    folders(&root.join("train"), &[("cold", 0.2, 9), ("warm", 0.6, 7), ("rare", 0.9, 2)]);
    let fit = |seed: &str| {
        fit_in(root, &["--conditions", "folder", "--shots", "3", "--seed", seed]);
        fs::read(root.join("b.pcore")).unwrap()
    };
    let first = fit("1");
    assert_eq!(images_of(root), BTreeMap::from([("cold".into(), 3), ("rare".into(), 2), ("warm".into(), 3)]));
    assert_eq!(manifest(root).calibration.global.n, 8);
    assert!(first == fit("1") && first != fit("2"));
    let only = Contents::read(&root.join("b.pcore")).unwrap();
    let used: std::collections::BTreeSet<u32> = only.tensors.indices("row_source").iter().copied().collect();
    assert!(used.len() <= 8);
}

#[test]
fn listed_references_make_the_bank() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    folders(&root.join("train"), &[("cold", 0.2, 6), ("warm", 0.6, 6)]);
    fs::write(root.join("list.txt"), "# the lab's choice\ntrain/cold/02.tiff\ntrain/cold/04.tiff\nwarm/05.tiff\n")
        .unwrap();
    for holdout in ["auto", "0.5"] {
        fit_in(root, &["--conditions", "folder", "--shots-list", "list.txt", "--holdout", holdout]);
        assert_eq!(images_of(root), BTreeMap::from([("cold".into(), 2), ("warm".into(), 1)]));
        let found = Contents::read(&root.join("b.pcore")).unwrap();
        let sources = &found.manifest.sources;
        let used: std::collections::BTreeSet<&str> =
            found.tensors.indices("row_source").iter().map(|s| sources[*s as usize].as_str()).collect();
        assert!(used.iter().all(|name| ["cold/02.tiff", "cold/04.tiff", "warm/05.tiff"].contains(name)), "{used:?}");
        assert_eq!(found.manifest.calibration.global.n, if holdout == "auto" { 3 } else { 6 });
    }
    fs::write(root.join("list.txt"), "train/cold/02.tiff\ntrain/cold/99.tiff\n").unwrap();
    let args = ["fit", "--normal", "train", "--bundle", "c.pcore", "--shots-list", "list.txt"];
    assert!(text(&expect(2, pcore(root).args(args)).stderr).contains("line 2"));
}

#[test]
fn a_condition_never_seen_is_unknown_and_judged_among_all() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    folders(&root.join("train"), &[("cold", 0.2, 10), ("warm", 0.5, 10)]);
    folders(&root.join("test"), &[("cold", 0.2, 1), ("hot", 0.9, 1)]);
    fs::write(root.join("table.csv"), "path,condition\ntest/cold/00.tiff,cold\ntest/hot/00.tiff,hot\n").unwrap();
    fit_in(root, &["--conditions", "folder"]);
    let args = ["infer", "test", "--bundle", "b.pcore", "--json", "--conditions", "table.csv"];
    let output = expect(0, pcore(root).args(args));
    assert!(text(&output.stderr).contains("hot"), "{}", text(&output.stderr));
    let found = rows(&output);
    assert_eq!(found["cold/00.tiff"]["condition"], "cold");
    let hot = &found["hot/00.tiff"];
    assert_eq!(
        (&hot["condition"], &hot["unknown_condition"], &hot["gate_confidence"]),
        (&Value::Null, &true.into(), &0.0.into())
    );
    let mixed = infer_in(root, &["--policy", "mixed", "--calibrate", "global"]);
    for key in ["score", "raw_score", "threshold"] {
        assert_eq!(hot[key], mixed["hot/00.tiff"][key], "{key}");
    }
}

#[test]
fn a_limit_with_images_on_one_side_only_serves() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    folders(&root.join("train"), &[("", 0.2, 10)]);
    folders(&root.join("test"), &[("", 0.2, 1), ("near", 0.31, 1), ("warm", 0.9, 1)]);
    fit_in(root, &["--conditions", "p90:0.3"]);
    assert_eq!(images_of(root), BTreeMap::from([("cold".into(), 10), ("warm".into(), 0)]));
    for policy in ["mixed", "gated", "soft"] {
        let found = infer_in(root, &["--policy", policy]);
        assert_eq!(found["test/00.tiff"]["condition"], "cold");
        assert_eq!(
            (&found["warm/00.tiff"]["condition"], &found["warm/00.tiff"]["unknown_condition"]),
            (&Value::Null, &true.into())
        );
    }
}

#[test]
fn an_image_far_from_all_conditions_is_flagged_wherever_it_is_told() {
    let fixture = Fixture::get();
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("test")).unwrap();
    write_tiff_f32(&root.join("test/dark.tiff"), &[-1.0; 31 * 95], 31, 95).unwrap();
    write_tiff_f32(&root.join("test/glare.tiff"), &[5.0; 31 * 95], 31, 95).unwrap();
    fs::copy(fixture.test_folder().join("good/000000.tiff"), root.join("test/good.tiff")).unwrap();
    fs::copy(fixture.path().join(".pcore/C.pcore"), root.join("b.pcore")).unwrap();
    let found = infer_in(root, &["--out", "out"]);
    for (name, unknown) in [("dark", true), ("glare", true), ("good", false)] {
        let row = &found[&format!("test/{name}.tiff")];
        assert_eq!((&row["unknown_condition"], row["condition"].is_null()), (&unknown.into(), unknown), "{row}");
    }
    let mut csv = csv::Reader::from_path(root.join("out/results.csv")).unwrap();
    let column = csv.headers().unwrap().iter().position(|name| name == "unknown_condition").unwrap();
    let unknown: Vec<String> = csv.records().map(|row| row.unwrap()[column].to_owned()).collect();
    assert_eq!(unknown, ["true", "true", "false"], "dark, glare, good");
    assert_eq!(
        fs::read_to_string(root.join("out/report.html")).unwrap().matches("<td><em>unknown</em></td>").count(),
        2
    );
    let people = text(&expect(0, pcore(root).args(["infer", "test", "--bundle", "b.pcore"])).stdout);
    assert_eq!(people.matches("unknown").count(), 2, "{people}");
}

#[test]
fn no_fault_of_the_simulated_gearbox_is_of_unknown_condition() {
    let fixture = Fixture::get();
    for gate in ["p90", "knn", "embedding"] {
        let bundle = format!("unknown-{gate}.pcore");
        let home = TempDir::new().unwrap();
        let fit = ["fit", "--domain", "C", "--normal", ".", "--conditions", "p90", "--gate", gate, "--bundle", &bundle];
        expect(0, pcore(fixture.path()).args(fit).env("PCORE_HOME", home.path()));
        let infer = ["infer", "domain_C/test", "--json", "--bundle", &bundle];
        let found = rows(&expect(0, pcore(fixture.path()).args(infer).env("PCORE_HOME", home.path())));
        assert_eq!(found.len(), 16);
        for (name, row) in found {
            assert_eq!(row["unknown_condition"], false, "{gate} {name}: {row}");
        }
    }
}

#[test]
fn held_out_images_score_by_density_as_they_did_at_fit_time() {
    let fixture = Fixture::get();
    let listing = dataset::normals(fixture.path(), Some("C")).unwrap();
    let plan = FitPlan { holdout: Holdout::Share(0.25), conditions: "p90".parse().unwrap(), ..FitPlan::default() };
    let cpu = OpenDevice::cpu();
    let fitted = fit(&listing.samples, &plan, &cpu, &Silent).unwrap();
    let (n, views) = (fitted.calibrating.len(), fitted.contents.manifest.calibration.views.clone());
    assert_eq!((views.len(), fitted.contents.scores.len()), (6, 6 * n));
    let mut inspector =
        Inspector::open(Contents::from_bytes(&fitted.contents.to_bytes().unwrap()).unwrap(), &cpu).unwrap();
    let mut n_changed = 0;
    let stored = fitted.contents.scores.chunks_exact(n);
    for (policy, stored) in views.iter().zip(stored).filter_map(|(view, s)| Some((view.strip_prefix("density:")?, s))) {
        inspector.set_policy(policy.parse().unwrap()).unwrap();
        for (name, expected) in fitted.calibrating.iter().zip(stored) {
            let sample = listing.samples.iter().find(|s| s.name == *name).unwrap();
            let image = pcore::image::read(&sample.path, &Limits::default()).unwrap();
            let found = &inspector.inspect(&[&image], &[], Calibration::Density).unwrap()[0];
            assert_eq!(found.raw_score.to_bits(), expected.to_bits(), "{policy} {name}");
            let plain = inspector.inspect(&[&image], &[], Calibration::Global).unwrap()[0].raw_score;
            n_changed += usize::from(plain.to_bits() != expected.to_bits());
        }
    }
    assert!(n_changed > n, "the density changes {n_changed} scores");
}

#[test]
fn a_bundle_without_densities_refuses_to_be_calibrated_by_them() {
    let fixture = Fixture::get();
    let folder = TempDir::new().unwrap();
    let mut contents = Contents::read(&fixture.path().join(".pcore/C.pcore")).unwrap();
    contents.manifest.calibration.views.retain(|view| !view.starts_with("density:"));
    contents.scores.truncate(contents.scores.len() / 2);
    contents.write(&folder.path().join("b.pcore")).unwrap();
    let image = fixture.test_folder().join("good/000000.tiff");
    let infer = |extra: &[&str], code| {
        let image = image.to_str().unwrap();
        let args = [&["infer", image, "--bundle", "b.pcore"], extra].concat();
        expect(code, pcore(folder.path()).args(args))
    };
    infer(&[], 0);
    assert!(text(&infer(&["--calibrate", "density"], 2).stderr).contains("fit again"));
}

#[test]
fn groups_of_a_table_and_of_folders_count_once_each() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    folders(&root.join("train"), &[("a", 0.39, 4), ("b", 0.4, 4), ("c", 0.41, 4)]);
    let names = ["a", "b", "c"].iter().flat_map(|of| (0..4).map(move |i| (of, i)));
    let lines: String = names.map(|(of, i)| format!("train/{of}/{i:02}.tiff,{of}{}\n", i / 2)).collect();
    fs::write(root.join("groups.csv"), format!("path,group\n{lines}")).unwrap();
    for (rule, n_groups) in [("groups.csv", 6), ("folder", 3)] {
        let said = text(&fit_in(root, &["--group", rule]).stdout);
        let calibration = manifest(root).calibration;
        let groups = calibration.groups.unwrap();
        assert_eq!((groups.n_groups, groups.n_images, calibration.global.n), (n_groups, 12, n_groups), "{rule}");
        assert!(said.contains(&format!("{n_groups} of 12 images")) && groups.rule.contains(rule), "{said}");
    }
}

#[test]
fn a_table_that_names_no_image_or_has_no_header_is_refused_by_infer_and_eval() {
    let fixture = Fixture::get();
    let folder = TempDir::new().unwrap();
    let table = folder.path().join("table.csv");
    let table_text = table.display().to_string();
    let bad = [
        ("path,condition\nelsewhere/a.tiff,cold\n", "names none of"),
        ("file,state\na.tiff,cold\n", "condition"),
        ("path,condition\n", "table.csv"),
        ("path,condition\na.tiff,\n", "must not be empty"),
    ];
    for (contents, why) in bad {
        fs::write(&table, contents).unwrap();
        for verb in [["infer", "domain_C/test"], ["eval", "domain_C"]] {
            let mut command = pcore(fixture.path());
            let refused = expect(2, command.args(verb).args(["--conditions", &table_text]));
            let errors = text(&refused.stderr);
            assert!(errors.contains("table.csv") && errors.contains(why), "{verb:?} {contents:?}: {errors}");
            assert!(refused.stdout.is_empty() && !errors.contains("inspecting"), "{verb:?}: {errors}");
        }
    }
}
