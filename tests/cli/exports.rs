//! Results for other programs: what each of them finds is what the run left.

use crate::support::{Fixture, expect, pcore, text};
use pcore::Limits;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Rows, columns and the numbers of the marked pixels, row by row.
#[derive(Debug, PartialEq)]
struct Marked {
    size: (usize, usize),
    pixels: Vec<usize>,
}

/// The pixels of each image whose stored map exceeds the run's pixel threshold.
fn above(results: &Path) -> BTreeMap<String, Marked> {
    let run: Value = serde_json::from_slice(&fs::read(results.join("run.json")).unwrap()).unwrap();
    let threshold = run["pixel_threshold"].as_f64().unwrap() as f32;
    let lines = fs::read_to_string(results.join("results.jsonl")).unwrap();
    let of = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        let name = row["overlay"].as_str().unwrap().replacen("overlays/", "maps/", 1);
        let map = results.join(format!("{}.tiff", name.strip_suffix(".png").unwrap()));
        let map = pcore::image::read(&map, &Limits::default()).unwrap();
        // A part in 100,000 is the tolerance of every threshold.
        let is_above = |(_, value): &(usize, &f32)| **value > threshold + 1e-5 * threshold;
        let pixels = map.pixels().iter().enumerate().filter(is_above).map(|(at, _)| at).collect();
        (row["path"].as_str().unwrap().to_owned(), Marked { size: (map.height_px(), map.width_px()), pixels })
    };
    lines.lines().map(of).collect()
}

/// The union of the masks of each image, read by what COCO's format says and nothing of pcore's.
fn coco_masks(file: &Path) -> BTreeMap<String, Marked> {
    let coco: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let mut found = BTreeMap::new();
    for image in coco["images"].as_array().unwrap() {
        let size = ["height", "width"].map(|side| image[side].as_u64().unwrap() as usize);
        let mut pixels: Vec<usize> = vec![];
        let own = coco["annotations"].as_array().unwrap().iter().filter(|a| a["image_id"] == image["id"]);
        for annotation in own {
            assert_eq!(annotation["segmentation"]["size"], json!(size));
            let mut at = 0;
            let mut counts: Vec<i64> = vec![];
            let text = annotation["segmentation"]["counts"].as_str().unwrap().as_bytes();
            while at < text.len() {
                let (mut number, mut shift, mut byte) = (0i64, 0, 0x20);
                while byte & 0x20 != 0 {
                    byte = i64::from(text[at]) - 48;
                    number |= (byte & 0x1f) << shift;
                    (at, shift) = (at + 1, shift + 5);
                }
                number -= (byte & 0x10) >> 4 << shift;
                counts.push(number + if counts.len() > 2 { counts[counts.len() - 2] } else { 0 });
            }
            let (mut first, n_before) = (0, pixels.len());
            for (turn, count) in counts.into_iter().enumerate() {
                let range = first..first + count as usize;
                first = range.end;
                pixels.extend(range.filter(|_| turn % 2 == 1).map(|at| at % size[0] * size[1] + at / size[0]));
            }
            assert_eq!(
                (first, annotation["area"].as_u64()),
                (size[0] * size[1], Some((pixels.len() - n_before) as u64))
            );
        }
        pixels.sort_unstable();
        let path = image["file_name"].as_str().unwrap().to_owned();
        found.insert(path, Marked { size: (size[0], size[1]), pixels });
    }
    found
}

