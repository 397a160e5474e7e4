//! Regions of interest: what lies elsewhere is neither learned nor scored, by any detector.

use crate::cases::{Case, bits, cases, inspect, normals, open, registry};
use crate::data::{DEFECT, DEFECT_SIDE, HEIGHT, WIDTH, image};
use pcore::bundle::{self, Contents};
use pcore::condition::{ConditionRule, GateKind};
use pcore::detect::Options;
use pcore::image::{Image, PixelBox, Preprocessing, Resize, Roi, RoiArea, RoiShape};
use pcore::infer::{Calibration, ExplainPlan};
use pcore::model::{Grid, OpenDevice};
use pcore::progress::Silent;
use pcore::score::Verdict;
use pcore::train::{FitPlan, Fitted, Holdout, fit, fit_images};

/// A part of the image that does not hold the defect, and one that does.
const WITHOUT: &str = "70,0,50,72";
const WITH: &str = "30,10,60,50";

fn shapes(text: &str) -> Vec<RoiShape> {
    vec![text.parse().unwrap()]
}

fn fitted(case: &Case, plan: &FitPlan) -> Contents {
    let done = fit(&normals().samples, plan, &OpenDevice::cpu(), &Silent);
    done.unwrap_or_else(|error| panic!("{}: {error}", case.name)).contents
}

fn defects(n: usize) -> Vec<Image> {
    (0..n).map(|i| image(8000 + i, i % 2 == 1, true)).collect()
}

#[test]
fn a_defect_counts_where_it_is_looked_at_and_nowhere_else() {
    for case in cases() {
        let looking_at = |text| fitted(&case, &FitPlan { roi: shapes(text), ..case.plan() });
        let images = defects(12);
        let images: Vec<&Image> = images.iter().collect();
        let n_found = |contents: &Contents| {
            let found = inspect(&open(contents).unwrap(), &images);
            found.iter().filter(|one| one.verdict == Verdict::Anomalous).count()
        };
        let (with, without) = (looking_at(WITH), looking_at(WITHOUT));
        assert!(n_found(&with) >= 10, "{}: {} of 12", case.name, n_found(&with));
        // Chance alone rejects one in ten.
        assert!(n_found(&without) <= 5, "{}: {} of 12", case.name, n_found(&without));
        let ignoring = fitted(&case, &FitPlan { ignore: shapes(WITH), ..case.plan() });
        assert!(n_found(&ignoring) <= 5, "{}: {} of 12 ignored", case.name, n_found(&ignoring));

        // Nothing outside has a value, a region, a row of the bank, or a patch that explains.
        let inspector = open(&with).unwrap();
        for one in inspect(&inspector, &images) {
            let inside = one.inside.as_ref().unwrap();
            assert!(one.map.values.iter().zip(inside.pixels()).all(|(v, is_inside)| *is_inside || *v == 0.0));
            assert!(inside.pixels().contains(&false) && one.map.max() > 0.0, "{}", case.name);
            for region in &one.regions {
                let PixelBox { top_px, left_px, height_px, width_px } = region.bounds;
                // A pixel of the map is up to two of the image wide.
                let fits = left_px >= 28 && left_px + width_px <= 92 && top_px >= 8 && top_px + height_px <= 62;
                assert!(fits, "{}: {:?}", case.name, region.bounds);
            }
        }
        let plan = ExplainPlan { n_patches: 2, n_matches: 1 };
        let why = inspector.explain(images[0], None, Calibration::Condition, &plan).unwrap();
        let worst = why.patches[0].place.pixels;
        let (y, x) = (worst.top_px + worst.height_px / 2, worst.left_px + worst.width_px / 2);
        let near = |at: usize, start: usize| at + 12 >= start && at <= start + DEFECT_SIDE + 12;
        assert!(near(y, DEFECT.0) && near(x, DEFECT.1), "{}: row {y}, column {x}", case.name);
        if let ("patchcore", Some(bank)) = (case.name, inspector.bank()) {
            let grid = Grid { n_rows: 12, n_cols: 12 };
            let inside = inspector.pipeline().inside((HEIGHT, WIDTH), None, grid).unwrap().unwrap();
            assert!(bank.origins().iter().all(|row| inside.patches().contains(&row.position)));
        }
    }
}

