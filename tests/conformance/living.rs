//! Bundles that are changed after their fit: other thresholds, further images, images forgotten, two bundles as one.

use crate::cases::{Case, cases, fresh, inspect, open};
use crate::data::{HEIGHT, Normals, WIDTH, image, pixels};
use pcore::bundle::Contents;
use pcore::condition::ConditionRule;
use pcore::dataset::{self, Label, Sample};
use pcore::image::{Image, write_png_grey8};
use pcore::infer::{Calibration, Cut};
use pcore::live::{
    Aim, CalibratePlan, ChoosePlan, Costs, LiveError, Told, UpdatePlan, before_path, calibrate, choose_threshold,
    forget, merge, undo, update, write_changed,
};
use pcore::model::OpenDevice;
use pcore::progress::Silent;
use pcore::score::Verdict;
use pcore::train::{GroupRule, fit};
use pcore::{DetectError, FitPlan};
use std::path::Path;
use tempfile::TempDir;

/// Those that go on learning.
fn living() -> Vec<Case> {
    cases().into_iter().filter(|case| ["patchcore", "two sizes"].contains(&case.name)).collect()
}

fn fitted(case: &Case, samples: &[Sample]) -> Contents {
    let plan = FitPlan { registry: FitPlan::default().registry, ..case.plan() };
    fit(samples, &plan, &OpenDevice::cpu(), &Silent).unwrap().contents
}

pub(crate) fn plan() -> UpdatePlan {
    UpdatePlan { told: Told::By(ConditionRule::Folder), group: GroupRule::Single, at: None, ..UpdatePlan::default() }
}

/// Further images in `cold/` and `warm/`, by the same names as the first.
pub(crate) fn further(folder: &Path, seeds: std::ops::Range<usize>) -> Vec<Sample> {
    for (name, is_warm) in [("cold", false), ("warm", true)] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
        for (at, seed) in seeds.clone().enumerate() {
            let path = folder.join(format!("{name}/{at:03}.png"));
            write_png_grey8(&path, &pixels(seed, is_warm, false), HEIGHT, WIDTH).unwrap();
        }
    }
    dataset::normals(folder, None).unwrap().samples
}

/// Raw scores, thresholds and verdicts, as bits.
fn answers(contents: &Contents) -> Vec<(u32, u32, bool)> {
    let images = fresh(12);
    let borrowed: Vec<&Image> = images.iter().collect();
    let of = |found: pcore::Inspection| {
        (found.raw_score.to_bits(), found.threshold.to_bits(), found.verdict == Verdict::Anomalous)
    };
    inspect(&open(contents).unwrap(), &borrowed).into_iter().map(of).collect()
}

#[test]
fn what_was_added_can_be_forgotten_and_leaves_no_trace_in_any_answer() {
    let (normals, folder) = (Normals::new(12), TempDir::new().unwrap());
    let further = further(folder.path(), 300..308);
    let mut n_cases = 0;
    for case in living() {
        n_cases += 1;
        let base = fitted(&case, &normals.samples);
        let done = update(base.clone(), &further, &plan(), &OpenDevice::cpu(), &Silent).unwrap();
        let [old, new] = done.n_rows.unwrap();
        assert!(new > old, "{}: {old} rows, {new} now", case.name);
        assert!(done.names.iter().all(|name| name.starts_with("update-1/")) && done.names.len() == 16);
        let grown = Contents::from_bytes(&done.contents.to_bytes().unwrap()).unwrap();
        let manifest = &grown.manifest;
        assert_eq!((manifest.sources.len(), manifest.conditions[1].n_images), (40, 20));
        assert_eq!((manifest.calibration.global.n, manifest.calibration.n_added), (40, Some(16)));
        assert_ne!(answers(&grown), answers(&base), "{}", case.name);
        // Old images' scores stay, and those of the new ones are by all others.
        assert_eq!(grown.scores_under(0)[..24], *base.scores_under(0));
        let left = forget(grown.clone(), &["update-1/*".to_owned()], &OpenDevice::cpu(), None).unwrap();
        assert_eq!(left.n_scores_kept, 0);
        assert_eq!(answers(&left.contents), answers(&base), "{}", case.name);
        assert_eq!(left.contents.scores, base.scores);
        assert_eq!(left.contents.manifest.sources, base.manifest.sources);
        // The same images, the same bytes.
        let again = update(base, &further, &plan(), &OpenDevice::cpu(), &Silent).unwrap().contents;
        assert_eq!(again.to_bytes().unwrap(), grown.to_bytes().unwrap());
    }
    assert_eq!(n_cases, 2);
}

