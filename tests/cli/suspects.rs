//! `pcore fit --suspects`: a page with pictures of the training images that score far above the others.

use crate::support::{expect, pcore, text};
use pcore::image::write_png_grey8;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const SIDE: usize = 64;

/// A striped picture with a little noise, and a dark spot if it is odd.
fn write(path: &Path, seed: usize, is_odd: bool) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed as u64);
    let (base, noisy) = (rng.random_range(90..130), rng.random_range(25..35));
    let mut pixel = |at: usize| {
        let (y, x) = (at / SIDE, at % SIDE);
        let noise = rng.random_range(0..noisy);
        let is_spot = is_odd && (20..34).contains(&y) && (30..44).contains(&x);
        if is_spot { 5 } else { (base + (x / 4 % 2) * 50 + noise) as u8 }
    };
    write_png_grey8(path, &(0..SIDE * SIDE).map(&mut pixel).collect::<Vec<_>>(), SIDE, SIDE).unwrap();
}

/// Thirty pictures in `normal`, and one of the name `odd` with a spot.
fn lot(odd: Option<&str>) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("normal")).unwrap();
    (0..30).for_each(|seed| write(&folder.path().join(format!("normal/{seed:02}.png")), seed, false));
    odd.iter().for_each(|name| write(&folder.path().join("normal").join(name), 30, true));
    folder
}

/// The answer of `fit --json`.
fn fit(folder: &Path, more: &[&str]) -> Value {
    // Of 1 %, a picture of this size would have less than one row, and be unlike the others for the row that goes with it.
    let arguments =
        ["fit", "--normal", "normal", "--bundle", "x.pcore", "--group", "none", "--coreset", "0.1", "--json"];
    let output = expect(0, pcore(folder).args(arguments).args(more));
    serde_json::from_str(&text(&output.stdout)).unwrap()
}

fn overlays(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("overlays")).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Pixels of an overlay in full size that are drawn over: not grey. The odd image's spot begins at row 20, column 30; the map is
/// blurred, and small pictures are enlarged.
fn coloured_share_of_spot(path: &Path) -> f64 {
    let picture = pcore::image::read(path, &pcore::image::Limits::default()).unwrap();
    let (factor, width) = (picture.width_px() / SIDE, picture.width_px());
    let is_coloured = |(y, x): (usize, usize)| {
        let pixel = &picture.pixels()[3 * (y * factor * width + x * factor)..][..3];
        pixel.iter().any(|value| (value - pixel[0]).abs() > 0.02)
    };
    let spot: Vec<(usize, usize)> = (20..34).flat_map(|y| (30..44).map(move |x| (y, x))).collect();
    spot.iter().filter(|place| is_coloured(**place)).count() as f64 / spot.len() as f64
}

#[test]
fn the_page_shows_the_odd_image_as_the_others_see_it_and_its_neighbour_and_the_bundle_is_the_same() {
    let folder = lot(Some("odd.png"));
    let at = folder.path();
    let size = ["--image-size", "64x64"];
    let held_out = ["--scales", "64,96", "--holdout", "0.2"];
    for (way, more) in [("turns", &size[..]), ("share", &[&size[..], &held_out[2..]].concat()), ("scales", &held_out)] {
        let plain = fit(at, more);
        assert!(plain.get("suspects_page").is_none());
        let bundle = fs::read(at.join("x.pcore")).unwrap();
        let answer = fit(at, &[more, &["--suspects", way]].concat());
        assert!(bundle == fs::read(at.join("x.pcore")).unwrap(), "{way}");
        let kept = answer["manifest"]["suspects"]["kept"].as_array().unwrap();
        assert_eq!(kept[0]["name"], "odd.png", "{way}: {kept:?}");
        // Exactly these are shown: one where images are left out in turn, by other scores another may be far above.
        assert!(kept.len() == 1 || (way != "turns" && kept.len() < 4), "{way}: {kept:?}");
        let page = fs::read_to_string(at.join(answer["suspects_page"].as_str().unwrap())).unwrap();
        assert!(page.contains("odd.png</h2>") && page.matches("<h2").count() == 2 + kept.len(), "{way}");
        assert!(!page.contains("too faint") && !page.contains("no suspects"), "{way}");
        // The image, its map and its neighbour; which one that is says a bank of images that are not held out.
        let n_pictures = page.matches("<img src=\"data:image/png;base64,iVBOR").count();
        let n_unknown = page.matches("comes nearest to is not known").count();
        assert_eq!((n_pictures, overlays(&at.join(way)).len()), (3 * kept.len() - n_unknown, kept.len()), "{way}");
        assert!(n_unknown == 0 || way != "turns", "{way}");
        if let Some(nearest) = kept[0]["nearest"].as_str() {
            assert!(page.contains(&format!("Nearest training image: {nearest}\"")), "{way}");
        }
        let share = coloured_share_of_spot(&at.join(way).join("overlays/odd.png.png"));
        assert!(share > 0.5, "{way}: {share}");
    }
    // The folder is one of results: nothing in it is an image of a later listing.
    let again = expect(0, pcore(at).args(["screen", ".", "--json"]));
    let again: Value = serde_json::from_str(&text(&again.stdout)).unwrap();
    assert_eq!(again["images"].as_array().unwrap().len(), 31);
    // What scores by the bundle names them as well.
    expect(0, pcore(at).args(["infer", "normal/00.png", "--bundle", "x.pcore", "--out", "results"]));
    let report = fs::read_to_string(at.join("results/report.html")).unwrap();
    assert!(
        report.contains("Training images unlike the others") && report.contains("<th scope=\"row\" title=\"odd.png\">")
    );
}

