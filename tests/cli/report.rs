//! The page of a run and its pictures.

use crate::support::{Fixture, expect, pcore, text};
use pcore::image::{self, Limits};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn results(out: &Path) -> Vec<Value> {
    let lines = fs::read_to_string(out.join("results.jsonl")).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The addresses that a page links to and takes pictures from, without those in the page.
fn addresses(page: &str) -> Vec<String> {
    let parts = ["href=\"", "src=\""].into_iter().flat_map(|name| page.split(name).skip(1));
    let found = parts.map(|rest| rest.split('"').next().unwrap().to_owned());
    found.filter(|address| !address.starts_with("data:")).collect()
}

fn n_files(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries.map(|entry| entry.unwrap().path()).map(|path| if path.is_dir() { n_files(&path) } else { 1 }).sum()
}

fn eval(folder: &Path, out: &Path) -> String {
    let args = ["eval", ".", "--domain", "C", "--bundle", ".pcore/C.pcore", "--quiet", "--out"];
    expect(0, pcore(folder).args(args).arg(out));
    fs::read_to_string(out.join("report.html")).unwrap()
}

#[test]
fn every_alarm_and_every_missed_defect_of_eval_has_its_pictures_of_one_size() {
    let (fixture, out) = (Fixture::get(), TempDir::new().unwrap());
    let page = eval(fixture.path(), out.path());
    let rows = results(out.path());
    let is_shown = |row: &&Value| row["verdict"] == "anomalous" || row["label"] == "anomalous";
    let n_shown = rows.iter().filter(is_shown).count();
    let n_normal = rows.iter().filter(|row| row["verdict"] == "normal" && row["label"] == "normal").count();
    assert!(n_shown >= 8, "{n_shown}");
    for row in rows.iter().filter(is_shown) {
        let alt = format!("alt=\"Heat map of {}\"", row["path"].as_str().unwrap());
        assert_eq!(page.matches(&alt).count(), 1, "{row}");
    }
    assert_eq!(page.matches("<figure class=\"card").count(), n_shown + n_normal.min(8));
    let missed = rows.iter().filter(|row| row["verdict"] == "normal" && row["label"] == "anomalous").count();
    assert_eq!(page.matches("<figure class=\"card wide\">").count(), missed, "the image stands beside the map");
    let files = addresses(&page);
    let maps: Vec<&String> = files.iter().filter(|address| address.starts_with("report_files/map/")).collect();
    assert_eq!(maps.len(), n_shown + n_normal.min(8));
    for map in maps {
        let raw = map.replace("/map/", "/image/");
        let [map, raw] = [map, &raw].map(|place| image::read(&out.path().join(place), &Limits::default()).unwrap());
        assert_eq!((map.height_px(), map.width_px()), (raw.height_px(), raw.width_px()));
        assert!(map.pixels() != raw.pixels());
    }
}

#[test]
fn infer_links_to_its_overlays_and_draws_only_alarms_for_the_page() {
    let (fixture, out) = (Fixture::get(), TempDir::new().unwrap());
    let args = ["infer", "domain_C/test/fault", "--bundle", ".pcore/C.pcore", "--quiet", "--out"];
    expect(0, pcore(fixture.path()).args(args).arg(out.path()));
    let page = fs::read_to_string(out.path().join("report.html")).unwrap();
    let rows = results(out.path());
    let n_alarms = rows.iter().filter(|row| row["verdict"] == "anomalous").count();
    let n_missed = rows.iter().filter(|row| row["verdict"] == "normal" && row["label"] == "anomalous").count();
    assert!(n_alarms >= 1);
    for kind in ["thumb", "map", "image"] {
        assert_eq!(n_files(&out.path().join("report_files").join(kind)), n_alarms + n_missed, "{kind}");
    }
    let files = addresses(&page);
    assert!(files.iter().filter(|address| address.starts_with("overlays/")).count() >= rows.len());
    for address in files {
        assert!(out.path().join(&address).is_file(), "{address}");
    }
    // The pictures are results: they are never taken for images.
    let refused = expect(2, pcore(fixture.path()).arg("infer").arg(out.path().join("report_files")));
    assert!(text(&refused.stderr).contains("pcore-output.json"), "{}", text(&refused.stderr));
}

#[test]
fn the_heading_is_product_outcome_and_date_and_the_path_is_a_fact() {
    let (fixture, out) = (Fixture::get(), TempDir::new().unwrap());
    let page = eval(fixture.path(), out.path());
    let run: Value = serde_json::from_slice(&fs::read(out.path().join("run.json")).unwrap()).unwrap();
    let header = page.split("<header>").nth(1).unwrap().split("</header>").next().unwrap();
    assert!(header.contains("<h1>C</h1>"), "{header}");
    assert!(header.contains(&format!("<time datetime=\"{}\">", run["began"].as_str().unwrap())), "{header}");
    let found: Value = serde_json::from_slice(&fs::read(out.path().join("evaluation.json")).unwrap()).unwrap();
    let n_found = (found["recall"].as_f64().unwrap() * 8.0).round();
    let said = if n_found == 8.0 { "All 8 defects are found".to_owned() } else { format!("{n_found} of 8 defects") };
    assert!(header.contains(&said) && header.contains("among 8 normal images"), "{said}: {header}");
    assert!(!header.contains('/') || !header.contains("domain_C"), "{header}");
    assert!(page.contains("<dt>images</dt>") && page.contains("<dt>bundle</dt>"));
    // The bundle tells cold from warm.
    assert!(page.contains("Condition</button>") && page.contains("By condition"));
}

#[test]
fn a_page_about_one_condition_has_none_and_a_picture_that_cannot_be_written_is_told() {
    let (fixture, folder) = (Fixture::get(), TempDir::new().unwrap());
    let out = folder.path().join("out");
    let bundle = folder.path().join("plain.pcore");
    let fit = ["fit", "--domain", "C", "--normal", ".", "--quality", "fast", "--coreset", "200", "--quiet", "--bundle"];
    expect(0, pcore(fixture.path()).args(fit).arg(&bundle));
    // A file lies where a folder of pictures would be.
    fs::create_dir(&out).unwrap();
    fs::create_dir(out.join("report_files")).unwrap();
    fs::write(out.join("report_files/map"), b"in the way").unwrap();
    let run = |code| {
        let mut command = pcore(fixture.path());
        command.args(["eval", ".", "--domain", "C", "--bundle"]).arg(&bundle).arg("--out").arg(&out);
        let told = text(&expect(code, &mut command).stderr);
        (told, fs::read_to_string(out.join("report.html")).unwrap())
    };
    let (told, _) = run(3);
    assert!(told.contains("picture left out: "), "{told}");
    let n_without = results(&out).iter().filter(|row| row["picture_error"].is_string()).count();
    assert!(n_without >= 8, "{n_without}");
    fs::remove_file(out.join("report_files/map")).unwrap();
    let (_, page) = run(0);
    assert!(results(&out).iter().all(|row| row["picture_error"].is_null()));
    let body = page.split("</style>").nth(1).unwrap().split("<script>").next().unwrap().to_lowercase();
    assert!(!body.contains("condition") && !body.contains("calibrated"), "{body}");
}