#[test]
fn an_update_scores_its_images_as_a_bank_without_them_does() {
    let (normals, folder) = (Normals::new(12), TempDir::new().unwrap());
    let further = further(folder.path(), 300..303);
    let base = fitted(&living()[0], &normals.samples);
    let grown = update(base, &further, &plan(), &OpenDevice::cpu(), &Silent).unwrap().contents;
    let n = grown.manifest.calibration.global.n;
    for (at, sample) in (n - 6..n).zip(&further) {
        let name = format!("update-1/{}", sample.name);
        let without = forget(grown.clone(), &[name], &OpenDevice::cpu(), None).unwrap().contents;
        let image = pcore::image::read(&sample.path, &pcore::Limits::default()).unwrap();
        let condition = sample.name.split('/').next();
        let found = open(&without).unwrap().score(&[&image], &[condition]).unwrap();
        assert_eq!(found[0].raw_score().to_bits(), grown.scores_under(0)[at].to_bits(), "{}", sample.name);
    }
}

#[test]
fn a_bank_stays_under_its_cap_however_often_it_learns() {
    let (normals, folder) = (Normals::new(8), TempDir::new().unwrap());
    let further = further(folder.path(), 300..303);
    for case in living() {
        let mut contents = fitted(&case, &normals.samples);
        let n_rows = |contents: &Contents| {
            let found = open(contents).unwrap();
            let parts = found.detector().parts();
            let of = |part: &dyn pcore::detect::Detector| part.memory_bank().unwrap().n_rows();
            if parts.is_empty() { of(found.detector()) } else { parts.iter().map(|part| of(&**part)).sum() }
        };
        let cap = n_rows(&contents);
        // Of a bundle that was never written, step by step.
        let one_by_one = UpdatePlan { cap: Some(cap), at: Some(std::time::UNIX_EPOCH), ..plan() };
        for sample in &further {
            let one = std::slice::from_ref(sample);
            contents = update(contents, one, &one_by_one, &OpenDevice::cpu(), &Silent).unwrap().contents;
            assert!(n_rows(&contents) <= cap, "{}: {} rows", case.name, n_rows(&contents));
        }
        assert_eq!(contents.manifest.sources.len(), 22);
        let steps = contents.manifest.lineage.as_ref().unwrap();
        assert_eq!((steps.steps.len(), &*steps.steps[5].at), (6, "1970-01-01T00:00:00Z"));
        let found: Vec<bool> = answers(&contents).iter().map(|(_, _, is_anomalous)| *is_anomalous).collect();
        // Fresh images by fours: two normal ones, two with a defect.
        assert_eq!(found.iter().filter(|found| **found).count(), 6, "{}: {found:?}", case.name);
    }
}

#[test]
fn a_new_condition_is_learned_by_its_name() {
    let (normals, folder) = (Normals::new(12), TempDir::new().unwrap());
    std::fs::create_dir(folder.path().join("hot")).unwrap();
    let negative = |seed, has_defect| pixels(seed, false, has_defect).into_iter().map(|v| 255 - v).collect::<Vec<u8>>();
    for seed in 0..12 {
        write_png_grey8(&folder.path().join(format!("hot/{seed}.png")), &negative(seed, false), HEIGHT, WIDTH).unwrap();
    }
    let hot = dataset::normals(folder.path(), None).unwrap().samples;
    for case in living() {
        let base = fitted(&case, &normals.samples);
        let grown = update(base, &hot, &plan(), &OpenDevice::cpu(), &Silent).unwrap().contents;
        let names: Vec<&str> = grown.manifest.conditions.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["cold", "warm", "hot"]);
        let inspector = open(&grown).unwrap();
        for has_defect in [false, true] {
            let pixels = negative(700, has_defect).into_iter().map(|v| f32::from(v) / 255.0).collect();
            let image = Image::new(pixels, HEIGHT, WIDTH, 1).unwrap();
            let found = inspector.inspect_one(&image).unwrap();
            // The gate has learned it as well.
            assert_eq!(found.condition.map(|c| c.to_string()).as_deref(), Some("hot"), "{}", case.name);
            assert_eq!(found.verdict == Verdict::Anomalous, has_defect, "{}", case.name);
        }
    }
}

