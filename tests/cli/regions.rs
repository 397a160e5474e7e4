//! Regions in the results.

use crate::support::{Fixture, expect, pcore, rows, text};
use pcore::image::write_png_grey8;
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

/// The rows of a CSV file, each by the names of its columns.
fn csv_rows(path: &std::path::Path) -> Vec<std::collections::BTreeMap<String, String>> {
    csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect()
}

#[test]
fn csv_tells_of_the_first_region_of_the_list_that_json_has_and_failed_images_have_none() {
    let (fixture, out) = (Fixture::get(), TempDir::new().unwrap());
    let results = out.path().join("out");
    let torn = out.path().join("torn.png");
    fs::write(&torn, b"\x89PNG\r\n\x1a\n").unwrap();
    let run = |more: &[&str]| {
        let mut command = pcore(fixture.path());
        command.args(["infer", "--json", "--bundle", ".pcore/C.pcore", "--out"]).arg(&results);
        rows(&expect(3, command.arg(fixture.test_folder()).arg(&torn).args(more)))
    };
    let found = run(&[]);
    let lines = fs::read_to_string(results.join("results.jsonl")).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let table = csv_rows(&results.join("results.csv"));
    assert_eq!((lines.len(), table.len()), (17, 17));
    let (mut n_regions, mut n_without) = (0, 0);
    for (line, cells) in lines.iter().zip(&table) {
        let printed = found.values().find(|row| row["path"] == line["path"]).unwrap();
        assert_eq!(printed["regions"], line["regions"]);
        let first = |key: &str| match &line["regions"][0][key] {
            Value::Null => String::new(),
            number => number.to_string(),
        };
        for key in ["left", "top", "width", "height", "area", "peak"] {
            assert_eq!(cells[&format!("region_{key}")], first(key), "{line}");
        }
        match line["regions"].as_array() {
            Some(regions) => {
                assert_eq!(cells["n_regions"], regions.len().to_string());
                n_regions += regions.len();
                n_without += usize::from(regions.is_empty());
                assert!(regions.iter().all(|region| region["polygon"].as_array().unwrap().len() >= 4), "{line}");
            }
            None => assert!(cells["n_regions"].is_empty() && !cells["error"].is_empty(), "{line}"),
        }
    }
    assert!(n_regions >= 3 && n_without >= 4, "{n_regions} {n_without}");
    // The gearbox' maps have 31 x 95 pixels.
    let large = run(&["--min-area", "2946"]);
    assert!(large.values().all(|row| row["error"].is_string() || row["regions"] == serde_json::json!([])));
    assert_eq!(raw(&large), raw(&found));
    let refused = expect(2, pcore(fixture.path()).args(["infer", "x", "--min-area", "-1"]));
    assert!(text(&refused.stderr).contains("--min-area"), "{}", text(&refused.stderr));
}

fn raw(rows: &std::collections::BTreeMap<String, Value>) -> Vec<&Value> {
    rows.values().map(|row| &row["raw_score"]).collect()
}

#[test]
fn eval_has_the_same_columns_and_maps_by_local_density_have_no_regions() {
    let (fixture, out) = (Fixture::get(), TempDir::new().unwrap());
    let run = |name: &str, calibrate: &str| {
        let results = out.path().join(name);
        let mut command = pcore(fixture.path());
        command.args(["eval", ".", "--domain", "C", "--calibrate", calibrate, "--out"]).arg(&results);
        expect(0, &mut command);
        csv_rows(&results.join("results.csv"))
    };
    let total = |rows: &[std::collections::BTreeMap<String, String>]| {
        rows.iter().filter_map(|row| row["n_regions"].parse::<usize>().ok()).sum::<usize>()
    };
    assert!(total(&run("plain", "condition")) >= 3);
    assert!(run("density", "density").iter().all(|row| row["n_regions"].is_empty()));
}

#[test]
fn only_the_region_of_interest_is_learned_scored_and_measured() {
    let (fixture, out) = (Fixture::get(), TempDir::new().unwrap());
    // The maps have 31 x 95 pixels; the mask marks the upper third.
    let mask = out.path().join("upper.png");
    let bytes: Vec<u8> = (0..31 * 95).map(|i| if i < 10 * 95 { 255 } else { 0 }).collect();
    write_png_grey8(&mask, &bytes, 31, 95).unwrap();
    let bundle = out.path().join("roi.pcore");
    let mut fit = pcore(fixture.path());
    fit.args(["fit", "--normal", ".", "--domain", "C", "--roi", "10%,0%,60%,100%", "--roi", "0,0 94,0 47,31"]);
    let fitted = text(&expect(0, fit.arg("--ignore").arg(&mask).arg("--bundle").arg(&bundle)).stdout);
    assert!(fitted.contains("looked at    2 parts, without a mask of 31 x 95 pixels"), "{fitted}");
    let shown = text(&expect(0, pcore(fixture.path()).arg("inspect").arg(&bundle)).stdout);
    assert!(shown.contains("looked at    2 parts"), "{shown}");
    let results = out.path().join("out");
    let mut infer = pcore(fixture.path());
    infer.args(["infer", "--json", "--domain", "C", "--bundle"]).arg(&bundle).arg(fixture.test_folder());
    let found = rows(&expect(0, infer.arg("--out").arg(&results).args(["--maps", "tiff"])));
    for row in found.values() {
        for region in row["regions"].as_array().unwrap() {
            // A pixel of the map is less than one of the gearbox' maps.
            assert!(region["top"].as_u64().unwrap() >= 9, "{region}");
        }
    }
    let plain =
        rows(&expect(0, pcore(fixture.path()).args(["infer", "--json", "--domain", "C"]).arg(fixture.test_folder())));
    assert!(plain.iter().any(|(name, row)| row["raw_score"] != found[name]["raw_score"]));
    let mut eval = pcore(fixture.path());
    let figures = text(&expect(0, eval.args(["eval", ".", "--domain", "C", "--json", "--bundle"]).arg(&bundle)).stdout);
    let figures: Value = serde_json::from_str(&figures).unwrap();
    assert!(figures["pixel_AUROC"].is_number(), "{figures}");
}

