//! Trainings that are set up in a file, recorded, killed and gone on with.

use crate::support::{expect, pcore, text};
use pcore::dataset::{LayoutHints, defects_as};
use pcore::image::{Limits, Mask, read_mask, write_png_grey8};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PLAN: &str = "steps = 30\nbatch = 32\nschedule = 'restarts:1'\nclip_norm = 1\nevaluate = 7\nwatch = 0.2\n\
[stop]\nfigure = 'watch'\npatience = 100\n[checkpoints]\nevery = 2\nbest = 1\n[record]\nevery = 1\n";
const N_HEADS: usize = 4;
const N_STEPS: usize = 30;

/// A fit of a head to the parts, without pasted faults: side of the network's input, and steps.
fn fit_to_parts(at: &Path, bundle: &str, [side, steps]: [&str; 2], more: &[&str]) -> Command {
    let mut command = pcore(at);
    command.args(["fit", "--normal", "parts/train/good", "--detector", "discriminative", "--faults", "none"]);
    command.args(["--image-size", side, "--steps", steps, "--alpha", "0.1", "--bundle", bundle]).args(more);
    command
}

/// Image and pixel AUROC of a bundle on the parts.
fn figures(at: &Path, bundle: &str) -> (f64, f64) {
    let eval = ["eval", "parts", "--bundle", bundle, "--json"];
    let found: Value = serde_json::from_slice(&expect(0, pcore(at).args(eval)).stdout).unwrap();
    (found["image_AUROC"].as_f64().unwrap(), found["pixel_AUROC"].as_f64().unwrap())
}

/// The rectangle around a mask: left, top, width, height.
fn around(mask: &Mask) -> [usize; 4] {
    let places = mask.values.iter().enumerate().filter(|(_, is_marked)| **is_marked);
    let (mut left, mut top, mut right, mut bottom) = (usize::MAX, usize::MAX, 0, 0);
    for (at, _) in places {
        let (y, x) = (at / mask.width_px, at % mask.width_px);
        (left, top, right, bottom) = (left.min(x), top.min(y), right.max(x), bottom.max(y));
    }
    [left, top, right + 1 - left, bottom + 1 - top]
}

/// The defects of `known` with masks that are rectangles in `masked`, and in `bare` with the rectangles alone in a table.
fn with_rectangles(at: &Path) {
    let mut table = String::from("path,left,top,width,height\n");
    for sample in defects_as(&at.join("known"), &LayoutHints::default()).unwrap().samples {
        let mask = read_mask(sample.mask.as_ref().unwrap(), &Limits::default()).unwrap();
        let (defect, name) = (sample.defect.unwrap(), sample.path.file_name().unwrap().to_str().unwrap().to_owned());
        let [left, top, width, height] = around(&mask);
        table += &format!("{defect}/{name},{left},{top},{width},{height}\n");
        let inside = |at: usize| {
            let (y, x) = (at / mask.width_px, at % mask.width_px);
            (top..top + height).contains(&y) && (left..left + width).contains(&x)
        };
        let drawn: Vec<u8> = (0..mask.values.len()).map(|at| u8::from(inside(at)) * 255).collect();
        let masks = at.join("masked/ground_truth").join(&defect);
        fs::create_dir_all(&masks).unwrap();
        write_png_grey8(&masks.join(&name), &drawn, mask.height_px, mask.width_px).unwrap();
        for side in ["bare", "masked"] {
            fs::create_dir_all(at.join(side).join(&defect)).unwrap();
            fs::copy(&sample.path, at.join(side).join(&defect).join(&name)).unwrap();
        }
    }
    fs::write(at.join("bare/boxes.csv"), &table).unwrap();
}

