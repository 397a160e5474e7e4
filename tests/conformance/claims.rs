//! The claims.

use crate::cases::{all, bits, cases, fresh, inspect, normals, open, registry};
use crate::data::{DEFECT, DEFECT_SIDE, HEIGHT, WIDTH, image};
use crate::listener::Listener;
use crate::toy;
use pcore::bundle::{self};
use pcore::condition::Policy;
use pcore::detect::DetectError;
use pcore::image::{Image, PixelBox};
use pcore::infer::{Calibration, ExplainPlan};
use pcore::model::OpenDevice;
use pcore::progress::Silent;
use pcore::score::Verdict;
use pcore::train::{FitPlan, Fitted, Holdout, PartPlan, TrainError, fit};
use std::sync::Arc;
use std::sync::atomic::Ordering;

#[test]
fn every_registered_detector_is_among_the_cases() {
    let fitted: Vec<&str> = all().iter().map(|(_, contents)| contents.manifest.detector.kind.as_str()).collect();
    for kind in registry().kinds() {
        assert!(fitted.contains(&kind.name), "{} is not tested", kind.name);
    }
    assert_eq!((registry().kinds().len(), fitted.len()), (6, 9));
}

#[test]
fn the_same_images_give_the_same_bundle_byte_for_byte() {
    for (case, contents) in all() {
        let again = case.fitted().contents;
        let bytes = |contents| bundle::to_bytes(contents, registry()).unwrap();
        assert!(bytes(contents) == bytes(&again), "{}", case.name);
    }
}

#[test]
fn a_part_is_asked_once_of_each_image_that_is_left_out() {
    let case = cases().into_iter().find(|case| case.name == "toy").unwrap();
    let plan = case.plan();
    let asked = [(); 2].map(|()| toy::Plan::default());
    let counts: Vec<_> = asked.iter().map(|plan| Arc::clone(&plan.n_asked)).collect();
    let part = |method: toy::Plan| PartPlan { method: Arc::new(method), ..plan.parts[0].clone() };
    let parts = asked.map(part).to_vec();
    let fitted = fit(&normals().samples, &FitPlan { parts, ..plan }, &OpenDevice::cpu(), &Silent).unwrap();
    assert_eq!(fitted.contents.manifest.detector.parts.len(), 2);
    let n_images = normals().samples.len();
    assert!(counts.iter().all(|n| n.load(Ordering::Relaxed) == n_images), "{counts:?} of {n_images} images");
}

#[test]
fn a_bundle_read_again_gives_the_same_bits() {
    for (case, contents) in all() {
        let bytes = bundle::to_bytes(contents, registry()).unwrap();
        let read = bundle::from_bytes(&bytes, registry()).unwrap();
        assert_eq!(bundle::to_bytes(&read, registry()).unwrap(), bytes, "{}", case.name);
        let images = fresh(4);
        let images: Vec<&Image> = images.iter().collect();
        let (before, after) = (open(contents).unwrap(), open(&read).unwrap());
        for (one, other) in inspect(&before, &images).iter().zip(inspect(&after, &images)) {
            assert_eq!(bits(one), bits(&other), "{}", case.name);
        }
        // What the opened detector would write is what was read.
        let section = after.detector().section().unwrap();
        assert_eq!((&section.entry, &section.tensors), (&read.manifest.detector, &read.tensors), "{}", case.name);
    }
}

#[test]
fn batch_order_company_and_threads_change_no_bit() {
    let images = fresh(6);
    for (case, contents) in all() {
        let inspector = open(contents).unwrap();
        let together = inspect(&inspector, &images.iter().collect::<Vec<_>>());
        let reversed = inspect(&inspector, &images.iter().rev().collect::<Vec<_>>());
        let single = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        for (index, image) in images.iter().enumerate() {
            let expected = bits(&together[index]);
            assert_eq!(bits(&reversed[images.len() - 1 - index]), expected, "{} reversed", case.name);
            assert_eq!(bits(&inspect(&inspector, &[image])[0]), expected, "{} alone", case.name);
            let found = single.install(|| bits(&inspect(&inspector, &[image])[0]));
            assert_eq!(found, expected, "{} with one thread", case.name);
        }
    }
}