#[test]
fn a_bundle_keeps_it_and_held_out_images_score_as_they_did_in_the_fit() {
    for case in cases() {
        let plan = FitPlan {
            roi: shapes("20,5 110,5 60,70"),
            ignore: shapes("0%,0%,30%,30%"),
            holdout: Holdout::Share(0.3),
            ..case.plan()
        };
        let Fitted { contents, calibrating, .. } = fit(&normals().samples, &plan, &OpenDevice::cpu(), &Silent).unwrap();
        let bytes = bundle::to_bytes(&contents, registry()).unwrap();
        let read = bundle::from_bytes(&bytes, registry()).unwrap();
        assert!(read.manifest.roi == contents.manifest.roi && read.manifest.roi.is_some(), "{}", case.name);
        let inspector = open(&read).unwrap();
        for (name, expected) in calibrating.iter().zip(contents.scores_under(0)) {
            let sample = normals().samples.iter().find(|sample| sample.name == *name).unwrap();
            let image = pcore::image::read(&sample.path, &pcore::image::Limits::default()).unwrap();
            let found = &inspect(&inspector, &[&image])[0];
            assert_eq!(found.raw_score.to_bits(), expected.to_bits(), "{}, {name}", case.name);
            let alone = inspect(&open(&contents).unwrap(), &[&image]);
            assert_eq!(bits(&alone[0]), bits(found), "{}", case.name);
        }
    }
}

