//! Bad input: what, where, and the way out; nothing lost, nothing half done.

use crate::support::{Fixture, expect, pcore, rows, text};
use std::fs;
use tempfile::TempDir;

/// Runs, expects exit code 2 and all of `words` on stderr, and no panic.
fn refused(folder: &std::path::Path, args: &[&str], words: &[&str]) {
    let output = expect(2, pcore(folder).args(args));
    let message = text(&output.stderr);
    for word in words {
        assert!(message.contains(word), "{args:?} does not say '{word}': {message}");
    }
    assert!(!message.contains("panicked"), "{message}");
}

#[test]
fn empty_missing_and_imageless_folders_are_refused() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::create_dir(folder.path().join("notes")).unwrap();
    fs::write(folder.path().join("notes/readme.txt"), "no image").unwrap();
    refused(folder.path(), &["fit", "--normal", "empty"], &["empty"]);
    refused(folder.path(), &["fit", "--normal", "missing"], &["missing"]);
    refused(folder.path(), &["fit", "--normal", "notes"], &["notes", ".png"]);
    refused(folder.path(), &["infer", "empty"], &["empty"]);
    assert!(!folder.path().join(".pcore").exists(), "a refused command left something behind");
}

#[test]
fn infer_without_a_bundle_says_how_to_make_one() {
    let folder = TempDir::new().unwrap();
    let image = Fixture::get().test_folder().join("good/000000.tiff");
    refused(folder.path(), &["infer", image.to_str().unwrap()], &["pcore fit"]);
    refused(folder.path(), &["infer", image.to_str().unwrap(), "--domain", "../x"], &["../x"]);
}

#[test]
fn one_bad_image_does_not_stop_the_others() {
    let fixture = Fixture::get();
    let folder = TempDir::new().unwrap();
    let good = fs::read(fixture.test_folder().join("good/000000.tiff")).unwrap();
    fs::write(folder.path().join("a.tiff"), &good).unwrap();
    fs::write(folder.path().join("b.tiff"), &good[..good.len() / 2]).unwrap();
    fs::write(folder.path().join("c.png"), b"not a picture").unwrap();
    let mut nan = vec![0.2f32; 31 * 95];
    nan[95 * 4 + 7] = f32::NAN;
    pcore::image::write_tiff_f32(&folder.path().join("d.tiff"), &nan, 31, 95).unwrap();
    pcore::image::write_tiff_f32(&folder.path().join("e.tiff"), &[0.3], 1, 1).unwrap();
    let bundle = fixture.path().join(".pcore/C.pcore");
    let args = ["infer", ".", "--json", "--bundle", bundle.to_str().unwrap()];
    let output = expect(3, pcore(folder.path()).args(args));
    let rows = rows(&output);
    assert_eq!(rows.len(), 5);
    let error = |name: &str| {
        rows.iter().find(|(n, _)| n.ends_with(name)).unwrap().1["error"].as_str().unwrap_or_default().to_owned()
    };
    assert!(error("a.tiff").is_empty() && error("e.tiff").is_empty(), "{rows:?}");
    assert!(error("b.tiff").contains("b.tiff") && error("c.png").contains("c.png"), "{rows:?}");
    assert!(error("d.tiff").contains("row 4") && error("d.tiff").contains("column 7"), "{}", error("d.tiff"));
}

#[test]
fn fit_leaves_out_a_bad_image_and_says_so() {
    let fixture = Fixture::get();
    let folder = TempDir::new().unwrap();
    let train = fixture.path().join("domain_C/train/good");
    for index in 0..6 {
        fs::copy(train.join(format!("{index:06}.tiff")), folder.path().join(format!("{index}.tiff"))).unwrap();
    }
    fs::write(folder.path().join("9.tiff"), b"II*\0").unwrap();
    let output = expect(3, pcore(folder.path()).args(["fit", "--normal", ".", "--bundle", "b.pcore"]));
    assert!(text(&output.stderr).contains("9.tiff"));
    expect(0, pcore(folder.path()).args(["inspect", "b.pcore"]));
}

#[test]
fn damaged_and_future_bundles_are_refused_and_a_failed_fit_keeps_the_old_one() {
    let fixture = Fixture::get();
    let folder = TempDir::new().unwrap();
    let bytes = fs::read(fixture.path().join(".pcore/C.pcore")).unwrap();
    let path = folder.path().join("b.pcore");
    let image = fixture.test_folder().join("good/000000.tiff");
    let infer = ["infer", image.to_str().unwrap(), "--bundle", "b.pcore"];
    let mut flipped = bytes.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    fs::write(&path, &flipped).unwrap();
    refused(folder.path(), &infer, &["b.pcore"]);
    fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
    refused(folder.path(), &infer, &["b.pcore"]);
    fs::write(&path, &bytes).unwrap();
    refused(folder.path(), &["fit", "--normal", "nowhere", "--bundle", "b.pcore"], &["nowhere"]);
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn wrong_values_are_refused_with_the_choices() {
    let fixture = Fixture::get();
    let fit = |extra: &[&'static str], words: &[&str]| {
        let args = [&["fit", "--normal", ".", "--domain", "C", "--bundle", "never.pcore"][..], extra].concat();
        refused(fixture.path(), &args, words);
        assert!(!fixture.path().join("never.pcore").exists());
    };
    fit(&["--backbone", "resnet9000"], &["resnet9000", "pcore_tiny"]);
    fit(&["--layers", "layer9"], &["layer9", "layer2"]);
    fit(&["--coreset", "2.0"], &["--coreset"]);
    fit(&["--conditions", "moon"], &["--conditions", "p90"]);
    fit(&["--alpha", "0"], &["--alpha"]);
    fit(&["--holdout", "1"], &["--holdout"]);
    fit(&["--device", "quantum"], &["quantum", "cpu"]);
    fit(&["--image-size", "8x8"], &["--image-size", "32"]);
    fit(&["--memory", "1MiB"], &["--memory", "MiB"]);
    fit(&["--shots", "0"], &["--shots"]);
    fit(&["--conditions", "missing.csv"], &["missing.csv"]);
}

#[test]
fn an_unknown_instruction_set_is_refused_with_the_choices() {
    let mut command = pcore(Fixture::get().path());
    let output = expect(2, command.arg("devices").env("PCORE_SIMD", "sse9"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("PCORE_SIMD is sse9: expected portable, avx2, avx512, amx"), "{told}");
}

#[test]
fn a_full_disk_keeps_the_old_bundle() {
    let fixture = Fixture::get();
    let folder = TempDir::new().unwrap();
    let mount = folder.path().join("small");
    fs::create_dir(&mount).unwrap();
    let mounted =
        std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(&mount).status();
    if !mounted.is_ok_and(|status| status.success()) {
        skipped!("mounting a small file system is not permitted here");
        return;
    }
    let small = mount.join("b.pcore");
    let fit = |coreset: &str| {
        let mut command = pcore(fixture.path());
        command.args(["fit", "--domain", "C", "--normal", ".", "--coreset", coreset, "--bundle"]).arg(&small);
        command.output().unwrap()
    };
    let first = fit("300");
    let before = fs::read(&small);
    let second = fit("6000");
    let after = fs::read(&small);
    let leftovers = fs::read_dir(&mount).unwrap().count();
    let _unmounted = std::process::Command::new("umount").arg(&mount).status();
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    assert_eq!(second.status.code(), Some(2), "{}", text(&second.stderr));
    assert!(text(&second.stderr).contains("b.pcore"), "{}", text(&second.stderr));
    assert_eq!(before.unwrap(), after.unwrap());
    assert_eq!(leftovers, 1, "a temporary file was left behind");
}