#[test]
fn rectangles_around_defects_teach_what_masks_of_them_do() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    for (out, seed, train) in [("parts", "1", "24"), ("known", "2", "0")] {
        let shape = ["synth", "part", "--size", "64", "--good", "8", "--train", train, "--each", "5"];
        expect(0, pcore(at).args(shape).args(["--out", out, "--seed", seed]));
    }
    with_rectangles(at);
    let fit = |bundle: &str, more: &[&str]| fit_to_parts(at, bundle, ["64", "40"], more);
    let scores = |bundle: &str| figures(at, bundle);
    expect(0, &mut fit("boxes.pcore", &["--defects", "bare", "--defect-boxes", "bare/boxes.csv"]));
    expect(0, &mut fit("masks.pcore", &["--defects", "masked"]));
    expect(0, &mut fit("neither.pcore", &["--defects", "bare"]));
    assert_eq!(scores("boxes.pcore"), scores("masks.pcore"));
    assert_ne!(scores("boxes.pcore"), scores("neither.pcore"));
    let wrong = |line: &str, words: &str| {
        fs::write(at.join("bare/boxes.csv"), format!("path,left,top,width,height\n{line}\n")).unwrap();
        let said = expect(2, &mut fit("x.pcore", &["--defects", "bare", "--defect-boxes", "bare/boxes.csv"]));
        let said = text(&said.stderr);
        assert!(said.contains(words) && !at.join("x.pcore").exists(), "{said}");
    };
    let first = fs::read_dir(at.join("bare/stain")).unwrap().next().unwrap().unwrap().file_name();
    let first = first.to_str().unwrap();
    let dot = format!("path,left,top,width,height\nstain/{first},1,1,1,1\n");
    fs::write(at.join("bare/boxes.csv"), dot).unwrap();
    let said = expect(0, &mut fit("dot.pcore", &["--defects", "bare", "--defect-boxes", "bare/boxes.csv"]));
    assert!(text(&said.stderr).contains("of 1 of 10 defective images nothing is learned as defective"));
    wrong("stain/none.png,1,1,2,2", "none.png is none of the 10 defective images");
    wrong(&format!("stain/{first},1,1,-2,2"), "line 2: width \"-2\" is no whole number of pixels");
    wrong(&format!("stain/{first},60,1,9,2"), "at column 60, row 1 is not inside the image of 64 x 64 pixels");
}

/// Small images and a plan.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let counts = ["--train", "24", "--good", "1", "--fault", "1", "--seed", "5"];
    expect(0, pcore(folder.path()).args(["synth", "hdmap", "--out", "."]).args(counts));
    fs::write(folder.path().join("plan.toml"), PLAN).unwrap();
    folder
}

/// A fit into `bundle`.
fn fit(folder: &Path, bundle: &str, more: &[&str]) -> Command {
    let mut command = pcore(folder);
    command.args(["fit", "--normal", "domain_C/train/good", "--detector", "discriminative", "--faults", "lines:h"]);
    command.args(["--versions", "2", "--image-size", "64", "--bundle", bundle]).args(more);
    command
}

const GOING_ON: [&str; 7] = ["--training", "plan.toml", "--checkpoints", "run", "--resume", "--record", "record"];

/// Whether a file of the folder of checkpoints has a name like this.
fn has(folder: &Path, is: impl Fn(&str) -> bool) -> bool {
    let entries = fs::read_dir(folder.join("run")).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| is(&entry.file_name().to_string_lossy()))
}

/// Goes on with the training and kills it as soon as `is_time`; says whether it had not ended by then.
fn killed(folder: &Path, is_time: impl Fn() -> bool) -> bool {
    let mut child = fit(folder, "parts.pcore", &GOING_ON).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while child.try_wait().unwrap().is_none() && !is_time() {
        sleep(Duration::from_micros(200));
    }
    let is_running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    is_running
}