/// The same of the brushes of Label Studio.
fn brush_masks(file: &Path) -> BTreeMap<String, Marked> {
    let tasks: Vec<Value> = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let brush = |item: &Value| {
        let bytes: Vec<u8> = serde_json::from_value(item["value"]["rle"].clone()).unwrap();
        let mut bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| usize::from(byte >> bit & 1)));
        let mut take = |n: usize| (0..n).fold(0, |number, _| number << 1 | bits.next().unwrap());
        let (n, word) = (take(32), take(5) + 1);
        let sizes: Vec<usize> = (0..4).map(|_| take(4) + 1).collect();
        let mut values = vec![];
        while values.len() < n {
            assert_eq!(take(1), 1, "only runs are written");
            let length = sizes[take(2)];
            let length = take(length) + 1;
            let value = take(word);
            values.extend(std::iter::repeat_n(value, length));
        }
        let pixels: Vec<usize> = (0..n / 4).filter(|at| values[4 * at] == 255).collect();
        pixels
    };
    let of = |task: &Value| {
        let results = task["predictions"][0]["result"].as_array().unwrap();
        let side = |name: &str| results[0][name].as_u64().unwrap() as usize;
        let size = (side("original_height"), side("original_width"));
        let mut pixels: Vec<usize> = results.iter().filter(|r| r["type"] == "brushlabels").flat_map(brush).collect();
        pixels.sort_unstable();
        (task["data"]["path"].as_str().unwrap().to_owned(), Marked { size, pixels })
    };
    tasks.iter().map(of).collect()
}

fn export(fixture: &Fixture, results: &Path, format: &str, out: &Path) -> Value {
    let mut command = pcore(fixture.path());
    command.arg("export").arg(results).args(["--format", format, "--json", "--out"]).arg(out);
    serde_json::from_slice(&expect(0, &mut command).stdout).unwrap()
}

fn infer(fixture: &Fixture, out: &Path, more: &[&str]) {
    let mut command = pcore(fixture.path());
    command.args(["infer", "--bundle", ".pcore/C.pcore", "--out"]).arg(out).arg(fixture.test_folder()).args(more);
    expect(0, &mut command);
}

#[test]
fn masks_are_the_stored_maps_above_their_threshold_to_the_pixel_and_other_programs_read_them() {
    let (fixture, folder) = (Fixture::get(), TempDir::new().unwrap());
    let at = |name: &str| folder.path().join(name);
    infer(fixture, &at("run"), &["--maps", "tiff"]);
    let expected = above(&at("run"));
    assert!(expected.len() == 16 && expected.values().filter(|marked| !marked.pixels.is_empty()).count() >= 3);
    for format in ["coco", "label-studio", "parquet", "tensorboard"] {
        let done = export(fixture, &at("run"), format, &at(format));
        assert_eq!((&done["n_images"], &done["n_left_out"]), (&json!(16), &json!(0)));
        let files = done["files"].as_array().unwrap();
        assert!(!files.is_empty() && files.iter().all(|file| Path::new(file.as_str().unwrap()).is_file()));
    }
    assert_eq!(coco_masks(&at("coco/coco.json")), expected);
    assert_eq!(brush_masks(&at("label-studio/tasks.json")), expected);

    let masks: BTreeMap<_, _> =
        expected.iter().map(|(path, marked)| (path, json!({"pixels": marked.pixels}))).collect();
    fs::write(at("masks.json"), serde_json::to_vec(&masks).unwrap()).unwrap();
    let mut python = Command::new(std::env::var_os("PCORE_PYTHON").unwrap_or_else(|| "python3".into()));
    let reader = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/exports.py");
    python.arg(reader).args(["label-studio", "coco", "parquet", "tensorboard"].map(at)).arg(at("masks.json"));
    let Ok(output) = python.output() else {
        skipped!("no Python (PCORE_PYTHON names one) to read exports with the programs that they are for");
        return;
    };
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    for line in text(&output.stdout).lines() {
        if let Some(missing) = line.strip_prefix("missing ") {
            skipped!(
                "an export is not read by the program that it is for: {missing} (PCORE_PYTHON names another Python)"
            );
        }
    }
}

