//! Few images: turned copies, and judging the object alone.

use crate::cases::{Case, cases, inspect, open, registry};
use pcore::bank::foreground;
use pcore::bundle;
use pcore::condition::{ConditionRule, GateKind};
use pcore::detect::{Options, Shape};
use pcore::image::{Image, RoiShape};
use pcore::infer::Inspector;
use pcore::model::OpenDevice;
use pcore::progress::Silent;
use pcore::score::ImageScore;
use pcore::train::{FitPlan, Holdout, fit_images};

const SIDE: usize = 96;

fn noise(seed: usize) -> f32 {
    let mixed = (seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d;
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f32 / (1u32 << 24) as f32
}

/// A bright, coarsely striped disc before a dark ground; with a bright cross on it.
fn disc(seed: usize, is_marked: bool) -> Image {
    let value = |at: usize| {
        let (y, x) = (at / SIDE, at % SIDE);
        let (dy, dx) = (y as f32 - 47.5, x as f32 - 47.5);
        let stripes = if dy * dy + dx * dx < 30.0 * 30.0 { 0.6 + 0.25 * (x as f32 / 2.5).sin() } else { 0.1 };
        let is_cross = (dy.abs() < 2.0 && dx.abs() < 7.0) || (dx.abs() < 2.0 && dy.abs() < 7.0);
        stripes + if is_marked && is_cross { 0.4 } else { 0.0 } + 0.02 * noise(seed * 10_007 + at)
    };
    Image::new((0..SIDE * SIDE).map(value).collect(), SIDE, SIDE, 1).unwrap()
}

fn plan(case: &Case) -> FitPlan {
    FitPlan { conditions: ConditionRule::None, gate: GateKind::Auto, ..case.plan() }
}

fn normals() -> Vec<(String, Image)> {
    (0..10).map(|i| (format!("{i}.png"), disc(i, false))).collect()
}

#[test]
fn turned_copies_make_turned_parts_normal_and_only_copies_make_no_image_calibrate_twice() {
    for case in cases().into_iter().filter(|case| !["gaussian of places", "autoencoder"].contains(&case.name)) {
        let fitted = |rotate| {
            let done = fit_images(&normals(), &FitPlan { rotate, ..plan(&case) }, &OpenDevice::cpu(), &Silent);
            done.unwrap_or_else(|e| panic!("{}: {e}", case.name)).contents
        };
        let (plain, turned) = (fitted(1), fitted(8));
        assert_eq!(turned.manifest.rotate, Some(8));
        assert!(!serde_json::to_string(&plain.manifest).unwrap().contains("rotate"));
        assert_eq!(turned.scores_under(0).len(), plain.scores_under(0).len(), "{}", case.name);
        let read = bundle::from_bytes(&bundle::to_bytes(&turned, registry()).unwrap(), registry()).unwrap();
        let probe = disc(77, false).turned(45.0);
        let (without, with) = (inspect(&open(&plain).unwrap(), &[&probe]), inspect(&open(&read).unwrap(), &[&probe]));
        // In deviations of either's normal images.
        let (without, with) = (without[0].calibrated_score, with[0].calibrated_score);
        assert!(with < without, "{}: {with} with turned copies, {without} without", case.name);
    }
}

#[test]
fn patches_behind_the_object_have_no_distance_and_the_score_is_that_of_the_others() {
    const THRESHOLD: f32 = 0.2;
    let mut options = Options::default();
    (options.coreset, options.scoring.image_score) = ("0.2".parse().unwrap(), ImageScore::Top(0.02));
    let case = Case { name: "object", parts: vec![("patchcore", 96, options.clone())] };
    let judging = |foreground, holdout| {
        let mut plan = FitPlan { holdout, ..plan(&case) };
        plan.parts[0].pipeline.descriptor.foreground = foreground;
        fit_images(&normals(), &plan, &OpenDevice::cpu(), &Silent).unwrap()
    };
    let (all, object) = (judging(None, Holdout::Auto).contents, judging(Some(THRESHOLD), Holdout::Auto).contents);
    assert!(!serde_json::to_string(&all.manifest).unwrap().contains("foreground"));
    // What is learned from stays, and images that are left out are judged by their object as well.
    assert!(all.tensors.numbers("rows") == object.tensors.numbers("rows"));
    assert!(all.scores.iter().zip(&object.scores).any(|(all, object)| object < all));
    let read = bundle::from_bytes(&bundle::to_bytes(&object, registry()).unwrap(), registry()).unwrap();
    let (whole, part) = (open(&all).unwrap(), open(&read).unwrap());
    let mut n_behind = 0;
    for image in [disc(50, false), disc(51, true)] {
        let score = |inspector: &Inspector| inspector.score(&[&image], &[]).unwrap().remove(0);
        let (plain, found) = (score(&whole), score(&part));
        let rows = part.pipeline().describe(&[&image]).unwrap();
        let seen = foreground(&rows.rows, rows.grid, THRESHOLD);
        let expected: Vec<f32> =
            plain.patches.iter().zip(&seen).map(|(d, seen)| if *seen { *d } else { 0.0 }).collect();
        assert_eq!(found.patches, expected);
        assert_eq!(Some(found.raw_score()), ImageScore::Top(0.02).of_patches(&expected));
        n_behind += seen.iter().filter(|seen| !**seen).count();
    }
    assert!(n_behind > 20, "{n_behind} of 288 patches are behind the object");
    assert!(inspect(&part, &[&disc(51, true)])[0].calibrated_score > 3.0);
    let held = judging(Some(THRESHOLD), Holdout::Share(0.3));
    for (name, expected) in held.calibrating.iter().zip(held.contents.scores_under(0)) {
        let seed = name.trim_end_matches(".png").parse().unwrap();
        let found = &inspect(&open(&held.contents).unwrap(), &[&disc(seed, false)])[0];
        assert_eq!(found.raw_score.to_bits(), expected.to_bits(), "{name}");
    }
    // A score that is not of distances alone has none without some of them.
    options.scoring.image_score = ImageScore::Reweighted(5);
    let case = Case { name: "reweighted", parts: vec![("patchcore", 96, options)] };
    let mut plan = plan(&case);
    plan.parts[0].pipeline.descriptor.foreground = Some(THRESHOLD);
    let error = fit_images(&normals(), &plan, &OpenDevice::cpu(), &Silent).unwrap_err().to_string();
    assert!(error.contains("max or top"), "{error}");
}

#[test]
fn turns_that_mean_nothing_are_refused() {
    let refused = |plan: &FitPlan| fit_images(&normals(), plan, &OpenDevice::cpu(), &Silent).unwrap_err().to_string();
    let case = &cases()[0];
    for rotate in [0, 361] {
        assert!(refused(&FitPlan { rotate, ..plan(case) }).contains("`FitPlan::rotate`"));
    }
    let roi: Vec<RoiShape> = vec!["0,0,50,50".parse().unwrap()];
    assert!(refused(&FitPlan { rotate: 4, roi, ..plan(case) }).contains("region of interest"));
    let mut places = Options::default();
    places.shape = Shape::Places(12);
    let case = Case { name: "places", parts: vec![("gaussian", 96, places)] };
    assert!(refused(&FitPlan { rotate: 4, ..plan(&case) }).contains("whole or residual"));
}
