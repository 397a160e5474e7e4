//! What a threshold promises of new parts, on parts made for the test.

use super::*;
use crate::bank::CoresetSize;
use crate::detect::{Options, Registry};
use crate::image::{Image, Preprocessing, Resize, write_tiff_f32};
use crate::infer::{Calibration, Inspector};
use crate::progress::Silent;
use crate::score::Verdict;
use crate::train::GroupRule;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;
use std::sync::Mutex;

const SIDE: usize = 64;
const N_PARTS: usize = 8;
const N_SHOTS: usize = 4;
const N_FRESH: usize = 4;
const N_DRAWS: usize = 30;

/// The texture of a part: fields of a brightness of their own.
fn part(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let fields: Vec<f32> = (0..64).map(|_| rng.random_range(0.3..0.7)).collect();
    (0..SIDE * SIDE).map(|at| fields[at / SIDE / 8 * 8 + at % SIDE / 8]).collect()
}

/// A shot of a part: its texture and noise.
fn shot(part: &[f32], rng: &mut ChaCha8Rng) -> Vec<f32> {
    part.iter().map(|value| value + rng.random_range(-0.02..0.02)).collect()
}

fn sample(folder: &Path, name: &str) -> Sample {
    Sample {
        path: folder.join(name),
        name: name.to_owned(),
        label: None,
        defect: None,
        mask: None,
        roi: None,
        domain: None,
        product: None,
    }
}

/// Shots of so many parts, named `part_shot`.
fn training_images(folder: &Path, n_parts: usize, n_shots: usize, rng: &mut ChaCha8Rng) -> Vec<Sample> {
    let mut samples = vec![];
    for of_part in 0..n_parts {
        let texture = part(rng);
        for of_shot in 0..n_shots {
            let name = format!("{of_part}_{of_shot}.tiff");
            write_tiff_f32(&folder.join(&name), &shot(&texture, rng), SIDE, SIDE).unwrap();
            samples.push(sample(folder, &name));
        }
    }
    samples
}

fn plan(group: &str) -> FitPlan {
    let options = Options { coreset: CoresetSize::Ratio(0.1), ..Options::default() };
    let part = PartPlan::new(Registry::built_in().kinds()[0].name, &options).unwrap();
    let mut plan = FitPlan { group: group.parse().unwrap(), parts: vec![part], ..FitPlan::default() };
    plan.parts[0].pipeline.preprocessing = Preprocessing::imagenet(SIDE, SIDE, Resize::StretchBilinear);
    plan
}

/// Keeps warnings.
#[derive(Default)]
struct Warnings(Mutex<Vec<String>>);

impl Progress for Warnings {
    fn begin(&self, _stage: &str, _total: usize) {}
    fn advance(&self, _n: usize) {}
    fn end(&self) {}
    fn note(&self, _message: &str) {}
    fn warn(&self, message: &str) {
        self.0.lock().unwrap().push(message.to_owned());
    }
}

#[test]
fn with_groups_new_parts_are_flagged_at_most_as_promised_and_without_far_more_often() {
    let device = OpenDevice::cpu();
    let mut alarms = [0usize; 3];
    for draw in 0..N_DRAWS {
        let mut rng = ChaCha8Rng::seed_from_u64(draw as u64);
        let folder = tempfile::TempDir::new().unwrap();
        let samples = training_images(folder.path(), N_PARTS, N_SHOTS, &mut rng);
        let fresh: Vec<Image> = (0..N_FRESH)
            .map(|_| {
                let texture = part(&mut rng);
                Image::new(shot(&texture, &mut rng), SIDE, SIDE, 1).unwrap()
            })
            .collect();
        for (rule, alarms) in ["name:{}_#", "auto", "none"].into_iter().zip(&mut alarms) {
            let fitted = fit(&samples, &plan(rule), &device, &Silent).unwrap();
            let global = &fitted.contents.manifest.calibration.global;
            let n = if rule == "none" { N_PARTS * N_SHOTS } else { N_PARTS };
            assert_eq!((global.n, fitted.calibrating.len()), (n, n), "{rule}");
            let inspector = Inspector::open(fitted.contents, &device).unwrap();
            let images: Vec<&Image> = fresh.iter().collect();
            let found = inspector.inspect(&images, &[], Calibration::Global).unwrap();
            *alarms += found.iter().filter(|f| f.verdict == Verdict::Anomalous).count();
        }
    }
    // Eight parts promise 1 / 9. The rate of a draw is at most a Beta(1, 8), of correlation 1 / 10 between its images.
    let (n, promised) = ((N_DRAWS * N_FRESH) as f64, 1.0 / 9.0);
    let deviation = (n * promised * (1.0 - promised) * (1.0 + (N_FRESH - 1) as f64 / 10.0)).sqrt();
    let most = n * promised + 3.0 * deviation;
    let [by_name, found, single] = alarms.map(|n| n as f64);
    assert!(by_name <= most && found <= most, "{alarms:?} of {n}, at most {most}");
    assert!(single > 1.5 * most, "{alarms:?} of {n}: the groups do not matter here");
}