#[test]
fn a_training_that_is_killed_again_and_again_gives_the_bundle_of_one_that_is_not() {
    let folder = folder();
    let folder = folder.path();
    expect(0, &mut fit(folder, "whole.pcore", &["--training", "plan.toml"]));
    let mut n_killed = 0;
    let mut kill = |is_time: &dyn Fn() -> bool| n_killed += usize::from(killed(folder, is_time));
    // In the first step, while a checkpoint is written, between heads, and at whatever moment.
    kill(&|| folder.join("record/training.csv").exists());
    kill(&|| has(folder, |name| name == "head-0.safetensors"));
    kill(&|| has(folder, |name| name.ends_with(".tmp")));
    kill(&|| has(folder, |name| name == "head-1.safetensors"));
    let checkpoint = || fs::metadata(folder.join("run/head-1.safetensors")).and_then(|found| found.modified()).ok();
    let before = checkpoint();
    kill(&|| checkpoint() != before);
    kill(&|| has(folder, |name| name.starts_with("head-2.step")));
    let begun = Instant::now();
    kill(&|| has(folder, |name| name == "head-3.safetensors") || begun.elapsed() > Duration::from_secs(120));
    assert!(n_killed >= 5, "only {n_killed} were killed before their end");
    assert!(!folder.join("parts.pcore").exists());
    // A disk without room ends one; what was there is whole.
    let last = || fs::read(folder.join("run/head-3.safetensors")).unwrap();
    let kept = last();
    let line = format!(
        "ulimit -f 8; exec {} fit --normal domain_C/train/good --detector discriminative --faults lines:h --versions 2 --image-size 64 --bundle parts.pcore {}",
        env!("CARGO_BIN_EXE_pcore"),
        GOING_ON.join(" ")
    );
    let full =
        expect(2, Command::new("sh").args(["-c", &line]).current_dir(folder).env("PCORE_HOME", folder.join(".pcore")));
    let said = text(&full.stderr);
    assert!(said.contains("can't be written") && said.contains("make room"), "{said}");
    assert!(kept == last());
    let done = expect(0, &mut fit(folder, "parts.pcore", &GOING_ON));
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    assert!(read("whole.pcore") == read("parts.pcore"), "another bundle: {}", text(&done.stderr));
    // A third time nothing is left to train.
    expect(0, &mut fit(folder, "parts.pcore", &GOING_ON));
    assert!(read("whole.pcore") == read("parts.pcore"));
    // Every step is in both tables once.
    let all: BTreeSet<(String, u64)> =
        (0..N_HEADS).flat_map(|head| (1..=N_STEPS as u64).map(move |step| (format!("head-{head}"), step))).collect();
    let csv = text(&read("record/training.csv"));
    let mut rows = csv::Reader::from_reader(csv.as_bytes());
    let rows: Vec<_> =
        rows.records().map(|row| row.unwrap()).map(|row| (row[0].to_owned(), row[1].parse().unwrap())).collect();
    assert_eq!((rows.len(), rows.into_iter().collect::<BTreeSet<_>>()), (all.len(), all.clone()));
    let json = text(&read("record/training.jsonl"));
    let rows: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let key = |row: &Value| (row["trained"].as_str().unwrap().to_owned(), row["step"].as_u64().unwrap());
    assert_eq!((rows.len(), rows.iter().map(key).collect::<BTreeSet<_>>()), (all.len(), all));
    assert!(
        rows.iter()
            .all(|row| row["watch"].is_number() == (row["step"].as_u64().unwrap() % 7 == 0 || row["step"] == 30))
    );
    let inspected = expect(0, pcore(folder).args(["inspect", "whole.pcore"]));
    assert!(text(&inspected.stdout).contains("restarts:1"), "{}", text(&inspected.stdout));
}