#[test]
fn two_bundles_become_one_that_knows_what_both_knew() {
    let (normals, folder) = (Normals::new(12), TempDir::new().unwrap());
    let others = further(folder.path(), 300..312);
    for case in living() {
        let (first, second) = (fitted(&case, &normals.samples), fitted(&case, &others));
        let now = (&Silent as &dyn pcore::Progress, None);
        let both = merge(first.clone(), second.clone(), None, &OpenDevice::cpu(), now).unwrap();
        let [old, new] = both.n_rows.unwrap();
        assert_eq!(new, 2 * old, "{}", case.name);
        let manifest = &both.contents.manifest;
        assert_eq!((manifest.sources.len(), manifest.conditions.len(), manifest.calibration.global.n), (48, 2, 48));
        assert!(manifest.sources[24..].iter().all(|name| name.starts_with("merged/")));
        // Each image's score is no higher than by either bank alone.
        let image = image(5001, true, false);
        let raw =
            |contents: &Contents| open(contents).unwrap().score(&[&image], &[Some("warm")]).unwrap()[0].raw_score();
        if case.parts.len() == 1 {
            assert!(raw(&both.contents) <= raw(&first).min(raw(&second)));
        }
        let capped = merge(first, second, Some(old), &OpenDevice::cpu(), now).unwrap();
        assert!(capped.n_rows.unwrap()[1] <= old, "{}: {:?}", case.name, capped.n_rows);
    }
}

#[test]
fn thresholds_come_from_other_normals_condition_by_condition() {
    let (normals, folder) = (Normals::new(12), TempDir::new().unwrap());
    let others = further(folder.path(), 300..330);
    for case in cases().into_iter().filter(|case| case.name != "toy") {
        let base = fitted(&case, &normals.samples);
        let calibrating = CalibratePlan {
            alpha: Some(0.2),
            told: Told::By(ConditionRule::Folder),
            group: GroupRule::Single,
            at: None,
            ..CalibratePlan::default()
        };
        let warm: Vec<Sample> = others.iter().filter(|s| s.name.starts_with("warm")).cloned().collect();
        let done = calibrate(base.clone(), &warm, &calibrating, &OpenDevice::cpu(), &Silent).unwrap();
        let calibration = &done.contents.manifest.calibration;
        assert_eq!((done.n_scores, calibration.global.n, calibration.per_condition["warm"].n), (30, 42, 30));
        assert_eq!(done.contents.tensors, base.tensors, "{}", case.name);
        // The conformal rank by hand: ceil(0.8 * 31) = 25th of 30.
        let inspector = open(&base).unwrap();
        let read = |sample: &Sample| pcore::image::read(&sample.path, &pcore::Limits::default()).unwrap();
        let mut scores: Vec<f32> = warm
            .iter()
            .map(|sample| inspector.score(&[&read(sample)], &[Some("warm")]).unwrap()[0].raw_score())
            .collect();
        scores.sort_by(f32::total_cmp);
        assert_eq!(calibration.per_condition["warm"].threshold, Some(scores[24]), "{}", case.name);
        // Those of the other condition are what they were.
        let of = |contents: &Contents| {
            let cold = contents.score_condition.iter().zip(contents.scores_under(0)).filter(|(c, _)| **c == 0);
            cold.map(|(_, score)| score.to_bits()).collect::<Vec<_>>()
        };
        assert_eq!(of(&done.contents), of(&base));
        let unknown = CalibratePlan { told: Told::Named("hot".to_owned()), ..calibrating };
        let refused = calibrate(base, &warm, &unknown, &OpenDevice::cpu(), &Silent).unwrap_err();
        assert!(matches!(refused, LiveError::Detect(DetectError::UnknownCondition { .. })), "{refused}");
    }
}

#[test]
fn the_line_is_drawn_where_it_is_asked_for_and_nowhere_out_of_reach() {
    let normals = Normals::new(24);
    let base = fitted(&living()[0], &normals.samples);
    let mut inspector = open(&base).unwrap();
    let images = fresh(16);
    let borrowed: Vec<&Image> = images.iter().collect();
    let before = inspect(&inspector, &borrowed);
    inspector.set_cut(&Cut { alpha: vec![(None, 0.3)], ..Cut::default() }).unwrap();
    for (found, old) in inspect(&inspector, &borrowed).iter().zip(&before) {
        assert_eq!((found.raw_score, found.p_value), (old.raw_score, old.p_value));
        assert!(found.threshold < old.threshold);
        assert_eq!(found.verdict == Verdict::Anomalous, found.p_value.unwrap().value <= 0.3);
    }
    let of_cold = Cut { alpha: vec![], thresholds: vec![(Some("cold".to_owned()), 1e6), (None, -1.0)] };
    inspector.set_cut(&of_cold).unwrap();
    for found in inspect(&inspector, &borrowed) {
        let is_cold = found.condition.as_ref().is_some_and(|c| c.as_str() == "cold");
        assert_eq!(found.verdict == Verdict::Normal, is_cold);
    }
    let refused = inspector.set_cut(&Cut { alpha: vec![(None, 0.01)], ..Cut::default() }).unwrap_err();
    assert!(matches!(refused, DetectError::OutOfReach { n: 48, .. }), "{refused}");
    let refused = inspector.set_cut(&Cut { alpha: vec![(Some("hot".to_owned()), 0.3)], ..Cut::default() }).unwrap_err();
    assert!(refused.to_string().contains("'hot', only cold, warm"), "{refused}");
    // A refused line moves nothing.
    assert_eq!(inspect(&inspector, &borrowed[1..2])[0].threshold, -1.0);
}