#[test]
fn an_image_left_out_of_the_fit_is_shown_and_without_suspects_the_page_says_so() {
    let folder = lot(Some("odd.png"));
    let answer = fit(folder.path(), &["--image-size", "64x64", "--drop-suspects", "--suspects", "page"]);
    assert_eq!(answer["manifest"]["suspects"]["dropped"][0]["name"], "odd.png");
    let page = fs::read_to_string(folder.path().join("page/suspects.html")).unwrap();
    assert!(page.contains("left out</span>") && page.contains("0 among them, 1 left out of the fit"), "{page}");
    assert!(coloured_share_of_spot(&folder.path().join("page/overlays/odd.png.png")) > 0.5);
    let clean = lot(None);
    let answer = fit(clean.path(), &["--image-size", "64x64", "--suspects", "page"]);
    assert!(answer["manifest"].get("suspects").is_none());
    let page = fs::read_to_string(clean.path().join("page/suspects.html")).unwrap();
    assert!(page.contains("There are no suspects</strong> among the 30 training images"), "{page}");
    assert!(!page.contains("<img ") && overlays(&clean.path().join("page")).is_empty());
    expect(0, pcore(clean.path()).args(["infer", "normal/00.png", "--bundle", "x.pcore", "--out", "results"]));
    let report = fs::read_to_string(clean.path().join("results/report.html")).unwrap();
    assert!(!report.contains("unlike the others"));
}

#[cfg(unix)]
#[test]
fn hostile_names_are_escaped_and_an_image_with_a_line_break_has_its_picture() {
    for name in ["<script>alert(1)<b>&\"'.png", "a\n\u{1b}[31m#?%2e.png"] {
        let folder = lot(Some(name));
        fit(folder.path(), &["--image-size", "64x64", "--suspects", "page"]);
        let page = fs::read_to_string(folder.path().join("page/suspects.html")).unwrap();
        assert!(!page.contains("<script>alert") && !page.contains('\u{1b}'), "{name:?}");
        assert_eq!((page.matches("<img ").count(), overlays(&folder.path().join("page")).len()), (3, 1), "{name:?}");
        expect(0, pcore(folder.path()).args(["infer", "normal/00.png", "--bundle", "x.pcore", "--out", "results"]));
        let report = fs::read_to_string(folder.path().join("results/report.html")).unwrap();
        assert!(!report.contains("<script>alert") && report.contains("Training images unlike the others"), "{name:?}");
    }
}

#[test]
fn a_place_that_takes_no_page_is_refused_before_the_work_and_one_that_breaks_later_leaves_the_bundle() {
    let folder = lot(Some("odd.png"));
    let at = folder.path();
    let arguments = ["fit", "--normal", "normal", "--bundle", "x.pcore", "--image-size", "64x64"];
    let said = text(&expect(2, pcore(at).args(arguments).args(["--suspects", "normal/00.png"])).stderr);
    assert!(said.contains("is no folder") && !at.join("x.pcore").exists(), "{said}");
    // A folder where the page should be.
    fs::create_dir_all(at.join("page/suspects.html")).unwrap();
    let said = text(&expect(3, pcore(at).args(arguments).args(["--suspects", "page"])).stderr);
    assert!(said.contains("the bundle is written, but not the page") && at.join("x.pcore").exists(), "{said}");
}
