//! Several products in one bundle.

use crate::support::{expect, pcore, rows, text};
use pcore::image::write_tiff_f32;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;

const SIDE: usize = 64;
const PRODUCTS: [&str; 3] = ["checks", "noise", "stripes"];
const N_TRAIN: u32 = 20;
const N_GOOD: u32 = 4;
const N_BAD: u32 = 4;

/// The texture of a product, a little different in each image; with a blot in the middle where it is faulty.
fn image(path: &Path, product: &str, seed: u32, is_faulty: bool) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let noise = |i: usize| {
        let mixed = (i as u32).wrapping_add(seed.wrapping_mul(7919)).wrapping_mul(2_654_435_761);
        (mixed >> 16) as f32 / 65536.0
    };
    let shift = seed as usize % 8;
    // Each image is a little brighter or darker, so that a blot is not beyond all that a product looks like.
    let level = 0.1 * noise(77_777);
    let pixel = |i: usize| {
        let (y, x) = (i / SIDE, i % SIDE);
        let texture = match product {
            "checks" => 0.2 + 0.6 * (((y + shift) / 8 + x / 8) % 2) as f32,
            "stripes" => 0.3 + 0.5 * ((x + shift) / 3 % 2) as f32,
            _ => 0.25 + 0.5 * noise(i),
        };
        let is_blot = is_faulty && (26..38).contains(&y) && (26..38).contains(&x);
        if is_blot { 1.0 } else { texture + level + 0.05 * noise(i + 9_999) }
    };
    write_tiff_f32(path, &(0..SIDE * SIDE).map(pixel).collect::<Vec<f32>>(), SIDE, SIDE).unwrap();
}

/// Three products, and a folder beside them that is none.
fn tree() -> TempDir {
    let folder = TempDir::new().unwrap();
    for (at, product) in PRODUCTS.into_iter().enumerate() {
        let root = folder.path().join("data").join(product);
        let first = 100 * at as u32;
        for (part, n, offset, is_faulty) in
            [("train/good", N_TRAIN, 0, false), ("test/good", N_GOOD, 40, false), ("test/blot", N_BAD, 60, true)]
        {
            for i in 0..n {
                image(&root.join(part).join(format!("{i:02}.tiff")), product, first + offset + i, is_faulty);
            }
        }
    }
    fs::create_dir_all(folder.path().join("data/drawings")).unwrap();
    folder
}

const FIT: [&str; 8] = ["fit", "--image-size", "64x64", "--coreset", "0.2", "--bundle", "b.pcore", "--device=cpu"];

fn fit_in(folder: &Path, extra: &[&str]) -> Output {
    expect(0, pcore(folder).args(FIT).args(["--normal", "data", "--alpha", "0.1"]).args(extra))
}

fn eval_in(folder: &Path, extra: &[&str]) -> Output {
    expect(0, pcore(folder).args(["eval", "data", "--bundle", "b.pcore", "--device=cpu"]).args(extra))
}

fn figures(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn without_conditions_several_products_are_refused_with_the_ways_out() {
    let folder = tree();
    let refused = text(&expect(2, pcore(folder.path()).args(FIT).args(["--normal", "data"])).stderr);
    for expected in ["3 products (checks, noise, stripes)", "--conditions folder", "the folder of one product"] {
        assert!(refused.contains(expected), "{expected} in\n{refused}");
    }
    assert!(!folder.path().join("b.pcore").exists());
    let refused = text(&expect(2, pcore(folder.path()).args(["study", "data"])).stderr);
    assert!(refused.contains("data holds several products") && refused.contains("--conditions folder"), "{refused}");
    expect(0, pcore(folder.path()).args(FIT).args(["--normal", "data/noise", "--alpha", "0.1"]));
}

#[test]
fn one_bundle_of_either_detector_serves_all_products_and_tells_them_apart() {
    let folder = tree();
    for detector in ["patchcore", "gaussian"] {
        let fitted = fit_in(folder.path(), &["--conditions", "folder", "--detector", detector]);
        assert!(text(&fitted.stderr).contains("layout: product tree (3 products), 60 normal images of data"));
        assert!(text(&fitted.stderr).contains("drawings"));
        let output = eval_in(folder.path(), &["--json"]);
        assert!(text(&output.stderr).contains("the bundle's gate tells the product of each image"));
        let found = figures(&output);
        let names: Vec<&String> = found["per_condition"].as_object().unwrap().keys().collect();
        assert_eq!(names, PRODUCTS, "{detector}");
        let each = |key: &str| PRODUCTS.map(|product| found["per_condition"][product][key].as_f64().unwrap());
        assert_eq!(each("n_normal"), [f64::from(N_GOOD); 3]);
        assert_eq!(each("n_anomalous"), [f64::from(N_BAD); 3]);
        for key in ["image_AUROC", "image_AP", "accuracy", "recall", "false_alarm_rate"] {
            let mean = each(key).iter().sum::<f64>() / 3.0;
            let of_conditions = found["mean_of_conditions"][key].as_f64().unwrap();
            assert!((of_conditions - mean).abs() < 1e-12, "{detector} {key}: {of_conditions} {mean}");
        }
        assert!(found["mean_of_conditions"]["image_AUROC"].as_f64().unwrap() > 0.9, "{detector}: {found}");
        assert_eq!(found["per_defect"].as_object().unwrap().len(), 3, "each product has a blot of its own");

        let gate = &found["gate"];
        assert_eq!(gate["n_images"], 24);
        for product in PRODUCTS {
            let counts = &gate["confusion"][product];
            let told: u64 = counts["told"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
            let mut others = PRODUCTS.iter().filter(|other| **other != product);
            assert!(others.all(|other| counts["told"].get(other).is_none()), "{detector}: {gate}");
            assert_eq!(told + counts["abstained"].as_u64().unwrap() + counts["unknown"].as_u64().unwrap(), 8);
        }
        assert!(gate["n_right"].as_u64().unwrap() >= 20, "{detector}: {gate}");

        let printed = text(&eval_in(folder.path(), &["--out", "out"]).stdout);
        let right = format!("condition told by the gate: {} of 24 right", gate["n_right"]);
        assert!(printed.contains(&right) && printed.contains("  mean, unweighted"), "{printed}");
        let page = fs::read_to_string(folder.path().join("out/report.html")).unwrap();
        assert!(page.contains("Conditions told by the gate") && page.contains("Mean, unweighted"));
        let written = fs::read_to_string(folder.path().join("out/evaluation.json")).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), found);
    }
}