#[test]
fn a_threshold_that_costs_least_is_chosen_on_labelled_images_and_the_bundle_says_so() {
    let (normals, folder) = (Normals::new(12), TempDir::new().unwrap());
    let base = fitted(&living()[1], &normals.samples);
    let mut samples = vec![];
    for seed in 0..16 {
        let (is_warm, has_defect) = (seed % 2 == 1, seed % 4 >= 2);
        let path = folder.path().join(format!("{seed}.png"));
        write_png_grey8(&path, &pixels(900 + seed, is_warm, has_defect), HEIGHT, WIDTH).unwrap();
        samples.push(Sample {
            label: Some(if has_defect { Label::Anomalous } else { Label::Normal }),
            name: format!("{seed}.png"),
            path,
            ..normals.samples[0].clone()
        });
    }
    let costs = Costs { miss: 20.0, defect_rate: Some(0.05) };
    let choosing = ChoosePlan { aim: Aim::Cost(costs), told: Told::ByGate, pace: pcore::Pace::default(), at: None };
    let chosen = choose_threshold(base.clone(), &samples, &choosing, &OpenDevice::cpu(), &Silent).unwrap();
    assert_eq!((chosen.entry.n_defects, chosen.entry.n_normals, chosen.entry.recall), (8, 8 + 24, 1.0));
    assert_eq!(chosen.entry.false_alarm_rate, 0.0);
    let contents = Contents::from_bytes(&chosen.contents.to_bytes().unwrap()).unwrap();
    assert_eq!(contents.manifest.calibration.method, "validated");
    let inspector = open(&contents).unwrap();
    for sample in &samples {
        let image = pcore::image::read(&sample.path, &pcore::Limits::default()).unwrap();
        let found = inspector.inspect(&[&image], &[], Calibration::Condition).unwrap().remove(0);
        assert_eq!(found.verdict == Verdict::Anomalous, sample.label == Some(Label::Anomalous), "{}", sample.name);
    }
    let good: Vec<Sample> = samples.iter().filter(|s| s.label == Some(Label::Normal)).cloned().collect();
    let refused = choose_threshold(base.clone(), &good, &choosing, &OpenDevice::cpu(), &Silent).unwrap_err();
    assert!(matches!(refused, LiveError::OneSided { n_defects: 0, .. }), "{refused}");
    let wrong = ChoosePlan { aim: Aim::Cost(Costs { miss: 0.0, defect_rate: None }), ..choosing };
    let refused = choose_threshold(base, &samples, &wrong, &OpenDevice::cpu(), &Silent).unwrap_err();
    assert!(refused.to_string().starts_with("`Costs::miss` 0: expected"), "{refused}");
}