#[test]
fn held_out_groups_have_no_image_in_the_bank_and_count_once() {
    let mut rng = ChaCha8Rng::seed_from_u64(77);
    let folder = tempfile::TempDir::new().unwrap();
    let samples = training_images(folder.path(), 12, 3, &mut rng);
    let plan = FitPlan { holdout: "0.25".parse().unwrap(), ..plan("name:{}_#") };
    let fitted = fit(&samples, &plan, &OpenDevice::cpu(), &Silent).unwrap();
    let part = |name: &str| name.split('_').next().unwrap().to_owned();
    let held_out: std::collections::BTreeSet<String> = fitted.calibrating.iter().map(|name| part(name)).collect();
    assert_eq!((held_out.len(), fitted.calibrating.len()), (3, 3));
    let contents = &fitted.contents;
    let sources =
        contents.tensors.indices("row_source").iter().map(|source| part(&contents.manifest.sources[*source as usize]));
    assert!(sources.collect::<Vec<_>>().iter().all(|part| !held_out.contains(part)));
    let groups = contents.manifest.calibration.groups.clone().unwrap();
    assert_eq!((groups.rule.as_str(), groups.n_groups, groups.n_images), ("name:{}_#", 12, 36));
}

#[test]
fn the_warning_of_near_copies_says_what_is_left_of_the_promise() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let folder = tempfile::TempDir::new().unwrap();
    let samples = training_images(folder.path(), 9, 3, &mut rng);
    let device = OpenDevice::cpu();
    let warnings = Warnings::default();
    fit(&samples, &plan("auto"), &device, &warnings).unwrap();
    let said = warnings.0.lock().unwrap().join("\n");
    for expected in
        ["27 images are about 9 parts", "comes from 9 parts, at most 10 % false alarms", "`GroupRule::Single`"]
    {
        assert!(said.contains(expected), "{said}");
    }
    // Without copies, finding none changes nothing at all.
    let single: Vec<Sample> = samples.iter().step_by(3).cloned().collect();
    let warnings = Warnings::default();
    let [found, none] = ["auto", "none"].map(|rule| fit(&single, &plan(rule), &device, &warnings).unwrap().contents);
    assert_eq!(found, none);
    assert!(warnings.0.lock().unwrap().is_empty());
    // Copies of one image are no two parts.
    let copies: Vec<Sample> = (0..3).map(|i| Sample { name: format!("{i}"), ..samples[0].clone() }).collect();
    let warnings = Warnings::default();
    fit(&copies, &plan("auto"), &device, &warnings).unwrap();
    assert!(warnings.0.lock().unwrap().join("\n").contains("all 3 images are copies of one"));
}

#[test]
fn what_names_alone_tell_is_refused_before_any_image_or_network_is_opened() {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::write(folder.path().join("g.csv"), "path,group,condition\nelsewhere/a.png,1,cold\n").unwrap();
    std::fs::write(folder.path().join("part.csv"), "path,group,condition\na_1.png,1,cold\n").unwrap();
    let samples = ["a_1.png", "b.png"].map(|name| sample(folder.path(), name));
    let table = |name: &str| folder.path().join(name).display().to_string();
    let with = |group: &str, conditions: &str, gate: GateKind| FitPlan {
        conditions: conditions.parse().unwrap(),
        gate,
        ..plan(group)
    };
    let cases = [
        (with(&table("g.csv"), "none", GateKind::Auto), ["names none of the 2 images", "elsewhere", "a_1.png"]),
        (with("auto", &table("g.csv"), GateKind::Auto), ["names none of the 2 images", "elsewhere", "a_1.png"]),
        (with(&table("part.csv"), "none", GateKind::Auto), ["no group for 1 of 2", "part.csv", "b.png"]),
        (with("auto", &table("part.csv"), GateKind::Auto), ["no condition for 1 of 2", "table", "b.png"]),
        (with("name:{}_#", "none", GateKind::Auto), ["no group for 1 of 2", "name:{}_#", "b.png"]),
        (with("auto", "index:1", GateKind::P90), ["`GateKind::P90`", "knn", "embedding"]),
    ];
    for (plan, expected) in cases {
        let open = &mut |_: &PipelineSpec| panic!("the network was opened");
        let refused =
            fit_on(&Originals::files(&samples), &plan, open, (&Policy::ALL, true), &Silent).unwrap_err().to_string();
        assert!(expected.iter().all(|part| refused.contains(part)), "{refused}");
    }
    assert_eq!("auto".parse::<GroupRule>().unwrap(), GroupRule::Auto);
}
