//! Large images in tiles: small defects are found, no seam shows, and an answer is the same whatever the batch, by any detector.

use crate::cases::{Case, bits, cases, inspect, open, registry};
use pcore::bundle::{self, Contents, TilesEntry};
use pcore::condition::{ConditionRule, GateKind};
use pcore::detect::{Options, Shape};
use pcore::image::{Image, PixelBox, Preprocessing, Resize};
use pcore::infer::{Calibration, ExplainPlan, NormalImages};
use pcore::model::OpenDevice;
use pcore::progress::Silent;
use pcore::score::Verdict;
use pcore::train::{FitPlan, Fitted, Holdout, TileRule, fit_images};
use std::collections::BTreeSet;

const HEIGHT: usize = 190;
const WIDTH: usize = 330;
/// Where the defect begins, and its side: a fortieth of the width.
const DEFECT: (usize, usize) = (130, 210);
const DEFECT_SIDE: usize = 8;

fn noise(seed: usize) -> f32 {
    let mixed = (seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d;
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f32 / (1u32 << 24) as f32
}

/// A large texture, with a small spot where it has a defect.
fn large_of(seed: usize, (height, width): (usize, usize), has_defect: bool) -> Image {
    let phase = noise(seed);
    let value = |at: usize| {
        let (y, x) = (at / width, at % width);
        let is_inside =
            (DEFECT.0..DEFECT.0 + DEFECT_SIDE).contains(&y) && (DEFECT.1..DEFECT.1 + DEFECT_SIDE).contains(&x);
        let wave = (y as f32 / 5.0 + phase).sin() + (x as f32 / 7.0 - phase).cos();
        let grain = 0.05 * noise(seed * 100_003 + at);
        0.4 + 0.08 * wave + grain + if has_defect && is_inside { 0.4 } else { 0.0 }
    };
    Image::new((0..height * width).map(value).collect(), height, width, 1).unwrap()
}

fn large(seed: usize, has_defect: bool) -> Image {
    large_of(seed, (HEIGHT, WIDTH), has_defect)
}

fn named(images: impl Iterator<Item = Image>) -> Vec<(String, Image)> {
    images.enumerate().map(|(i, image)| (format!("{i:03}.png"), image)).collect()
}

/// In tiles of the size of the network's input, or of other pixels of the image.
fn plan(case: &Case, tiles: &str) -> FitPlan {
    FitPlan { conditions: ConditionRule::None, gate: GateKind::Auto, tiles: tiles.parse().unwrap(), ..case.plan() }
}

fn fitted(case: &Case, plan: &FitPlan) -> Fitted {
    let images = named((0..14).map(|seed| large(seed, false)));
    fit_images(&images, plan, &OpenDevice::cpu(), &Silent).unwrap_or_else(|e| panic!("{}: {e}", case.name))
}

/// Those that know no places.
fn cases_in_tiles() -> Vec<Case> {
    let cases: Vec<Case> =
        cases().into_iter().filter(|case| !["gaussian of places", "autoencoder"].contains(&case.name)).collect();
    assert_eq!(cases.len(), 7);
    cases
}

#[test]
fn a_small_defect_in_a_large_image_is_found_where_it_is() {
    // The toy knows nothing but a mean, from which a wave is as far as a spot.
    for case in cases_in_tiles().into_iter().filter(|case| case.name != "toy") {
        let contents = fitted(&case, &plan(&case, "96:48")).contents;
        let inspector = open(&contents).unwrap();
        let images: Vec<Image> = (0..10).map(|seed| large(100 + seed, true)).collect();
        let found = inspect(&inspector, &images.iter().collect::<Vec<_>>());
        let n_found = found.iter().filter(|one| one.verdict == Verdict::Anomalous).count();
        assert!(n_found >= 9, "{}: {n_found} of 10", case.name);
        for one in &found {
            let map = one.map.at_source(&one.placement, HEIGHT, WIDTH);
            assert_eq!(one.placement.input_px(), (one.map.height_px, one.map.width_px));
            let (y, x) = map.peak();
            let near = |at: usize, start: usize| at + 16 >= start && at <= start + DEFECT_SIDE + 16;
            assert!(near(y, DEFECT.0) && near(x, DEFECT.1), "{}: row {y}, column {x}", case.name);
        }
        // The patch that explains lies there too, and so does the row it was compared with in its own image.
        let why = inspector.explain(&images[0], None, Calibration::Condition, &ExplainPlan::default()).unwrap();
        let PixelBox { top_px, left_px, .. } = why.patches[0].place.pixels;
        assert!(
            top_px.abs_diff(DEFECT.0) < 24 && left_px.abs_diff(DEFECT.1) < 24,
            "{}: {top_px}, {left_px}",
            case.name
        );
    }
}

#[test]
fn one_answer_whatever_the_batch_after_reload_and_as_in_the_fit() {
    for case in cases_in_tiles() {
        let plan = FitPlan { holdout: Holdout::Share(0.3), ..plan(&case, "64:16") };
        let Fitted { contents, calibrating, .. } = fitted(&case, &plan);
        let read = bundle::from_bytes(&bundle::to_bytes(&contents, registry()).unwrap(), registry()).unwrap();
        let (here, again) = (open(&contents).unwrap(), open(&read).unwrap());
        let images: Vec<Image> = (0..4).map(|seed| large(200 + seed, seed % 2 == 1)).collect();
        let together = inspect(&here, &images.iter().collect::<Vec<_>>());
        for (image, found) in images.iter().zip(&together) {
            assert_eq!(bits(&inspect(&again, &[image])[0]), bits(found), "{}", case.name);
        }
        assert!(!calibrating.is_empty());
        for (name, expected) in calibrating.iter().zip(contents.scores_under(0)) {
            let seed: usize = name[..3].parse().unwrap();
            let found = &inspect(&again, &[&large(seed, false)])[0];
            assert_eq!(found.raw_score.to_bits(), expected.to_bits(), "{}, {name}", case.name);
        }
    }
}

/// The same detector with its images whole, or cut: so that a pixel of the input is one of the image in both.
fn at(contents: &Contents, (height_px, width_px): (usize, usize), tiles: Option<TilesEntry>) -> Contents {
    let mut contents = contents.clone();
    for entry in contents.manifest.detector.all_features_mut() {
        let input = &mut entry.preprocessing;
        (input.height_px, input.width_px, input.tiles) = (height_px, width_px, tiles);
        (entry.descriptor.grid_rows, entry.descriptor.grid_cols) = (height_px / 8, width_px / 8);
    }
    contents
}

#[test]
fn the_map_of_tiles_is_that_of_the_whole_image_up_to_a_thousandth() {
    // Large enough that what lies beyond a tile's border is not seen where it counts.
    let tiles = TilesEntry { size_px: 256, overlap_px: 192, step_px: 16 };
    let (height, width) = (384, 640);
    let case = &cases()[0];
    let options = plan(case, "none");
    let normals = named((0..6).map(|seed| large_of(seed, (256, 256), false)));
    let contents = fit_images(&normals, &FitPlan { threshold: Some(1.0), ..options }, &OpenDevice::cpu(), &Silent)
        .unwrap()
        .contents;
    let image = large_of(70, (height, width), true);
    let map = |contents: &Contents| {
        let found = inspect(&open(contents).unwrap(), &[&image]).remove(0);
        assert_eq!((found.map.height_px, found.map.width_px), (height, width));
        (found.raw_score, found.map)
    };
    let (whole_score, whole) = map(&at(&contents, (height, width), None));
    let (score, cut) = map(&at(&contents, (256, 256), Some(tiles)));
    let largest = whole.max();
    let difference = whole.values.iter().zip(&cut.values).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference < 1e-3 * largest, "{difference} of {largest}");
    assert!((score - whole_score).abs() < 1e-3 * whole_score, "{score} {whole_score}");
}