/// A texture; beyond column `from` another one where it is spoiled.
fn wide(seed: usize, spoiled_from: usize) -> Image {
    const SIDE: usize = 128;
    let noise = |seed: usize| {
        let mixed = (seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d;
        ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f32 / (1u32 << 24) as f32
    };
    let value = |at: usize| {
        let (y, x) = (at / SIDE, at % SIDE);
        if x >= spoiled_from {
            return 50.0 * noise(at + 77 * seed);
        }
        let phase = noise(seed);
        0.5 + 0.2 * ((y as f32 / 5.0 + phase).sin() + (x as f32 / 7.0).cos()) + 0.05 * noise(seed * 100_003 + at)
    };
    Image::new((0..SIDE * SIDE).map(value).collect(), SIDE, SIDE, 1).unwrap()
}

/// `docs/regions.md` says how far: one pixel of the network's input beside the edge, here two of the image.
#[test]
fn a_pixel_outside_changes_no_bit_of_bundle_score_or_map() {
    // Up to column 60; the next pixel of an input of 64 ends at 62.
    const FREE_FROM: usize = 62;
    for case in cases() {
        let mut plan =
            FitPlan { roi: shapes("0,0,60,128"), conditions: ConditionRule::None, gate: GateKind::Auto, ..case.plan() };
        for (part, side) in plan.parts.iter_mut().zip([96, 64]) {
            part.pipeline.preprocessing = Preprocessing::imagenet(side, side, Resize::StretchBilinear);
        }
        let fitted = |spoiled_from: usize| {
            let images: Vec<(String, Image)> = (0..12).map(|i| (format!("{i}.png"), wide(i, spoiled_from))).collect();
            fit_images(&images, &plan, &OpenDevice::cpu(), &Silent).unwrap().contents
        };
        let (plain, spoiled) = (fitted(128), fitted(FREE_FROM));
        assert!(plain.tensors == spoiled.tensors, "{}", case.name);
        let scores = |contents: &Contents| contents.scores.iter().map(|s| s.to_bits()).collect::<Vec<_>>();
        assert_eq!(scores(&plain), scores(&spoiled), "{}", case.name);
        assert_eq!(plain.manifest.pixel_threshold, spoiled.manifest.pixel_threshold, "{}", case.name);
        let inspector = open(&plain).unwrap();
        let of = |spoiled_from| bits(&inspect(&inspector, &[&wide(50, spoiled_from)])[0]);
        assert_eq!(of(128), of(FREE_FROM), "{}", case.name);
        // What is looked at does count.
        assert_ne!(of(128), of(58), "{}", case.name);
    }
}

#[test]
fn a_patch_filter_compares_what_is_looked_at() {
    let mut options = Options::default();
    (options.coreset, options.filter_patches) = ("0.05".parse().unwrap(), 0.1);
    let case = Case { name: "filtered", parts: vec![("patchcore", 96, options)] };
    let looking_at = |text| fitted(&case, &FitPlan { roi: shapes(text), ..case.plan() });
    let (whole, part) = (looking_at("0%,0%,100%,100%"), looking_at(WITH));
    assert!(whole.tensors == fitted(&case, &case.plan()).tensors);
    // 60 of 120 columns from 30 on, in a grid of twelve.
    let columns = part.tensors.indices("row_position").iter().map(|place| place % 12);
    assert!(columns.clone().count() > 10 && columns.clone().all(|column| (3..9).contains(&column)));
}

#[test]
fn an_image_without_a_patch_inside_is_refused_by_name() {
    let case = &cases()[0];
    let plan = FitPlan { roi: shapes("0,0,1,1"), ..case.plan() };
    let error = fit(&normals().samples, &plan, &OpenDevice::cpu(), &Silent).unwrap_err().to_string();
    assert!(error.contains("000.png") && error.contains("none of the 144 patches"), "{error}");
    let beyond = FitPlan { ignore: shapes("100,0,30,10"), ..case.plan() };
    let error = fit(&normals().samples, &beyond, &OpenDevice::cpu(), &Silent).unwrap_err().to_string();
    assert!(error.contains("`FitPlan::ignore` 100,0,30,10 reaches beyond the image"), "{error}");
}

#[test]
fn without_one_a_bundle_says_nothing_of_it() {
    let contents = cases()[0].fitted().contents;
    assert!(!serde_json::to_string(&contents.manifest).unwrap().contains("roi"));
}

/// What a mask of its own marks of an image: the left part up to this column, of `wide`.
fn left_of(column: usize) -> Roi {
    Roi { inside: vec![RoiArea::Rectangle([0.0, 0.0, column as f64 / 128.0, 1.0])], ignored: vec![] }
}

#[test]
fn a_mask_of_its_own_says_of_each_image_what_is_learned_and_scored() {
    for case in cases() {
        let mut plan = FitPlan { conditions: ConditionRule::None, gate: GateKind::Auto, ..case.plan() };
        for (part, side) in plan.parts.iter_mut().zip([96, 64]) {
            part.pipeline.preprocessing = Preprocessing::imagenet(side, side, Resize::StretchBilinear);
        }
        let fitted = |masked: &dyn Fn(usize, Image) -> Image, plan: &FitPlan| {
            let image = |i: usize| masked(i, wide(i, if i.is_multiple_of(2) { 62 } else { 128 }));
            let images: Vec<(String, Image)> = (0..12).map(|i| (format!("{i}.png"), image(i))).collect();
            fit_images(&images, plan, &OpenDevice::cpu(), &Silent).unwrap().contents
        };
        // Half of the images are spoiled where their masks do not look, and half have a mask of all.
        let each = |i: usize, image: Image| image.with_roi(left_of(if i.is_multiple_of(2) { 60 } else { 128 }));
        let own = fitted(&each, &plan);
        assert!(own.manifest.own_roi && own.manifest.roi.is_none(), "{}", case.name);
        let plain = fitted(&|_, image| image, &plan);
        assert!(!serde_json::to_string(&plain.manifest).unwrap().contains("own_roi"));
        assert!(plain.manifest.data_fingerprint != own.manifest.data_fingerprint, "{}", case.name);
        let inspector = open(&own).unwrap();
        let spoiled = |column| wide(50, 62).with_roi(left_of(column));
        let (clean, hidden) = (wide(50, 128).with_roi(left_of(60)), spoiled(60));
        assert_eq!(
            bits(&inspect(&inspector, &[&clean])[0]),
            bits(&inspect(&inspector, &[&hidden])[0]),
            "{}",
            case.name
        );
        assert!(inspect(&inspector, &[&spoiled(128)])[0].raw_score > inspect(&inspector, &[&clean])[0].raw_score);
        // With the same mask for all it is what a region of interest is.
        let same = fitted(&|_, image| image.with_roi(left_of(60)), &plan);
        let region = fitted(&|_, image| image, &FitPlan { roi: shapes("0,0,60,128"), ..plan.clone() });
        assert!(same.tensors == region.tensors && same.scores == region.scores, "{}", case.name);
    }
}
