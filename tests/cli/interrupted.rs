//! Whatever ends a run, what it had done is there, and what was there before is whole.

use crate::support::{expect, pcore, text};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

mod kills;
mod updates;

/// Images that `infer` and `eval` look at.
const N_IMAGES: usize = 60;
const FIT: [&str; 9] =
    ["fit", "--normal", "domain_C/train/good", "--image-size", "32", "--coreset", "20", "--bundle", "b.pcore"];

/// Small images, and a bundle.
fn parts() -> TempDir {
    let folder = TempDir::new().unwrap();
    let counts = ["--train", "24", "--good", "30", "--fault", "30", "--seed", "5"];
    expect(0, pcore(folder.path()).args(["synth", "hdmap", "--out", "."]).args(counts));
    expect(0, pcore(folder.path()).args(FIT));
    folder
}

fn infer(folder: &Path) -> Command {
    let mut command = pcore(folder);
    command.args(["infer", "domain_C/test", "--bundle", "b.pcore", "--batch", "2", "--out", "out", "--json"]);
    command
}

fn eval(folder: &Path) -> Command {
    let mut command = pcore(folder);
    command.args(["eval", "domain_C", "--bundle", "b.pcore", "--batch", "2", "--out", "out", "--json"]);
    command
}

/// Whole rows of a CSV file without its header, none where there is no file; a row that is not whole is a failure.
fn rows(path: &Path) -> usize {
    let Ok(bytes) = fs::read(path) else { return 0 };
    assert!(bytes.is_empty() || bytes.ends_with(b"\n"), "{} ends within a row", path.display());
    let records = csv::Reader::from_reader(&*bytes).into_records().map(|record| record.unwrap());
    records.filter(|record| record.get(0).unwrap().ends_with(".tiff")).count()
}

/// Files left behind in a folder and below it.
fn leftovers(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_string_lossy().into_owned();
        if entry.is_dir() {
            found.extend(leftovers(&entry));
        } else if name.ends_with(".tmp") || name.ends_with(".partial") || name.ends_with(".part") {
            found.push(entry);
        }
    }
    found
}

#[test]
fn full_outputs_and_readers_that_leave_lose_nothing() {
    let folder = parts();
    let folder = folder.path();
    let shell = |rest: &str| {
        let line = format!("{} infer domain_C/test --bundle b.pcore --out out {rest}", env!("CARGO_BIN_EXE_pcore"));
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).current_dir(folder);
        shell
    };
    // A full stderr silences pcore, nothing more.
    let silent = expect(0, &mut shell("2> /dev/full"));
    assert_eq!(silent.stdout.iter().filter(|byte| **byte == b'\n').count(), N_IMAGES);
    // A full stdout ends it; the rows are kept.
    fs::remove_dir_all(folder.join("out")).unwrap();
    let full = expect(2, &mut shell("> /dev/full"));
    assert!(text(&full.stderr).contains("stopped after 1 of 60 images"), "{}", text(&full.stderr));
    assert_eq!((rows(&folder.join("out/results.csv.partial")), folder.join("out/results.csv").exists()), (1, false));
    // As does a disk without room; here the largest file allowed is 2 KiB.
    fs::remove_dir_all(folder.join("out")).unwrap();
    let limit = "ulimit -f 4; exec \"$0\" infer domain_C/test --bundle b.pcore --out out";
    let limited =
        Command::new("sh").args(["-c", limit, env!("CARGO_BIN_EXE_pcore")]).current_dir(folder).output().unwrap();
    assert_eq!(limited.status.code(), Some(2), "{}", text(&limited.stderr));
    rows(&folder.join("out/results.csv.partial"));
    assert!(text(&limited.stderr).contains("File too large"), "{}", text(&limited.stderr));
    // A reader that leaves after one line does not hide the anomalies.
    let mut command = infer(folder);
    let mut child = command.arg("--fail-on-anomaly").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("{\"path"), "{line}");
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(rows(&folder.join("out/results.csv")), N_IMAGES);
}