#[test]
fn the_bundle_before_a_change_is_kept_and_comes_back() {
    let (normals, folder) = (Normals::new(8), TempDir::new().unwrap());
    let first = fitted(&living()[0], &normals.samples);
    let mut second = first.clone();
    second.manifest.domain = Some("second".to_owned());
    let path = folder.path().join("part.pcore");
    let domain = || Contents::read(&path).unwrap().manifest.domain;
    write_changed(&path, &first).unwrap();
    assert!(!before_path(&path).exists());
    assert!(undo(&path).unwrap_err().to_string().starts_with("nothing to undo"));
    write_changed(&path, &second).unwrap();
    assert_eq!(domain().as_deref(), Some("second"));
    assert_eq!(undo(&path).unwrap().manifest.domain, None);
    assert_eq!(domain(), None);
    undo(&path).unwrap();
    assert_eq!(domain().as_deref(), Some("second"));
    // What is kept and is damaged is not put back.
    let kept = before_path(&path);
    let mut bytes = std::fs::read(&kept).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&kept, bytes).unwrap();
    assert!(undo(&path).is_err());
    assert_eq!(domain().as_deref(), Some("second"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn cross_fitted_scores_are_those_of_images_that_the_detector_has_not_seen() {
    let normals = Normals::new(20);
    for case in cases().into_iter().filter(|case| case.name != "toy") {
        let plan = |holdout: &str| FitPlan {
            registry: FitPlan::default().registry,
            holdout: holdout.parse().unwrap(),
            ..case.plan()
        };
        let fitted = |holdout| fit(&normals.samples, &plan(holdout), &OpenDevice::cpu(), &Silent).unwrap().contents;
        let (crossed, left_out) = (fitted("cross:4"), fitted("leave-one-out"));
        let calibration = &crossed.manifest.calibration;
        assert_eq!((calibration.method.as_str(), calibration.global.n), ("cross-fit", 40), "{}", case.name);
        // The detector is that of all images.
        assert_eq!(crossed.tensors, left_out.tensors, "{}", case.name);
        let inspector = open(&crossed).unwrap();
        let mean = |scores: &[f32]| scores.iter().sum::<f32>() / scores.len() as f32;
        let fresh: Vec<f32> = (0..20)
            .map(|i| {
                let (image, name) = (image(7000 + i, i % 2 == 1, false), if i % 2 == 1 { "warm" } else { "cold" });
                inspector.score(&[&image], &[Some(name)]).unwrap()[0].raw_score()
            })
            .collect();
        // No lower than those of fresh images (a fit to fewer knows less), and far below a defect's.
        let spread = calibration.global.std.unwrap();
        let defect = inspector.score(&[&image(7100, true, true)], &[Some("warm")]).unwrap()[0].raw_score();
        let (crossed_mean, fresh_mean) = (mean(crossed.scores_under(0)), mean(&fresh));
        let said = format!("{}: {crossed_mean} for {fresh_mean}, deviation {spread}, a defect {defect}", case.name);
        assert!(crossed_mean > fresh_mean - spread && crossed_mean < (fresh_mean + defect) / 2.0, "{said}");
        assert_ne!(crossed.scores_under(0), left_out.scores_under(0), "{}", case.name);
    }
    for bad in ["cross:1", "cross:x", "cross:101"] {
        assert!(bad.parse::<pcore::Holdout>().is_err(), "{bad}");
    }
}

#[test]
fn distributions_learn_on_nearly_as_if_fitted_to_all() {
    let (normals, folder) = (Normals::new(16), TempDir::new().unwrap());
    let further = further(folder.path(), 300..312);
    let mut n_cases = 0;
    for case in cases().into_iter().filter(|case| ["gaussian", "gaussian of places"].contains(&case.name)) {
        n_cases += 1;
        let base = fitted(&case, &normals.samples);
        let grown = update(base.clone(), &further, &plan(), &OpenDevice::cpu(), &Silent).unwrap().contents;
        let mut all = normals.samples.clone();
        all.extend(further.iter().map(|s| Sample { name: format!("update-1/{}", s.name), ..s.clone() }));
        let label = |sample: &Sample| if sample.name.contains("warm/") { "warm" } else { "cold" };
        let scratch = fitted(&case, &all);
        assert_eq!(grown.manifest.sources.len(), scratch.manifest.sources.len());
        let (mut apart, mut moved) = (0.0f32, 0.0f32);
        for (i, sample) in all.iter().take(6).enumerate() {
            let image = image(8000 + i, label(sample) == "warm", i % 2 == 0);
            let raw = |contents: &Contents| {
                open(contents).unwrap().score(&[&image], &[Some(label(sample))]).unwrap()[0].raw_score()
            };
            let (old, new, expected) = (raw(&base), raw(&grown), raw(&scratch));
            apart = apart.max((new - expected).abs() / expected);
            moved = moved.max((old - expected).abs() / expected);
        }
        // It has learned, and what half precision costs is small beside that. Of places the bundle keeps the mean shrinkage alone, so that
        // each one's sums follow less exactly.
        let most = if case.name == "gaussian" { 0.03 } else { 0.1 };
        assert!(apart < most && apart < moved / 2.0, "{}: {apart} apart, {moved} before", case.name);
        let refused = forget(grown, &["update-1/*".to_owned()], &OpenDevice::cpu(), None).unwrap_err();
        assert!(refused.to_string().contains("sums do not tell"), "{refused}");
    }
    assert_eq!(n_cases, 2);
}