#[test]
fn held_out_images_score_as_they_did_in_the_fit_under_every_view() {
    for case in cases() {
        let plan = FitPlan { holdout: Holdout::Share(0.3), ..case.plan() };
        let Fitted { contents, calibrating, .. } = fit(&normals().samples, &plan, &OpenDevice::cpu(), &Silent).unwrap();
        let mut inspector = open(&contents).unwrap();
        for (at, view) in contents.manifest.calibration.views.iter().enumerate() {
            let (policy, calibration) = match view.strip_prefix("density:") {
                Some(policy) => (policy, Calibration::Density),
                None => (view.as_str(), Calibration::Condition),
            };
            inspector.set_policy(policy.parse().unwrap()).unwrap();
            for (name, expected) in calibrating.iter().zip(contents.scores_under(at)) {
                let sample = normals().samples.iter().find(|sample| sample.name == *name).unwrap();
                let image = pcore::image::read(&sample.path, &pcore::image::Limits::default()).unwrap();
                let found = &inspector.inspect(&[&image], &[], calibration).unwrap()[0];
                assert_eq!(found.raw_score.to_bits(), expected.to_bits(), "{}, {view}, {name}", case.name);
            }
        }
        assert!(contents.manifest.calibration.views.len() >= 3 && calibrating.len() >= 8, "{}", case.name);
    }
}

#[test]
fn fresh_normals_are_rejected_no_more_often_than_promised_and_defects_are_found() {
    const N: usize = 60;
    for (case, contents) in all() {
        let inspector = open(contents).unwrap();
        let rejected = |has_defect: bool| {
            let images: Vec<Image> = (0..N).map(|i| image(9000 + i, i % 2 == 1, has_defect)).collect();
            let found = inspect(&inspector, &images.iter().collect::<Vec<_>>());
            found.iter().filter(|found| found.verdict == Verdict::Anomalous).count()
        };
        // 10 % were asked for; of 60 images 6, and chance gives more than 14 once in ten thousand times.
        let (false_alarms, found) = (rejected(false), rejected(true));
        assert!(false_alarms <= 14, "{}: {false_alarms} of {N} normal images are rejected", case.name);
        assert!(found >= N * 9 / 10, "{}: {found} of {N} defects are found", case.name);
    }
}

#[test]
fn the_map_is_hottest_where_the_defect_is_in_the_source() {
    for (case, contents) in all() {
        let inspector = open(contents).unwrap();
        for (seed, is_warm) in [(7001, false), (7002, true)] {
            let found = &inspect(&inspector, &[&image(seed, is_warm, true)])[0];
            let map = found.map.at_source(&found.placement, HEIGHT, WIDTH);
            let hottest = (0..map.values.len()).max_by(|a, b| map.values[*a].total_cmp(&map.values[*b])).unwrap();
            let (y, x) = (hottest / WIDTH, hottest % WIDTH);
            // A patch of 128 pixels' input is eight of them wide.
            let near = |at: usize, start: usize| at + 8 >= start && at <= start + DEFECT_SIDE + 8;
            assert!(near(y, DEFECT.0) && near(x, DEFECT.1), "{}: hottest at row {y}, column {x}", case.name);
        }
    }
}

#[test]
fn a_region_holds_the_defect_and_normal_images_have_few() {
    let centre = (DEFECT.0 + DEFECT_SIDE / 2, DEFECT.1 + DEFECT_SIDE / 2);
    for (case, contents) in all() {
        let mut inspector = open(contents).unwrap();
        let defects: Vec<Image> = (0..8).map(|i| image(7300 + i, i % 2 == 1, true)).collect();
        let found = inspect(&inspector, &defects.iter().collect::<Vec<_>>());
        for one in &found {
            let worst = one.regions.first().unwrap_or_else(|| panic!("{}: no region", case.name));
            let PixelBox { top_px, left_px, height_px, width_px } = worst.bounds;
            let is_inside =
                (top_px..top_px + height_px).contains(&centre.0) && (left_px..left_px + width_px).contains(&centre.1);
            assert!(is_inside, "{}: {:?}", case.name, worst.bounds);
            assert_eq!(worst.peak, one.map.max(), "{}", case.name);
            assert!(worst.area_px <= (height_px * width_px) as f64, "{}", case.name);
        }
        let normals: Vec<Image> = (0..20).map(|i| image(7400 + i, i % 2 == 1, false)).collect();
        let normals = inspect(&inspector, &normals.iter().collect::<Vec<_>>());
        let n_with = normals.iter().filter(|one| !one.regions.is_empty()).count();
        assert!(n_with <= 8, "{}: {n_with} of 20 normal images have regions", case.name);
        // A least area leaves regions out, and changes nothing else.
        inspector.set_min_region_area((HEIGHT * WIDTH + 1) as f64);
        let again = &inspect(&inspector, &[&defects[0]])[0];
        assert!(again.regions.is_empty() && bits(again) == bits(&found[0]), "{}", case.name);
    }
}