#[test]
fn what_lies_outside_the_region_of_interest_is_neither_learned_nor_scored() {
    for case in cases_in_tiles() {
        let plan = FitPlan { roi: vec!["20,10,150,170".parse().unwrap()], ..plan(&case, "96:32") };
        let contents = fitted(&case, &plan).contents;
        let inspector = open(&contents).unwrap();
        let (with, without) = (inspect(&inspector, &[&large(300, true)]), inspect(&inspector, &[&large(300, false)]));
        assert_eq!(bits(&with[0]), bits(&without[0]), "{}", case.name);
        let inside = with[0].inside.as_ref().unwrap();
        assert!(with[0].map.values.iter().zip(inside.pixels()).all(|(v, is_inside)| *is_inside || *v == 0.0));
        assert!(inside.pixels().contains(&false) && with[0].map.max() > 0.0, "{}", case.name);
    }
}

#[test]
fn images_of_any_size_go_into_one_bundle() {
    let case = &cases()[0];
    let sizes = [(190, 330), (96, 400), (60, 50), (300, 100)];
    let normals = named((0..16).map(|i| large_of(i, sizes[i % 4], false)));
    let contents = fit_images(&normals, &plan(case, "96:32"), &OpenDevice::cpu(), &Silent).unwrap().contents;
    let inspector = open(&contents).unwrap();
    let images: Vec<Image> = (0..4).map(|i| large_of(400 + i, sizes[i], false)).collect();
    for (one, (height, width)) in inspect(&inspector, &images.iter().collect::<Vec<_>>()).iter().zip(sizes) {
        let map = one.map.at_source(&one.placement, height, width);
        assert!(map.values.iter().all(|v| v.is_finite()) && map.max() > 0.0);
    }
    // A row of the bank says where it comes from, and is found there again.
    let bank = inspector.bank().unwrap();
    let sources: BTreeSet<u32> = bank.origins().iter().map(|row| row.source).collect();
    assert!(sources.len() > 4);
    let folder = tempfile::TempDir::new().unwrap();
    let mut images = NormalImages::new(Some(folder.path().to_owned()));
    let why = inspector.explain(&large(1, true), None, Calibration::Condition, &ExplainPlan::default()).unwrap();
    assert!(images.patch(&inspector, None, &why.patches[0].matches[0]).is_ok());
}