#[test]
fn what_is_no_region_of_interest_is_refused_in_words_and_leaves_no_bundle() {
    let (fixture, out) = (Fixture::get(), TempDir::new().unwrap());
    let (black, square) = (out.path().join("black.png"), out.path().join("square.png"));
    write_png_grey8(&black, &[0; 31 * 95], 31, 95).unwrap();
    write_png_grey8(&square, &[255; 400], 20, 20).unwrap();
    let bundle = out.path().join("none.pcore");
    let refused = |arguments: &[&str]| {
        let mut fit = pcore(fixture.path());
        fit.args(["fit", "--normal", ".", "--domain", "C", "--bundle"]).arg(&bundle).args(arguments);
        text(&expect(2, &mut fit).stderr)
    };
    let cases: [(&[&str], &str); 8] = [
        (&["--roi", "0,0,96,10"], "--roi 0,0,96,10 reaches beyond the image, which has 95 x 31 pixels"),
        (&["--roi", "0,0 9,9"], "at least three points"),
        (&["--roi", "1,2,3"], "expected a rectangle"),
        (&["--ignore", "0,0,0,9"], "--ignore the rectangle 0,0,0,9 has no area"),
        (&["--ignore", black.to_str().unwrap()], "black.png marks no pixel"),
        (&["--roi", square.to_str().unwrap()], "square.png"),
        (&["--roi", "nowhere.png"], "nowhere.png"),
        (&["--ignore", "0%,0%,100%,100%"], "none of the 256 patches"),
    ];
    for (arguments, words) in cases {
        let said = refused(arguments);
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(!bundle.exists(), "{arguments:?}");
    }
}

#[test]
fn a_folder_of_masks_says_what_is_looked_at_of_each_image() {
    let folder = TempDir::new().unwrap();
    let counts = ["--train", "12", "--good", "2", "--fault", "2"];
    expect(0, pcore(folder.path()).args(["synth", "hdmap", "--out", "."]).args(counts));
    let data = folder.path().join("domain_C");
    // The upper 20 of 31 rows, of each image.
    let mask: Vec<u8> = (0..31 * 95).map(|at| if at / 95 < 20 { 255 } else { 0 }).collect();
    let write = |name: &str| {
        let path = folder.path().join("masks").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write_png_grey8(&path, &mask, 31, 95).unwrap();
    };
    (0..11).for_each(|i| write(&format!("{i:06}_mask.png")));
    let fit =
        ["fit", "--normal", "domain_C/train/good", "--roi-masks", "masks", "--quality", "fast", "--bundle", "a.pcore"];
    let refused = text(&expect(2, pcore(folder.path()).args(fit)).stderr);
    assert!(refused.contains("holds no mask for 1 of 12 images, the first of them 000011.tiff"), "{refused}");
    write("000011.png");
    expect(0, pcore(folder.path()).args(fit));
    let shown = text(&expect(0, pcore(folder.path()).args(["inspect", "a.pcore"])).stdout);
    assert!(shown.contains("looked at    what the mask of each image marks"), "{shown}");
    for folder in ["good", "fault"] {
        (0..2).for_each(|i| write(&format!("test/{folder}/{i:06}.png")));
    }
    let infer = |more: &[&str]| {
        let mut command = pcore(folder.path());
        expect(0, command.args(["infer", "domain_C", "--bundle", "a.pcore", "--json", "--out", "out"]).args(more))
    };
    assert!(data.is_dir());
    // Below the folder that was given, images lie in train as well.
    (0..12).for_each(|i| write(&format!("train/good/{i:06}.png")));
    let with = infer(&["--roi-masks", "masks"]);
    assert!(!text(&with.stderr).contains("--roi-masks"), "{}", text(&with.stderr));
    assert!(text(&infer(&[]).stderr).contains("without --roi-masks all of an image is judged"));
    let below = |row: &Value| {
        let regions = row["regions"].as_array().unwrap();
        regions.iter().all(|r| r["top"].as_u64().unwrap() + r["height"].as_u64().unwrap() <= 21)
    };
    assert!(rows(&with).values().all(below));
}
