//! `pcore screen`: an order of a folder that nobody sorted, and a fit on its most normal images.

use crate::support::{expect, pcore, text};
use pcore::image::write_png_grey8;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A striped picture with a little noise, some with a dark spot.
fn write(path: &Path, seed: usize, has_defect: bool) {
    let side = 64;
    let mut rng = ChaCha8Rng::seed_from_u64(seed as u64);
    let pixel = |at: usize| {
        let (y, x) = (at / side, at % side);
        let noise = rng.random_range(0..23);
        let is_spot = has_defect && (20..34).contains(&y) && (30..44).contains(&x);
        if is_spot { 5 } else { (110 + (x / 4 % 2) * 50 + noise) as u8 }
    };
    write_png_grey8(path, &(0..side * side).map(pixel).collect::<Vec<_>>(), side, side).unwrap();
}

/// Sixteen pictures, those called `b3` and `b11` with a spot.
fn lot() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("lot")).unwrap();
    for seed in 0..16 {
        write(&folder.path().join(format!("lot/b{seed}.png")), seed, seed % 8 == 3);
    }
    folder
}

const SIZE: [&str; 2] = ["--image-size", "64x64"];

#[test]
fn defects_are_at_the_top_and_a_fit_takes_the_list_of_the_others() {
    let folder = lot();
    let at = folder.path();
    let output = expect(0, pcore(at).args(["screen", "lot", "--out", "order", "--keep", "0.75"]).args(SIZE));
    let shown = text(&output.stdout);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 17, "{shown}");
    let top = [lines[1], lines[2]].join(" ");
    assert!(top.contains("b3.png") && top.contains("b11.png"), "{shown}");
    let table = fs::read_to_string(at.join("order/screening.csv")).unwrap();
    assert!(table.starts_with("rank,score,path\n1,") && table.lines().count() == 17, "{table}");
    assert_eq!(fs::read_dir(at.join("order/overlays")).unwrap().count(), 16);
    let list = fs::read_to_string(at.join("order/normal.txt")).unwrap();
    let names: Vec<&str> = list.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!((names.len(), names.contains(&"b3.png"), names.contains(&"b11.png")), (12, false, false), "{list}");
    let fit = ["fit", "--normal", "lot", "--shots-list", "order/normal.txt", "--bundle", "x.pcore", "--json"];
    let fitted: Value = serde_json::from_str(&text(&expect(0, pcore(at).args(fit).args(SIZE)).stdout)).unwrap();
    assert_eq!(fitted["manifest"]["conditions"][0]["n_images"], 12);
    // What it wrote is no image of a later listing.
    let again = expect(0, pcore(at).args(["screen", ".", "--json"]).args(SIZE));
    let again: Value = serde_json::from_str(&text(&again.stdout)).unwrap();
    assert_eq!(again["images"].as_array().unwrap().len(), 16);
}

#[test]
fn what_cannot_be_screened_is_refused_with_the_way_out() {
    let folder = lot();
    let refused = |arguments: &[&str], words: &[&str]| {
        let said = text(&expect(2, pcore(folder.path()).args(arguments)).stderr);
        assert!(words.iter().all(|word| said.contains(word)), "{arguments:?}: {said}");
    };
    refused(&["screen", "lot", "--keep", "5"], &["--out"]);
    refused(&["screen", "lot", "--out", "order", "--keep", "0"], &["--keep", "such as 50"]);
    refused(&["screen", "lot", "--out", "lot/b0.png"], &["is no folder"]);
    refused(&["screen", "lot/b0.png"], &["at least 2"]);
    fs::write(folder.path().join("lot/torn.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    let said = text(&expect(3, pcore(folder.path()).args(["screen", "lot"]).args(SIZE)).stderr);
    assert!(said.contains("torn.png"), "{said}");
}

#[test]
fn an_odd_training_image_is_named_by_fit_and_inspect_and_left_out_on_request() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    fs::create_dir(at.join("normal")).unwrap();
    (0..30).for_each(|seed| write(&at.join(format!("normal/{seed:02}.png")), seed, seed == 7));
    let fit = |more: &[&str]| {
        let arguments = ["fit", "--normal", "normal", "--bundle", "x.pcore", "--group", "none"];
        let output = expect(0, pcore(at).args(arguments).args(SIZE).args(more));
        (text(&output.stdout), text(&output.stderr))
    };
    let (summary, said) = fit(&[]);
    assert!(said.contains("07.png") && said.contains("--drop-suspects"), "{said}");
    assert!(summary.contains("suspect      07.png: score"), "{summary}");
    let inspected = text(&expect(0, pcore(at).args(["inspect", "x.pcore"])).stdout);
    assert!(inspected.contains("suspect      07.png: score"), "{inspected}");
    let (summary, _) = fit(&["--drop-suspects"]);
    assert!(summary.contains("dropped      07.png: score") && !summary.contains("suspect "), "{summary}");
    let (answer, _) = fit(&["--drop-suspects", "--json"]);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["manifest"]["suspects"]["dropped"][0]["name"], "07.png");
    let (summary, _) = fit(&["--filter-patches", "0.05"]);
    assert!(summary.contains("filter       at most 5 % of the patches"), "{summary}");
}