#[test]
fn checkpoints_and_plans_that_do_not_fit_are_refused_with_the_way_out() {
    let folder = folder();
    let folder = folder.path();
    let refused = |command: &mut Command, words: &[&str]| {
        let said = text(&expect(2, command).stderr);
        assert!(words.iter().all(|word| said.contains(word)) && !said.contains("panicked"), "{words:?}: {said}");
    };
    fs::write(folder.join("wrong.toml"), "steps = 5\nlearning_rate = 0.1\n").unwrap();
    refused(
        &mut fit(folder, "a.pcore", &["--training", "wrong.toml"]),
        &["wrong.toml", "line 2", "learning_rate", "`clip_norm`"],
    );
    fs::write(folder.join("range.toml"), "rate = 2\n").unwrap();
    refused(&mut fit(folder, "a.pcore", &["--training", "range.toml"]), &["rate 2", "at most 1"]);
    refused(&mut fit(folder, "a.pcore", &["--training", "missing.toml"]), &["missing.toml"]);
    refused(&mut fit(folder, "a.pcore", &["--resume"]), &["--checkpoints"]);
    for flag in ["--training", "--record", "--checkpoints"] {
        let mut command = pcore(folder);
        command.args(["fit", "--normal", "domain_C/train/good", flag, "plan.toml"]);
        refused(&mut command, &[flag, "trains nothing", "discriminative"]);
    }
    let short = |more: &[&str]| fit(folder, "a.pcore", &[&["--steps", "3", "--checkpoints", "run"], more].concat());
    // What is typed wins over the file.
    expect(0, &mut short(&["--training", "plan.toml"]));
    let inspected = expect(0, pcore(folder).args(["inspect", "a.pcore"]));
    assert!(text(&inspected.stdout).contains("at most 3 steps"), "{}", text(&inspected.stdout));
    refused(&mut short(&["--training", "plan.toml"]), &["head-0.safetensors", "--resume", "--checkpoints"]);
    for other in [&["--seed", "7"][..], &["--versions", "3"], &["--image-size", "32"]] {
        let mut command = pcore(folder);
        command.args(["fit", "--normal", "domain_C/train/good", "--detector", "discriminative", "--faults", "lines:h"]);
        let usual = ["--versions", "2", "--image-size", "64"];
        let kept = usual.chunks(2).filter(|pair| pair[0] != other[0]).flatten();
        command.args(kept).args(other).args(["--bundle", "b.pcore", "--steps", "3", "--training", "plan.toml"]);
        refused(
            command.args(["--checkpoints", "run", "--resume"]),
            &["head-0", "of another training", "--checkpoints"],
        );
    }
    // Another image.
    let image = fs::read_dir(folder.join("domain_C/train/good")).unwrap().next().unwrap().unwrap().path();
    fs::rename(&image, image.with_file_name("another.tiff")).unwrap();
    refused(&mut short(&["--training", "plan.toml", "--resume"]), &["of another training"]);
    fs::rename(image.with_file_name("another.tiff"), &image).unwrap();
    let path = folder.join("run/head-2.safetensors");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let words = ["head-2.safetensors", "can't be read", "remove it"];
    refused(&mut short(&["--training", "plan.toml", "--resume"]), &words);
    fs::remove_file(&path).unwrap();
    let before = fs::read(folder.join("a.pcore")).unwrap();
    // Checkpoints of its best evaluations are there, without the last: they are made again.
    expect(0, &mut short(&["--training", "plan.toml", "--resume"]));
    assert!(before == fs::read(folder.join("a.pcore")).unwrap());
}

#[test]
fn defects_are_learned_from_besides_and_one_among_the_normals_is_refused() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let synth = |out: &str, seed: &str, train: &str, each: &str| {
        let shape = ["synth", "part", "--size", "64", "--good", "10", "--train", train, "--each", each];
        expect(0, pcore(at).args(shape).args(["--out", out, "--seed", seed]));
    };
    synth("parts", "1", "24", "8");
    synth("known", "2", "0", "6");
    let fit = |bundle: &str, more: &[&str]| fit_to_parts(at, bundle, ["128", "150"], more);
    expect(0, &mut fit("without.pcore", &[]));
    let said = text(&expect(0, &mut fit("with.pcore", &["--defects", "known"])).stdout);
    assert!(said.contains("patches of 12 defective images"), "{said}");
    let figure = |bundle: &str| figures(at, bundle);
    let (without, with) = (figure("without.pcore"), figure("with.pcore"));
    assert!(with.0 >= without.0 && with.1 > without.1.max(0.9), "{with:?} with, {without:?} without");
    // The same without normal images beside them, which were not learned from: nothing else is told to the training.
    fs::rename(at.join("known/test/good"), at.join("good")).unwrap();
    expect(0, &mut fit("alone.pcore", &["--defects", "known/test"]));
    assert_eq!(figure("alone.pcore"), with);
    fs::rename(at.join("good"), at.join("known/test/good")).unwrap();
    // A bank learns nothing of them, and says so; together with a head it may.
    let bank = ["fit", "--normal", "parts/train/good", "--bundle", "x.pcore", "--defects", "known"];
    let refused = text(&expect(2, pcore(at).args(bank)).stderr);
    assert!(
        refused.contains("patchcore learns from normal images alone, not from --defects; discriminative does"),
        "{refused}"
    );
    fs::copy(at.join("parts/train/good/0003.png"), at.join("known/test/stain/zz.png")).unwrap();
    let leak = text(&expect(2, &mut fit("x.pcore", &["--defects", "known"])).stderr);
    assert!(leak.contains("zz.png is among the defective images and, as parts/train/good/0003.png"), "{leak}");
    assert!(!at.join("x.pcore").exists());
}
