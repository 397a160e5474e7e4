//! Every file is inspected, or named with the reason; results are never read back; the bundle belongs to the images.

use crate::support::{Fixture, expect, pcore, rows, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A float TIFF of the fixture: readable, whatever it is called.
fn image() -> Vec<u8> {
    fs::read(Fixture::get().test_folder().join("good/000000.tiff")).unwrap()
}

fn bundle() -> String {
    Fixture::get().path().join(".pcore/C.pcore").to_str().unwrap().to_owned()
}

/// A folder with these files, all the same image.
fn images(names: &[&str]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for name in names {
        write(folder.path(), name, &image());
    }
    folder
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn run_json(out: &Path) -> Value {
    serde_json::from_slice(&fs::read(out.join("run.json")).unwrap()).unwrap()
}

/// What becomes of a file.
#[derive(PartialEq, Debug)]
enum Expected {
    Scored,
    Failed,
    Harmless,
}
use Expected::{Failed, Harmless, Scored};

/// Files by name and content, what becomes of each, and what is said of it.
fn files() -> Vec<(&'static str, Vec<u8>, Expected, &'static str)> {
    let picture = image();
    let at_start = |bytes: &[u8]| [bytes, &[0u8; 300]].concat();
    let dicom = [&[0u8; 128][..], b"DICM", &[0u8; 60]].concat();
    vec![
        ("a.tiff", picture.clone(), Scored, ""),
        ("b.TIF", picture.clone(), Scored, ""),
        ("c.jfif", picture.clone(), Scored, ""),
        ("d.jpe", picture.clone(), Scored, ""),
        ("e", picture.clone(), Scored, ""),
        ("f.dat", picture.clone(), Scored, ""),
        ("g.txt", picture.clone(), Scored, ""),
        ("sub/deep/h.bak", picture.clone(), Scored, ""),
        ("a.jp2", at_start(b"\0\0\0\x0cjP  \r\n\x87\n"), Failed, "JPEG 2000"),
        ("stream", at_start(b"\xff\x4f\xff\x51"), Failed, "JPEG 2000"),
        ("empty.j2k", vec![], Failed, "JPEG 2000"),
        ("phone.heic", at_start(b"\0\0\0\x18ftypheic"), Failed, "HEIC"),
        ("phone", at_start(b"\0\0\0\x18ftypmif1"), Failed, "HEIC"),
        ("b.avif", at_start(b"\0\0\0\x18ftypavif"), Failed, "AVIF"),
        ("c.jxl", at_start(b"\xff\x0a"), Failed, "JPEG XL"),
        ("camera.NEF", picture.clone(), Failed, "camera RAW"),
        ("camera.cr3", at_start(b"\0\0\0\x18ftypcrx "), Failed, "camera RAW"),
        ("scan.dcm", dicom.clone(), Failed, "DICOM"),
        ("scan", dicom, Failed, "DICOM"),
        ("d.psd", at_start(b"8BPS"), Failed, "Photoshop"),
        ("sky.fits", at_start(b"SIMPLE  ="), Failed, "FITS"),
        ("cut.tiff", picture[..20].to_vec(), Failed, "cut.tiff"),
        ("notes.txt", b"BMW parts, II* and P5 are in box 3".to_vec(), Harmless, "no image"),
        ("counts.txt", b"P5 is good".to_vec(), Harmless, "no image"),
        ("labels.csv", b"a,b\n".to_vec(), Harmless, "no image"),
        ("data.json", b"{}".to_vec(), Harmless, "no image"),
        ("plan.pdf", at_start(b"%PDF-1.7"), Harmless, "no image"),
        ("film.mp4", at_start(b"\0\0\0\x18ftypisom"), Harmless, "no image"),
        ("nothing", vec![], Harmless, "no image"),
        ("old.pcore", vec![1, 2, 3], Harmless, "own output"),
        (".hidden.tiff", picture.clone(), Harmless, "hidden"),
        (".cache/a.tiff", picture.clone(), Harmless, "hidden"),
        ("Thumbs.db", picture.clone(), Harmless, "operating system"),
        (".DS_Store", vec![0], Harmless, "operating system"),
        ("._a.tiff", picture.clone(), Harmless, "operating system"),
        ("@eaDir/a.tiff", picture.clone(), Harmless, "operating system"),
        ("__MACOSX/a.tiff", picture.clone(), Harmless, "operating system"),
        ("ground_truth/a.tiff", picture.clone(), Harmless, "ground truth"),
    ]
}

#[test]
fn every_file_is_inspected_or_named_with_the_reason() {
    let cases = files();
    let folder = TempDir::new().unwrap();
    for (name, bytes, ..) in &cases {
        write(&folder.path().join("in"), name, bytes);
    }
    let args = ["infer", "in", "--json", "--out", "out", "--bundle", &bundle()];
    let output = expect(3, pcore(folder.path()).args(args));
    let found: BTreeMap<String, Value> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|row| (row["path"].as_str().unwrap().trim_start_matches("in/").to_owned(), row))
        .collect();
    let run = run_json(&folder.path().join("out"));
    let left_out: Vec<&Value> = run["left_out"].as_array().unwrap().iter().collect();
    let stderr = text(&output.stderr);
    let score = found["a.tiff"]["raw_score"].clone();
    assert!(score.is_number());
    let mut seen = BTreeMap::new();
    for (name, _, expected, words) in &cases {
        let row = found.get(*name);
        let top = name.split('/').next().unwrap();
        let named = left_out.iter().find(|one| {
            let path = one["path"].as_str().unwrap().trim_start_matches("in/").to_owned();
            path == *name || path == top
        });
        match expected {
            Scored => {
                assert_eq!(row.unwrap()["raw_score"], score, "{name}");
                assert!(named.is_none(), "{name}: {named:?}");
            }
            Failed => {
                assert!(row.unwrap()["error"].as_str().unwrap().contains(words), "{name}: {row:?}");
                assert!(row.unwrap()["raw_score"].is_null());
            }
            Harmless => {
                assert!(row.is_none(), "{name}: {row:?}");
                assert!(named.unwrap()["reason"].as_str().unwrap().contains(words), "{name}: {named:?}");
                assert_eq!(named.unwrap()["is_failure"], false);
                assert!(stderr.contains(words), "{words}: {stderr}");
            }
        }
        *seen.entry(format!("{expected:?}")).or_insert(0) += 1;
    }
    assert_eq!(seen, BTreeMap::from([("Failed".into(), 14), ("Harmless".into(), 16), ("Scored".into(), 8)]));
    assert_eq!(found.len(), 22, "no row but these: {:?}", found.keys());
    let csv = fs::read_to_string(folder.path().join("out/results.csv")).unwrap();
    assert!(csv.contains("a.jp2") && csv.contains("JPEG 2000"), "{csv}");
    // Harmless files alone are no failure.
    let quiet = images(&["a.tiff"]);
    write(quiet.path(), "notes.txt", b"x");
    let output = expect(0, pcore(quiet.path()).args(["infer", ".", "--bundle", &bundle()]));
    assert!(text(&output.stderr).contains("notes.txt"));
}

#[test]
fn fit_and_eval_name_what_they_leave_out() {
    let fixture = Fixture::get();
    let folder = TempDir::new().unwrap();
    for (split, count) in [("train/good", 6), ("test/good", 3), ("test/fault", 3)] {
        for index in 0..count {
            let name = format!("{split}/{index:06}.tiff");
            write(folder.path(), &name, &fs::read(fixture.path().join("domain_C").join(&name)).unwrap());
        }
    }
    let fit = ["fit", "--normal", "train", "--bundle", "b.pcore", "--json"];
    let eval = ["eval", ".", "--bundle", "b.pcore", "--out", "out"];
    expect(0, pcore(folder.path()).args(fit));
    expect(0, pcore(folder.path()).args(eval));
    write(folder.path(), "train/good/x.heic", b"");
    write(folder.path(), "test/good/y.jp2", b"");
    let output = expect(3, pcore(folder.path()).args(fit));
    assert!(text(&output.stderr).contains("x.heic"), "{}", text(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["left_out"][0]["kind"], "other_format");
    let output = expect(3, pcore(folder.path()).args(eval));
    assert!(text(&output.stderr).contains("y.jp2"), "{}", text(&output.stderr));
    assert_eq!(run_json(&folder.path().join("out"))["left_out"][0]["kind"], "other_format");
}

#[test]
fn results_are_never_read_back() {
    let folder = images(&["a.tiff", "b.tiff", "c/d.tiff", "c/e.tiff", "c/f.tiff"]);
    let run = |args: &[&str]| {
        let output = expect(0, pcore(folder.path()).args(args).args(["--bundle", &bundle()]));
        rows(&output).len()
    };
    let maps = ["infer", ".", "--json", "--maps", "png,tiff", "--out", "results"];
    let explain = ["infer", ".", "--json", "--explain", "--patches", "1"];
    // Into the folder of images itself, which stays one.
    let here = ["infer", ".", "--json", "--out", "."];
    for args in [&maps[..], &maps, &explain, &explain, &here, &here, &maps] {
        assert_eq!(run(args), 5, "{args:?}");
    }
    // An interrupted run has written its mark and perhaps a picture.
    write(folder.path(), "results/overlays/left.png", b"");
    assert_eq!(run(&maps), 5);
    let fit = expect(0, pcore(folder.path()).args(["fit", "--normal", ".", "--bundle", "b.pcore"]));
    assert!(text(&fit.stderr).contains("fitting on 5 images"), "{}", text(&fit.stderr));
    assert!(text(&fit.stderr).contains("own output"), "{}", text(&fit.stderr));
    // Given itself, or a folder inside, or files of it: refused.
    let inside = "results/overlays/a.tiff.png";
    assert!(folder.path().join(inside).is_file());
    let refused = [
        vec!["infer", "results"],
        vec!["infer", "results/overlays"],
        vec!["infer", "overlays"],
        vec!["infer", "pcore-explain/explain"],
        vec!["infer", inside],
        vec!["infer", "results/**/*.png"],
        vec!["fit", "--normal", "results"],
    ];
    for args in &refused {
        let output = expect(2, pcore(folder.path()).args(args).args(["--bundle", "b.pcore"]));
        assert!(text(&output.stderr).contains("pcore"), "{args:?}: {}", text(&output.stderr));
        assert!(text(&output.stdout).is_empty());
    }
    let output = expect(2, pcore(folder.path()).args(["infer", "results/overlays"]));
    assert!(text(&output.stderr).contains("pcore-output.json"), "{}", text(&output.stderr));
    // Whoever deletes the mark has a folder of images.
    fs::remove_file(folder.path().join("results/pcore-output.json")).unwrap();
    fs::remove_file(folder.path().join("results/overlays/left.png")).unwrap();
    assert_eq!(run(&["infer", "results/overlays", "--json"]), 5);
}

#[cfg(unix)]
#[test]
fn an_unreadable_folder_costs_only_itself() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65534;
    let folder = images(&["a.tiff", "locked/b.tiff", "z/c.tiff"]);
    let set = |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    let locked = folder.path().join("locked");
    let own_bundle = folder.path().join("b.pcore");
    fs::copy(bundle(), &own_bundle).unwrap();
    set(folder.path(), 0o755);
    set(&own_bundle, 0o644);
    set(&locked, 0o000);
    let run = |code: i32, target: &str| {
        let mut command = pcore(folder.path());
        if fs::metadata(folder.path()).unwrap().uid() == 0 {
            // The superuser may read everything.
            command.uid(NOBODY).gid(NOBODY);
        }
        match command.args(["infer", target, "--json", "--bundle", "b.pcore"]).output() {
            Ok(output) => {
                assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
                Some(output)
            }
            Err(error) => {
                skipped!("the program cannot be run by another user here: {error}");
                None
            }
        }
    };
    if let Some(output) = run(3, ".") {
        let rows = rows(&output);
        let errors: Vec<(&str, bool)> =
            rows.iter().map(|(name, row)| (name.as_str(), row["error"].is_null())).collect();
        assert_eq!(errors, [("./a.tiff", true), ("./locked", false), ("z/c.tiff", true)]);
        assert!(text(&output.stderr).contains("cannot be read"), "{}", text(&output.stderr));
        // Named itself, it is an error.
        run(2, "locked");
    }
    set(&locked, 0o755);
}

/// What is expected of `infer ARGS`: exit code, and words on stderr.
type Choice<'a> = (&'a [&'a str], i32, &'a [&'a str]);

#[test]
fn the_bundle_is_the_one_of_the_images_or_none() {
    let folder = images(&["domain_C/test/a.tiff", "domain_D/test/b.tiff", "loose/c.tiff", "sets/two/test/e.tiff"]);
    for index in 0..6 {
        let bytes = fs::read(Fixture::get().path().join(format!("domain_C/train/good/{index:06}.tiff"))).unwrap();
        write(folder.path(), &format!("normal/{index}.tiff"), &bytes);
        write(folder.path(), &format!("sets/one/train/good/{index}.tiff"), &bytes);
    }
    fs::create_dir(folder.path().join("sets/one/test")).unwrap();
    fs::write(folder.path().join("sets/one/test/d.tiff"), image()).unwrap();
    let check = |cases: &[Choice<'_>]| {
        for (args, code, words) in cases {
            let output = expect(*code, pcore(folder.path()).arg("infer").args(*args));
            let stderr = text(&output.stderr);
            for word in *words {
                assert!(stderr.contains(word), "{args:?} does not say '{word}': {stderr}");
            }
            assert!(*code == 0 || output.stdout.is_empty(), "{args:?} scored something");
        }
        cases.len()
    };
    expect(0, pcore(folder.path()).args(["fit", "--domain", "C", "--normal", "normal"]));
    let c = ".pcore/C.pcore";
    let mut n = check(&[
        (&["domain_C/test"], 0, &["domain_C in the path"]),
        (&["domain_D/test"], 2, &["domain D", "C.pcore", "domain C", "--bundle"]),
        (&["domain_C", "domain_D"], 2, &["C, D", "--domain", "--bundle"]),
        (&["."], 2, &["C, D"]),
        (&["domain_C", "domain_D", "--domain", "C"], 0, &["(--domain)", "belongs to domain D"]),
        (&["domain_D/test", "--bundle", c], 0, &["warning", "domain C", "domain D"]),
        (&["domain_C", "domain_D", "--bundle", c], 0, &["warning", "domain D"]),
        (&["loose"], 0, &["the last one fitted for domain C", "ago", "on 6 images of", "normal"]),
        (&["loose", "domain_C"], 0, &["domain_C in the path", "warning", "1 images lie in no folder of a domain"]),
        (&["loose", "--bundle", c], 0, &["(--bundle)"]),
    ]);
    // Without a domain: the place of the training images tells the product.
    expect(0, pcore(folder.path()).args(["fit", "--normal", "sets/one"]));
    n += check(&[
        (&["sets/one/test"], 0, &["the last one fitted"]),
        (&["sets/two/test"], 2, &["sets/two", "sets/one", "--bundle"]),
        (&["sets/two/test", "--bundle", ".pcore/default.pcore"], 0, &["(--bundle)"]),
        (&["loose"], 0, &["the last one fitted"]),
        (&["domain_D/test"], 2, &["domain D", "of no domain"]),
    ]);
    assert_eq!(n, 15);
    expect(0, pcore(folder.path()).args(["infer", "loose", "--out", "out"]));
    let run = run_json(&folder.path().join("out"));
    assert!(run["bundle_chosen_by"].as_str().unwrap().contains("the last one fitted"), "{run}");
}

#[cfg(unix)]
#[test]
fn strange_names_stay_apart_and_are_never_obeyed() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let names: &[&[u8]] = &[
        b"\xff.tiff",
        b"\xfe.tiff",
        b"%FF.tiff",
        b"back\\slash.tiff",
        b"back/slash.tiff",
        b"\x1b[31mred.tiff",
        b"line\nnormal     score   0.0000.tiff",
        "\u{9b}2J.tiff".as_bytes(),
        "\u{202e}gnp.tiff".as_bytes(),
        "e\u{301}.tiff".as_bytes(),
        "\u{e9}.tiff".as_bytes(),
        b"=1+1.tiff",
    ];
    let folder = TempDir::new().unwrap();
    for name in names {
        let path = folder.path().join("in").join(OsStr::from_bytes(name));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if fs::write(&path, image()).is_err() {
            skipped!("this file system does not take {}", path.display());
            return;
        }
    }
    fs::write(folder.path().join("in").join(OsStr::from_bytes(b"\x1b]0;title\x07.heic")), b"").unwrap();
    let is_obeyed = |c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c);
    let tame = |bytes: &[u8]| assert!(!text(bytes).contains(is_obeyed), "{:?}", text(bytes));
    let args = ["infer", "in", "--out", "out", "--bundle", &bundle()];
    let people = expect(3, pcore(folder.path()).args(args));
    tame(&people.stdout);
    tame(&people.stderr);
    assert_eq!(text(&people.stdout).lines().count(), names.len() + 1, "{}", text(&people.stdout));
    let machine = expect(3, pcore(folder.path()).args(args).arg("--json"));
    tame(&machine.stdout);
    let paths: Vec<String> = text(&machine.stdout)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["path"].as_str().unwrap().to_owned())
        .collect();
    let back: std::collections::BTreeSet<_> = paths.iter().map(|path| pcore::dataset::path_from_text(path)).collect();
    for name in names {
        assert!(back.contains(&Path::new("in").join(OsStr::from_bytes(name))), "{}", text(name));
    }
    assert_eq!(back.len(), names.len() + 1);
    let pictures = |folder: &Path| fs::read_dir(folder).unwrap().count();
    // `back` is a folder, so one entry less and its own.
    let overlays = folder.path().join("out/overlays");
    assert_eq!((pictures(&overlays), pictures(&overlays.join("back"))), (names.len(), 1));
    assert!(overlays.join("back%5Cslash.tiff.png").is_file());
    let missing = expect(2, pcore(folder.path()).args(["infer", "no\u{1b}[2Jwhere"]));
    tame(&missing.stderr);
}

#[test]
fn the_last_bundle_is_not_taken_without_a_word_where_another_was_fitted_on_the_images_folder() {
    let folder = TempDir::new().unwrap();
    for (index, entry) in fs::read_dir(Fixture::get().test_folder().join("good")).unwrap().enumerate() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        for product in ["lines/bolt/train", "lines/bolt/test", "parts/nut"] {
            write(folder.path(), &format!("{product}/{index}.tiff"), &bytes);
        }
    }
    for normal in ["lines/bolt/train", "parts/nut"] {
        expect(0, pcore(folder.path()).args(["fit", "--normal", normal, "--bundle", "b.pcore"]));
        // Equal images would have one fingerprint: one less tells the folders apart.
        fs::remove_file(folder.path().join("parts/nut/0.tiff")).ok();
    }
    let said = |given: &str| text(&expect(0, pcore(folder.path()).args(["infer", given])).stderr);
    let warned = said("lines/bolt/test");
    assert!(warned.contains("warning") && warned.contains("which another bundle was fitted on"), "{warned}");
    assert!(!said("parts/nut").contains("another bundle was fitted on"));
}