#[test]
fn an_image_alone_is_inspected_under_the_product_that_the_gate_tells() {
    let folder = tree();
    for detector in ["patchcore", "gaussian"] {
        fit_in(folder.path(), &["--conditions", "folder", "--detector", detector]);
        for product in PRODUCTS {
            let somewhere = folder.path().join("elsewhere.tiff");
            fs::copy(folder.path().join(format!("data/{product}/test/good/00.tiff")), &somewhere).unwrap();
            let args = ["infer", "elsewhere.tiff", "--bundle", "b.pcore", "--json", "--device=cpu"];
            let found = rows(&expect(0, pcore(folder.path()).args(args)));
            let row = found.values().next().unwrap();
            assert_eq!((found.len(), row["condition"].as_str()), (1, Some(product)), "{detector}: {row}");
        }
    }
}

#[test]
fn oracle_takes_the_folders_product_and_then_the_gate_is_not_measured() {
    let folder = tree();
    fit_in(folder.path(), &["--conditions", "folder"]);
    // Images of checks lie in the folder of noise.
    let swapped = folder.path().join("data/noise/test/good");
    for entry in fs::read_dir(&swapped).unwrap() {
        let file = entry.unwrap().path();
        fs::copy(folder.path().join("data/checks/test/good").join(file.file_name().unwrap()), &file).unwrap();
    }
    let conditions = |gate: &str| {
        let args = ["--gate", gate, "--out", "out", "--json"];
        let found = figures(&eval_in(folder.path(), &args));
        let lines = fs::read_to_string(folder.path().join("out/results.jsonl")).unwrap();
        let rows = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let is_swapped = |row: &Value| row["path"].as_str().unwrap().replace('\\', "/").contains("noise/test/good");
        let told: Vec<String> =
            rows.filter(is_swapped).map(|row| row["condition"].as_str().unwrap_or("").to_owned()).collect();
        (found, told)
    };
    let (by_gate, told) = conditions("auto");
    assert_eq!(told, ["checks"; N_GOOD as usize]);
    assert_eq!(by_gate["gate"]["confusion"]["noise"]["told"]["checks"], N_GOOD);
    assert_eq!(by_gate["per_condition"]["noise"]["n_normal"], N_GOOD, "figures are those of the true product");
    let (by_folder, told) = conditions("oracle");
    assert_eq!(told, ["noise"; N_GOOD as usize]);
    assert!(by_folder.get("gate").is_none());
    assert!(by_folder["mean_of_conditions"]["image_AUROC"].is_number());
}

#[test]
fn folders_inside_good_are_conditions_of_their_product() {
    let folder = tree();
    let good = folder.path().join("data/noise/train/good");
    for (name, range) in [("day", 0..6), ("night", 6..20)] {
        fs::create_dir_all(good.join(name)).unwrap();
        for i in range {
            let file = format!("{i:02}.tiff");
            fs::rename(good.join(&file), good.join(name).join(file)).unwrap();
        }
    }
    let fitted = fit_in(folder.path(), &["--conditions", "folder", "--json"]);
    let manifest = &figures(&fitted)["manifest"];
    let names: Vec<&str> =
        manifest["conditions"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["checks", "noise/day", "noise/night", "stripes"]);
    let found = figures(&eval_in(folder.path(), &["--json"]));
    let names: Vec<&String> = found["per_condition"].as_object().unwrap().keys().collect();
    assert_eq!(names, PRODUCTS);
    let told: Vec<&String> = found["gate"]["confusion"]["checks"]["told"].as_object().unwrap().keys().collect();
    assert_eq!(told, ["checks"]);
}
