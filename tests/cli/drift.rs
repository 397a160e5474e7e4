//! Whether a line has drifted.

use crate::exif::{OFFSET, SUBSECOND, TAKEN, exif_block, with_exif};
use crate::support::{Fixture, expect, pcore, text};
use pcore::Limits;
use pcore::image::write_tiff_f32;
use pcore::report::read_history;
use serde_json::Value;
use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// Writes `n` of the fixture's normal test images, again and again, lit by a slope from left to right.
fn line(folder: &Path, name: &str, n: usize, slope: f32) {
    fs::create_dir_all(folder).unwrap();
    let mut files: Vec<_> =
        fs::read_dir(Fixture::get().test_folder().join("good")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for (at, file) in files.iter().cycle().take(n).enumerate() {
        let image = pcore::image::read(file, &Limits::default()).unwrap();
        let lit = |at: usize| 1.0 + slope * ((at % image.width_px()) as f32 / image.width_px() as f32 - 0.5);
        let values: Vec<f32> = image.pixels().iter().enumerate().map(|(at, value)| value * lit(at)).collect();
        let path = folder.join(format!("{name}{at:03}.tiff"));
        write_tiff_f32(&path, &values, image.height_px(), image.width_px()).unwrap();
    }
}

fn drift(code: i32, arguments: &[&str], paths: &[&Path]) -> Value {
    let mut command = pcore(Fixture::get().path());
    command.args(["drift", ".pcore/C.pcore", "--json"]).args(arguments).args(paths);
    serde_json::from_slice(&expect(code, &mut command).stdout).unwrap()
}

#[test]
fn a_line_whose_light_changes_has_drifted_and_one_as_before_has_not() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    line(&at("same"), "a", 8, 0.0);
    let same = drift(0, &["--fail-on-drift"], &[&at("same")]);
    assert_eq!((&same["n_parts"], &same["drift"], &same["drift_at"]), (&8.into(), &false.into(), &Value::Null));
    assert!(same["evidence"].as_object().unwrap().len() >= 4, "{same}");
    line(&at("changed"), "a", 8, 0.0);
    line(&at("changed"), "b", 40, 1.0);
    let out = at("out");
    let changed = drift(1, &["--fail-on-drift", "--out", out.to_str().unwrap()], &[&at("changed")]);
    let found = changed["drift_at"].as_u64().unwrap();
    assert!((9..=48).contains(&found), "{changed}");
    assert!(changed["drift_path"].as_str().unwrap().contains("b0"), "{changed}");
    let table = fs::read_to_string(out.join("drift.csv")).unwrap();
    assert_eq!(table.lines().count(), 49);
    assert!(table.starts_with("path,drift,scores,limit,half,brightness,contrast"), "{table}");
    let page = fs::read_to_string(out.join("drift.html")).unwrap();
    assert!(page.contains("drift: found at part") && page.matches("<svg").count() >= 6);
    assert_eq!(drift(0, &[], &[&at("changed")])["drift"], true);
    // By time the changed ones come first where they were written first.
    let early = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    for entry in fs::read_dir(at("changed")).unwrap().map(Result::unwrap) {
        if entry.file_name().to_str().unwrap().starts_with('b') {
            fs::File::options().write(true).open(entry.path()).unwrap().set_modified(early).unwrap();
        }
    }
    let by_time = drift(0, &["--order", "time"], &[&at("changed")]);
    assert!(by_time["drift_at"].as_u64().unwrap() < found, "{by_time}");
}

#[test]
fn results_of_a_run_tell_by_their_scores_alone() {
    let (fixture, folder) = (Fixture::get(), TempDir::new().unwrap());
    let results = folder.path().join("run");
    let mut infer = pcore(fixture.path());
    infer.args(["infer", "--bundle", ".pcore/C.pcore", "--out"]).arg(&results).arg(fixture.test_folder());
    expect(0, &mut infer);
    let found = drift(0, &[], &[&results]);
    assert_eq!(found["n_parts"], 16);
    let evidence = found["evidence"].as_object().unwrap();
    assert!(evidence.iter().all(|(name, log10)| (name == "half") == (log10.as_f64().unwrap().abs() > 1e-9)), "{found}");
    let mut shown = pcore(fixture.path());
    let said = text(&expect(0, shown.args(["drift", ".pcore/C.pcore"]).arg(&results)).stdout);
    assert!(said.starts_with("drift: none found in 16 parts") && said.contains("\n  half"), "{said}");
}

#[test]
fn a_history_grows_by_a_file_for_each_run_and_tells_what_the_images_tell() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    line(&at("first"), "a", 8, 0.0);
    line(&at("second"), "b", 40, 1.0);
    fs::write(at("second/torn.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    for (code, name) in [(0, "first"), (3, "second")] {
        let mut infer = pcore(Fixture::get().path());
        infer.args(["infer", "-q", "--bundle", ".pcore/C.pcore", "--history"]).arg(at("history")).arg(at(name));
        expect(code, &mut infer);
    }
    assert_eq!(fs::read_dir(at("history")).unwrap().count(), 2);
    let history = drift(0, &[], &[&at("history")]);
    fs::remove_file(at("second/torn.png")).unwrap();
    let images = drift(0, &[], &[&at("first"), &at("second")]);
    assert_eq!((&history["n_parts"], &history["drift"]), (&48.into(), &true.into()));
    for key in ["drift_at", "drift_log10", "scores_log10", "evidence"] {
        assert_eq!(history[key], images[key], "{key}");
    }
    // What the images look like to the network says something in both.
    for name in ["features", "brightness_alike"] {
        assert!(history["evidence"][name].as_f64().unwrap().abs() > 1e-9, "{history}");
    }
}