#[test]
fn conditions_are_told_and_unknown_ones_are_compared_with_all() {
    for (case, contents) in all() {
        let mut inspector = open(contents).unwrap();
        let (cold, warm) = (image(7100, false, false), image(7101, true, false));
        let found = inspect(&inspector, &[&cold, &warm]);
        let told: Vec<_> = found.iter().map(|found| found.condition.as_ref().unwrap().as_str()).collect();
        assert_eq!(told, ["cold", "warm"], "{}", case.name);
        // The wrong bank makes a normal image look strange; an unknown condition looks at both.
        let given = |name| inspector.inspect(&[&warm], &[Some(name)], Calibration::Condition).unwrap()[0].clone();
        let (right, wrong, unknown) = (given("warm"), given("cold"), given("hot"));
        let (least, most) = (right.raw_score, wrong.raw_score);
        if ["discriminative", "autoencoder"].contains(&case.name) {
            // A fault is one in every condition.
            assert!(least == most && unknown.raw_score == least && unknown.is_unknown_condition);
            continue;
        }
        assert!(most > least, "{}: {most} and {least}", case.name);
        assert!(unknown.is_unknown_condition && unknown.condition.is_none(), "{}", case.name);
        assert!(unknown.raw_score < wrong.raw_score, "{}", case.name);
        for policy in Policy::ALL {
            inspector.set_policy(policy).unwrap();
            assert!(inspect(&inspector, &[&cold])[0].raw_score.is_finite(), "{} {policy}", case.name);
        }
    }
}

#[test]
fn an_explanation_shows_the_defect_and_every_part() {
    let plan = ExplainPlan { n_patches: 3, n_matches: 2 };
    for (case, contents) in all() {
        let inspector = open(contents).unwrap();
        let defect = image(7200, true, true);
        let why = inspector.explain(&defect, None, Calibration::Condition, &plan).unwrap();
        assert_eq!(bits(&why.inspection), bits(&inspect(&inspector, &[&defect])[0]), "{}", case.name);
        let worst = why.patches[0].place.pixels;
        let (y, x) = (worst.top_px + worst.height_px / 2, worst.left_px + worst.width_px / 2);
        let near = |at: usize, start: usize| at + 12 >= start && at <= start + DEFECT_SIDE + 12;
        assert!(near(y, DEFECT.0) && near(x, DEFECT.1), "{}: row {y}, column {x}", case.name);
        let n_parts = if case.parts.len() > 1 { case.parts.len() } else { 0 };
        assert_eq!((why.parts.len(), inspector.detector().parts().len()), (n_parts, n_parts), "{}", case.name);
        if n_parts > 0 {
            // What is shown is what said most, and the shares are the score.
            let shown = why.parts[why.shown_part.unwrap()].share;
            assert!(why.parts.iter().all(|part| part.share <= shown), "{}", case.name);
            let sum: f32 = why.parts.iter().map(|part| part.share).sum();
            assert!((sum - why.inspection.raw_score).abs() < 1e-3 * sum.abs(), "{}", case.name);
        }
    }
}

#[test]
fn a_fit_stops_wherever_it_is_told_to() {
    for case in cases() {
        let run = |n: usize| {
            let stop = Listener::stopping_at(n);
            fit(&normals().samples, &case.plan(), &OpenDevice::cpu(), &stop)
        };
        let mut n_stopped = 0;
        for n in [0, 1, 3, 9, 20] {
            match run(n) {
                Err(TrainError::Infer(DetectError::Cancelled)) => n_stopped += 1,
                Err(other) => panic!("{}: {other}", case.name),
                Ok(_) => {}
            }
        }
        assert!(n_stopped >= 4, "{}: {n_stopped}", case.name);
    }
}