#[test]
fn what_needs_places_is_refused_and_tiles_no_network_can_see_are_too() {
    let images = named((0..4).map(|seed| large(seed, false)));
    let refused = |plan: &FitPlan| fit_images(&images, plan, &OpenDevice::cpu(), &Silent).unwrap_err().to_string();
    let mut places = Options::default();
    places.shape = Shape::Places(12);
    let case = Case { name: "places", parts: vec![("gaussian", 96, places)] };
    let error = refused(&plan(&case, "96"));
    assert!(error.contains("shape places:12") && error.contains("whole or residual"), "{error}");
    // Whole images that made such a bundle do not become tiles later.
    let contents = fit_images(&images, &plan(&case, "none"), &OpenDevice::cpu(), &Silent).unwrap().contents;
    let mut inspector = open(&contents).unwrap();
    assert!(inspector.set_tiles(Some("96".parse().unwrap())).unwrap());
    let error = inspector.inspect_one(&large(9, false)).unwrap_err().to_string();
    assert!(error.contains("shape places:12") && error.contains("whole or residual"), "{error}");
    let mut filtered = Options::default();
    filtered.filter_patches = 0.1;
    let case = Case { name: "filtered", parts: vec![("patchcore", 96, filtered)] };
    assert!(refused(&plan(&case, "96")).contains("filter patches 0.1"));
    let case = &cases()[0];
    let mut odd = plan(case, "96");
    odd.parts[0].pipeline.preprocessing = Preprocessing::imagenet(100, 96, Resize::StretchBilinear);
    let error = refused(&odd);
    assert!(error.contains("no multiple of that"), "{error}");
    let mut padded = plan(case, "96");
    padded.parts[0].pipeline.preprocessing.resize = Resize::FitPad;
    assert!(refused(&padded).contains("choose stretch-bilinear"));
}

#[test]
fn tiles_are_chosen_for_large_images_alone_and_a_bundle_without_says_nothing_of_them() {
    let case = Case { name: "small input", parts: vec![("patchcore", 64, case_options())] };
    let auto = |size| {
        let images = named((0..3).map(|seed| large_of(seed, size, false)));
        let plan = FitPlan { tiles: TileRule::Auto, threshold: Some(1.0), ..plan(&case, "auto") };
        fit_images(&images, &plan, &OpenDevice::cpu(), &Silent).unwrap().contents.manifest
    };
    let (small, strip) = (auto((HEIGHT, WIDTH)), auto((40, 1100)));
    assert!(!serde_json::to_string(&small).unwrap().contains("tiles"));
    let tiles = strip.detector.all_features()[0].preprocessing.tiles.unwrap();
    assert_eq!((tiles.size_px, tiles.overlap_px, tiles.step_px), (40, 10, 16));
}

fn case_options() -> Options {
    let mut options = Options::default();
    options.coreset = "0.05".parse().unwrap();
    options
}