/// Seconds since 1970 of 2026-03-01T12:00:00Z.
const NOON: u64 = 1_772_366_400;

/// Four JPEGs: two that tell when they were taken, the second one first; one that does not, of a file of 2001; one with a broken
/// block, of a file of 2033.
fn taken(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let mut plain = Cursor::new(vec![]);
    let pixels = image::GrayImage::from_fn(95, 31, |x, y| image::Luma([(80 + x + y) as u8]));
    pixels.write_to(&mut plain, image::ImageFormat::Jpeg).unwrap();
    let plain = plain.into_inner();
    let at = |texts: &[(u16, &str)]| with_exif(&plain, &exif_block(texts));
    let late = at(&[(TAKEN, "2026:03:01 14:00:01"), (OFFSET, "+02:00")]);
    let early = at(&[(TAKEN, "2026:03:01 12:00:00"), (SUBSECOND, "500")]);
    let broken = with_exif(&plain, &exif_block(&[(TAKEN, "2026:03:01 12:00:00")])[..30]);
    for (name, bytes, written) in [
        ("a.jpg", &late, NOON),
        ("b.jpg", &early, NOON),
        ("c.jpg", &plain, 1_000_000_000),
        ("d.jpg", &broken, 2_000_000_000),
    ] {
        fs::write(folder.join(name), bytes).unwrap();
        let file = fs::File::options().write(true).open(folder.join(name)).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(written)).unwrap();
    }
}

const FELL_BACK: &str = "2 of 4 images do not tell when they were taken";

#[test]
fn images_are_ordered_by_when_they_were_taken_and_those_that_do_not_tell_by_their_files() {
    let folder = TempDir::new().unwrap();
    taken(&folder.path().join("line"));
    let order = |order: &str| {
        let mut command = pcore(Fixture::get().path());
        command.args(["drift", ".pcore/C.pcore", "--order", order, "--out"]).arg(folder.path().join("out"));
        let output = expect(0, command.arg(folder.path().join("line")));
        let table = fs::read_to_string(folder.path().join("out/drift.csv")).unwrap();
        let name = |line: &str| line.split(',').next().unwrap().rsplit(['/', '\\']).next().unwrap().to_owned();
        (table.lines().skip(1).map(name).collect::<Vec<_>>().join(" "), text(&output.stderr).matches(FELL_BACK).count())
    };
    assert_eq!(order("name"), ("a.jpg b.jpg c.jpg d.jpg".to_owned(), 0));
    assert_eq!(order("time"), ("c.jpg a.jpg b.jpg d.jpg".to_owned(), 0));
    assert_eq!(order("exif"), ("c.jpg b.jpg a.jpg d.jpg".to_owned(), 1));
}

#[test]
fn a_history_has_the_times_of_the_run_of_the_files_or_of_the_pictures() {
    let folder = TempDir::new().unwrap();
    taken(&folder.path().join("line"));
    let times = |which: &str| {
        let history = folder.path().join(which);
        let mut command = pcore(Fixture::get().path());
        command.args(["infer", "--bundle", ".pcore/C.pcore", "--history-time", which, "--history"]).arg(&history);
        let output = expect(0, command.arg(folder.path().join("line")));
        let part = fs::read_dir(&history).unwrap().next().unwrap().unwrap().path();
        let rows = read_history(fs::File::open(part).unwrap()).unwrap();
        assert!(
            rows.iter()
                .map(|row| row.row.path.rsplit(['/', '\\']).next().unwrap())
                .eq(["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
        );
        let times: Vec<SystemTime> = rows.iter().map(|row| row.time).collect();
        (times, text(&output.stderr).matches(FELL_BACK).count())
    };
    let since = |seconds: f64| UNIX_EPOCH + Duration::from_secs_f64(seconds);
    let noon = NOON as f64;
    assert_eq!(times("file"), ([noon, noon, 1e9, 2e9].map(since).to_vec(), 0));
    assert_eq!(times("exif"), ([noon + 1.0, noon + 0.5, 1e9, 2e9].map(since).to_vec(), 1));
    let before = SystemTime::now() - Duration::from_secs(1);
    let (of_run, said) = times("run");
    assert!(of_run.iter().all(|time| (before..SystemTime::now()).contains(time)) && said == 0, "{of_run:?}");
    // Without a history there is nothing to time.
    let mut command = pcore(Fixture::get().path());
    command.args(["infer", "--bundle", ".pcore/C.pcore", "--history-time", "exif"]).arg(folder.path().join("line"));
    assert!(text(&expect(2, &mut command).stderr).contains("--history"));
}