#[test]
fn without_maps_the_outlines_of_the_results_are_filled() {
    let (fixture, folder) = (Fixture::get(), TempDir::new().unwrap());
    let at = |name: &str| folder.path().join(name);
    infer(fixture, &at("run"), &["--maps", "tiff"]);
    let exact = above(&at("run"));
    // The maps of an earlier run into the same folder are not those of this one.
    infer(fixture, &at("run"), &[]);
    assert!(at("run/maps").is_dir());
    export(fixture, &at("run"), "coco", &at("coco"));
    let filled = coco_masks(&at("coco/coco.json"));
    let (mut n_both, mut n_one) = (0, 0);
    for (path, marked) in &filled {
        let both = marked.pixels.iter().filter(|pixel| exact[path].pixels.contains(pixel)).count();
        n_both += both;
        n_one += marked.pixels.len() + exact[path].pixels.len() - 2 * both;
    }
    // The network's pixels are smaller than those of these maps: they differ along the edges at most.
    assert!(n_both > 100 && n_one < n_both / 4, "{n_both} pixels in both, {n_one} in one");
}

#[test]
fn figures_and_fits_are_told_to_tensorboard() {
    let (fixture, folder) = (Fixture::get(), TempDir::new().unwrap());
    let at = |name: &str| folder.path().join(name);
    let mut eval = pcore(fixture.path());
    eval.args(["eval", ".", "--domain", "C", "--out"]).arg(at("figures")).arg("--tensorboard").arg(at("told"));
    expect(0, &mut eval);
    let mut fit = pcore(fixture.path());
    fit.args(["fit", "--normal", ".", "--domain", "C", "--quality", "fast", "--bundle"]).arg(at("a.pcore"));
    expect(0, fit.arg("--tensorboard").arg(at("fit")));
    export(fixture, &at("figures"), "tensorboard", &at("exported"));
    export(fixture, &at("a.pcore"), "tensorboard", &at("bundle"));
    let bytes = |folder: &str| {
        let files: Vec<_> = fs::read_dir(at(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(
            files.len() == 1 && files[0].file_name().unwrap().to_str().unwrap().starts_with("events.out.tfevents.")
        );
        fs::read(&files[0]).unwrap()
    };
    let has = |bytes: &[u8], tag: &str| bytes.windows(tag.len()).any(|window| window == tag.as_bytes());
    for (folder, tags) in [
        ("told", &["figures/image_AUROC", "condition/cold/recall", "scores/normal", "Missed defects/", "PNG"][..]),
        ("exported/figures", &["figures/image_AUROC", "defect/fault/AUPRO", "scores/anomalous"]),
        ("fit", &["fit/threshold", "fit/held_out_scores", "fit/detector_values", "fit/n_suspects_kept"]),
        ("bundle", &["fit/threshold", "fit/held_out_scores", "fit/detector_values", "fit/n_suspects_kept"]),
    ] {
        let bytes = bytes(folder);
        for tag in tags {
            assert!(has(&bytes, tag), "{folder}: {tag}");
        }
    }
}

#[test]
fn what_cannot_be_exported_is_said() {
    let (fixture, folder) = (Fixture::get(), TempDir::new().unwrap());
    let at = |name: &str| folder.path().join(name);
    infer(fixture, &at("run"), &["--maps", "tiff"]);
    let refused = |source: &Path, format: &str| {
        let mut command = pcore(fixture.path());
        command.arg("export").arg(source).args(["--format", format, "--out"]).arg(at("out"));
        text(&expect(2, &mut command).stderr)
    };
    let bundle = fixture.path().join(".pcore/C.pcore");
    assert!(refused(&bundle, "coco").contains("name the folder"));
    assert!(refused(&at("run"), "onnxdemo").contains("takes one bundle"));
    assert!(refused(&at("nowhere"), "csv").contains("run.json"));
    let lines = fs::read_to_string(at("run/results.jsonl")).unwrap();
    fs::write(at("run/results.jsonl"), lines.replacen("\"path\"", "\"path", 1)).unwrap();
    assert!(refused(&at("run"), "csv").contains("line 1 of results.jsonl"));
    fs::write(at("run/results.jsonl"), lines).unwrap();
    fs::remove_dir_all(at("run/maps")).unwrap();
    assert!(refused(&at("run"), "coco").contains("maps"));
    let run = fs::read_to_string(at("run/run.json")).unwrap().replace("\"complete\": true", "\"complete\": false");
    fs::write(at("run/run.json"), run).unwrap();
    assert!(refused(&at("run"), "csv").contains("did not come to its end"));
}
