//! What messages say: each cause once, with a way out that exists, and before the work.

use crate::support::{Fixture, expect, pcore, text};
use std::fs;
use tempfile::TempDir;

/// What the operating system says of a file that is not there.
const NOT_THERE: &str = "No such file";

#[test]
#[cfg(unix)]
fn the_cause_of_an_error_is_said_once() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("station")).unwrap();
    fs::create_dir(folder.path().join("images")).unwrap();
    let map = Fixture::get().test_folder().join("good/000000.tiff");
    fs::copy(&map, folder.path().join("images/a.tiff")).unwrap();
    let cases: [&[&str]; 7] = [
        &["inspect", "no.pcore"],
        &["infer", "images", "--bundle", "no.pcore"],
        &["weights", "add", "no.pth", "--as", "resnet18"],
        &["export", "no.pcore", "--format", "onnxdemo", "--out", "x"],
        &["import", "station", "--backbone", "pcore_tiny", "--layers", "layer3"],
        &["study", "images", "--plan", "no.toml"],
        &["list", "nowhere"],
    ];
    for arguments in cases {
        let message = text(&expect(2, pcore(folder.path()).args(arguments)).stderr);
        let error = message.lines().find(|line| line.starts_with("error:")).unwrap();
        assert_eq!(error.matches(NOT_THERE).count(), 1, "{arguments:?}: {error}");
    }
}

#[test]
fn missing_weights_and_pointers_to_them_are_told_with_what_to_do() {
    let folder = TempDir::new().unwrap();
    let map = Fixture::get().test_folder().join("good/000000.tiff");
    let fit = ["fit", "--backbone", "resnet18", "--normal"];
    let missing = text(&expect(2, pcore(folder.path()).args(fit).arg(map.parent().unwrap())).stderr);
    for words in ["https://download.pytorch.org/models/resnet18-f37072fd.pth", "pcore weights add FILE --as resnet18"] {
        assert!(missing.contains(words), "{missing}");
    }
    assert_eq!(missing.contains("weights fetch"), cfg!(feature = "fetch"), "{missing}");
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 46800000\n";
    fs::write(folder.path().join("w.safetensors"), pointer).unwrap();
    let add = ["weights", "add", "w.safetensors", "--as", "resnet18"];
    fs::write(folder.path().join("w.pcore"), pointer).unwrap();
    for arguments in [&add[..], &["inspect", "w.pcore"]] {
        let message = text(&expect(2, pcore(folder.path()).args(arguments)).stderr);
        assert!(message.contains("Git LFS pointer") && message.contains("git lfs pull"), "{message}");
    }
}

#[test]
fn a_place_that_cannot_take_results_is_refused_before_the_work() {
    let fixture = Fixture::get();
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("taken"), "a file").unwrap();
    let taken = folder.path().join("taken").display().to_string();
    let inside = format!("{taken}/deeper");
    let cases: [&[&str]; 7] = [
        &["eval", ".", "--domain", "C", "--out", &taken],
        &["eval", ".", "--domain", "C", "--out", &inside],
        &["study", ".", "--domain", "C", "--out", &taken],
        &["demo", "--dir", &taken],
        &["synth", "hdmap", "--out", &taken],
        &["export", ".pcore/C.pcore", "--format", "onnxdemo", "--out", &taken],
        &["manual", "--out", &taken],
    ];
    for arguments in cases {
        let output = expect(2, pcore(fixture.path()).args(arguments));
        let message = text(&output.stderr);
        assert!(message.contains("can't write results") && message.contains("taken"), "{arguments:?}: {message}");
        // One line: nothing was begun.
        assert!(!message.contains("fitting on") && !message.contains("reading"), "{arguments:?}: {message}");
    }
    assert_eq!(fs::read(folder.path().join("taken")).unwrap(), b"a file");
}

#[test]
fn quiet_leaves_results_and_what_is_wrong_and_verbose_adds_decisions() {
    let fixture = Fixture::get();
    let infer = |flags: &[&str]| {
        let output = expect(0, pcore(fixture.path()).args(["infer", "domain_C/test/good"]).args(flags));
        (text(&output.stdout), text(&output.stderr))
    };
    let (rows, usual) = infer(&[]);
    let (quiet_rows, quiet) = infer(&["-q"]);
    let (verbose_rows, verbose) = infer(&["-v"]);
    assert_eq!(rows.lines().count(), 8);
    assert_eq!((&rows, &rows), (&quiet_rows, &verbose_rows));
    assert_eq!(quiet, "");
    assert!(usual.contains("bundle") && !usual.contains("ended after"), "{usual}");
    for words in ["threads, home", "layout: HDMAP", "threshold", "ready after", "ended after"] {
        assert!(verbose.contains(words), "{words}: {verbose}");
    }
    let error = text(&expect(2, pcore(fixture.path()).args(["-q", "infer", "nowhere"])).stderr);
    assert!(error.contains("nowhere"), "{error}");
    expect(2, pcore(fixture.path()).args(["-q", "-v", "devices"]));
}

#[test]
fn a_table_without_its_header_is_refused_before_the_images_are_read() {
    let fixture = Fixture::get();
    let folder = TempDir::new().unwrap();
    let table = folder.path().join("table.csv");
    fs::write(&table, "file,state\na.tiff,cold\n").unwrap();
    let table = table.display().to_string();
    let cases: [&[&str]; 3] = [
        &["fit", "--normal", ".", "--domain", "C", "--bundle", "x.pcore", "--conditions", &table],
        &["study", ".", "--domain", "C", "--out", "refused", "--conditions", &table],
        &["study", ".", "--domain", "C", "--out", "refused", "--test-conditions", &table],
    ];
    for arguments in cases {
        let message = text(&expect(2, pcore(fixture.path()).args(arguments)).stderr);
        assert!(message.contains("table.csv") && message.contains("condition"), "{arguments:?}: {message}");
        assert!(!message.contains("fitting on") && !message.contains("reading"), "{arguments:?}: {message}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_standard_error_stops_nothing() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut infer = pcore(Fixture::get().path());
    let output = expect(0, infer.args(["-v", "infer", "domain_C/test/good"]).stderr(full));
    assert_eq!(text(&output.stdout).lines().count(), 8);
}