#[test]
fn links_in_the_folder_of_results_are_not_followed() {
    let folder = parts();
    let folder = folder.path();
    let outside = TempDir::new().unwrap();
    let victim = outside.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    fs::create_dir(folder.join("out")).unwrap();
    for name in ["results.csv", "results.csv.partial", "results.jsonl", "run.json", "report.html"] {
        symlink(&victim, folder.join("out").join(name)).unwrap();
    }
    expect(0, &mut infer(folder));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert_eq!(rows(&folder.join("out/results.csv")), N_IMAGES);
    fs::remove_dir_all(folder.join("out/overlays")).unwrap();
    symlink(outside.path(), folder.join("out/overlays")).unwrap();
    let refused = expect(3, &mut infer(folder));
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    assert!(text(&refused.stdout).contains("symbolic link"), "{}", text(&refused.stdout));
    assert!(text(&refused.stderr).contains("60 without pictures"), "{}", text(&refused.stderr));
    fs::create_dir(folder.join("study")).unwrap();
    symlink(&victim, folder.join("study/runs.jsonl")).unwrap();
    let study = expect(2, pcore(folder).args(["study", ".", "--domain", "C", "--out", "study"]));
    assert!(text(&study.stderr).contains("runs.jsonl is a symbolic link"), "{}", text(&study.stderr));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn pictures_have_places_whatever_the_names() {
    let folder = parts();
    let folder = folder.path();
    let image = folder.join("domain_C/test/good");
    let image = fs::read_dir(image).unwrap().next().unwrap().unwrap().path();
    let long = format!("{}.tiff", "n".repeat(245));
    for name in ["x.tiff", "x.tiff.png/y.tiff", long.as_str(), "A.tiff", "a.tiff"] {
        let path = folder.join("odd").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(&image, path).unwrap();
    }
    expect(0, pcore(folder).args(["infer", "odd", "--bundle", "b.pcore", "--out", "out", "--maps", "tiff"]));
    let mut places: Vec<String> = csv::Reader::from_path(folder.join("out/results.csv"))
        .unwrap()
        .into_records()
        .map(|record| record.unwrap().get(10).unwrap().to_lowercase())
        .collect();
    assert_eq!(places.len(), 5);
    places.sort();
    places.dedup();
    assert_eq!(places.len(), 5, "{places:?}");
    let csv = fs::read_to_string(folder.join("out/results.csv")).unwrap();
    let drawn = csv::Reader::from_reader(csv.as_bytes()).into_records();
    assert_eq!(drawn.filter(|record| folder.join("out").join(&record.as_ref().unwrap()[10]).is_file()).count(), 5);
}

#[test]
fn what_can_not_be_written_is_said_before_the_work() {
    let folder = parts();
    let folder = folder.path();
    fs::write(folder.join("notes.txt"), "not a bundle").unwrap();
    let fit = |bundle: &str, code: i32| {
        let mut command = pcore(folder);
        text(&expect(code, command.args(&FIT[..FIT.len() - 1]).arg(bundle)).stderr)
    };
    let refused = fit("notes.txt", 2);
    assert!(refused.contains("is no bundle and is not overwritten") && !refused.contains("fitting on"), "{refused}");
    assert_eq!(fs::read_to_string(folder.join("notes.txt")).unwrap(), "not a bundle");
    let import = expect(2, pcore(folder).args(["import", ".", "--bundle", "notes.txt"]));
    assert!(text(&import.stderr).contains("is no bundle and is not overwritten"), "{}", text(&import.stderr));
    // An empty file, as mktemp makes them, is nobody's.
    fs::write(folder.join("empty"), "").unwrap();
    fit("empty", 0);
    let file = expect(2, pcore(folder).args(["infer", "domain_C/test", "--bundle", "b.pcore", "--out", "notes.txt"]));
    assert!(text(&file.stderr).contains("notes.txt is no folder; choose another place"), "{}", text(&file.stderr));
    assert!(file.stdout.is_empty() && !text(&file.stderr).contains("inspecting"), "{}", text(&file.stderr));
    assert_eq!(fs::read_to_string(folder.join("notes.txt")).unwrap(), "not a bundle");
    // A home that can't be made costs the memory of the last bundle, not the bundle.
    let home = folder.join("notes.txt/home");
    let fitted = expect(0, pcore(folder).args(FIT).env("PCORE_HOME", &home));
    assert!(text(&fitted.stderr).contains("warning: the bundle is written, but can't be remembered"));
}
