//! Every setting of a fitted bundle with every bad value: refused by name, or at work within bounds.

use std::path::Path;
use std::time::{Duration, Instant};

use pcore::bank::{CoresetSize, IndexKind};
use pcore::bundle::{Contents, Defect, SuspectEntry, SuspectsEntry};
use pcore::condition::{ConditionRule, GateKind};
use pcore::detect::Options;
use pcore::image::{Image, Preprocessing, Resize, write_png_grey8};
use pcore::infer::{Calibration, Inspector};
use pcore::model::OpenDevice;
use pcore::progress::Silent;
use pcore::train::{FitPlan, PartPlan, fit};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::sample::{Parts, change_rows, features, set};

/// Longest time for one value: reading, opening, inspecting one image.
const MOST_TIME: Duration = Duration::from_secs(20);
/// Most memory that the whole test may take, MiB.
const MOST_MIB: u64 = 1500;

/// Texture number `seed`, around one of two levels.
fn pixels(seed: usize) -> Vec<u8> {
    (0..32 * 32).map(|i| ((i * 2_654_435_761 + seed * 40_503) >> 7) as u8 % 60 + 100 * (seed % 2) as u8).collect()
}

/// A bundle of two conditions with optional parts: a gate of points, an index, scores by density; a region of interest and an
/// object, or tiles and turned copies.
fn fitted(folder: &Path, gate: GateKind, conditions: ConditionRule) -> Contents {
    for seed in 0..20 {
        write_png_grey8(&folder.join(format!("{seed:02}.png")), &pixels(seed), 32, 32).unwrap();
    }
    let samples = pcore::dataset::normals(folder, None).unwrap().samples;
    let mut options = Options::default();
    (options.index, options.coreset) = (IndexKind::InvertedFile, CoresetSize::Count(40));
    let in_tiles = gate == GateKind::P90;
    options.filter_patches = if in_tiles { 0.0 } else { 0.1 };
    let mut part = PartPlan::new("patchcore", &options).unwrap();
    part.pipeline.preprocessing = Preprocessing::imagenet(32, 32, Resize::ShortestCrop { shortest_px: 32 });
    part.pipeline.descriptor.context = vec!["h:1,2".parse().unwrap()];
    let mut plan = FitPlan { domain: Some("C".into()), conditions, gate, ..FitPlan::default() };
    if in_tiles {
        part.pipeline.preprocessing.resize = Resize::StretchBilinear;
        (plan.tiles, plan.rotate) = ("24:8".parse().unwrap(), 3);
    } else {
        part.pipeline.descriptor.foreground = Some(0.5);
        plan.roi = vec!["0%,0%,100%,95%".parse().unwrap()];
        plan.ignore = vec!["0,0 4,0 0,4".parse().unwrap()];
    }
    plan.parts = vec![part];
    let mut contents = fit(&samples, &plan, &OpenDevice::cpu(), &Silent).unwrap().contents;
    let name = || contents.manifest.sources[0].clone();
    let suspect = SuspectEntry { name: name(), score: 1.5, deviations: 7.25, nearest: Some(name()) };
    contents.manifest.suspects = Some(SuspectsEntry { kept: vec![suspect.clone()], dropped: vec![suspect] });
    contents
}

/// The paths of all values of a JSON value, objects and lists included.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    found.push(path.to_owned());
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| places(inner, &format!("{path}/{key}"), found)),
        // The first of a list stands for the others.
        Value::Array(list) => {
            list.first().into_iter().for_each(|inner| places(inner, &format!("{path}/0"), found));
        }
        _ => {}
    }
}

fn bad_values() -> Vec<Value> {
    let numbers = [-1.0, -0.0, 0.5, 1e-300, 1e-40, 1e9, 1e18, 3e38, -3e38, 1e300];
    let mut values: Vec<Value> = numbers.into_iter().map(Value::from).collect();
    values.extend([json!(0), json!(2), json!(7), json!(9_000_000_000_u64), json!(u64::MAX), json!(null), json!(true)]);
    values.extend(["", "NaN", "inf", "-inf", "telepathy", "mixed", "\u{1b}[31m"].map(Value::from));
    values.extend(["shortest-crop:1000000000000", "reweighted:1000000000000", "top:0", "h:99"].map(Value::from));
    values.extend([json!("x".repeat(5000)), json!([]), json!({}), json!(vec![0; 5000]), json!(vec!["h:1"; 5000])]);
    values
}

/// The largest resident memory of this process so far, MiB; 0 where the system does not tell.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap_or(0) / 1024
}

/// Uses a bundle as `infer` does; what is refused is refused in words.
fn works_or_is_refused(contents: Contents, device: &OpenDevice, image: &Image) -> Result<(), String> {
    let inspector = Inspector::open(contents, device).map_err(|error| error.to_string())?;
    for calibration in [Calibration::Condition, Calibration::Global, Calibration::Density] {
        let found = inspector.inspect(&[image], &[], calibration).map_err(|error| error.to_string())?;
        assert!(found[0].raw_score.is_finite() && found[0].calibrated_score.is_finite(), "{:?}", found[0].raw_score);
        assert!(found[0].map.values.iter().all(|value| value.is_finite()));
    }
    Ok(())
}

/// Whether a message about `named` is about the setting at `place`, or about one that it is measured by.
fn is_about(place: &str, named: &str) -> bool {
    place.split('/').any(|part| part.len() > 1 && named.contains(part))
        || (place.contains("/preprocessing") && named.starts_with("descriptor.grid"))
        || (place.contains("/coreset") && named.starts_with("index."))
        || (place.starts_with("/conditions") && named.starts_with("calibration.per_condition"))
}

#[test]
fn every_setting_with_every_bad_value_is_refused_by_name_or_works_within_bounds() {
    let folder = TempDir::new().unwrap();
    let device = OpenDevice::cpu();
    let image = Image::new(pixels(1).iter().map(|v| f32::from(*v) / 255.0).collect(), 32, 32, 1).unwrap();
    let (mut n_refused, mut n_at_work) = (0, 0);
    let kinds = [
        (GateKind::Knn, ConditionRule::Index { boundary: 10 }),
        (GateKind::P90, ConditionRule::P90 { limit: Some(0.3) }),
    ];
    for (gate, rule) in kinds {
        let bytes = fitted(folder.path(), gate, rule).to_bytes().unwrap();
        works_or_is_refused(Contents::from_bytes(&bytes).unwrap(), &device, &image).unwrap();
        let mut all = vec![];
        places(&Parts::of(&bytes).manifest, "", &mut all);
        assert!(all.len() > 80, "only {} settings", all.len());
        for place in all.iter().filter(|place| !place.is_empty()) {
            for value in bad_values() {
                let mut parts = Parts::of(&bytes);
                *parts.manifest.pointer_mut(place).unwrap() = value.clone();
                let start = Instant::now();
                match Contents::from_bytes(&parts.forge()) {
                    Err(Defect::Field { field: named, expected, found }) => {
                        assert!(is_about(place, &named), "{place} = {value}: {named}");
                        assert!(!expected.is_empty() && found.len() < 120, "{place}: {expected}, {found}");
                        n_refused += 1;
                    }
                    Err(_) => n_refused += 1,
                    Ok(contents) => match works_or_is_refused(contents, &device, &image) {
                        Err(message) => {
                            assert!(message.len() > 20, "{place} = {value}: {message}");
                            n_refused += 1;
                        }
                        Ok(()) => n_at_work += 1,
                    },
                }
                assert!(start.elapsed() < MOST_TIME, "{place} = {value} took {:?}", start.elapsed());
            }
        }
    }
    println!("{n_refused} refused, {n_at_work} at work, peak memory {} MiB", peak_mib());
    assert!(n_refused > 3000 && n_at_work > 100, "{n_refused} refused, {n_at_work} at work");
    assert!(peak_mib() < MOST_MIB, "{} MiB", peak_mib());
}

/// The limits that bit: values that once made a panic or took 32 GB.
#[test]
fn settings_beyond_the_limits_of_the_command_line_are_named_with_their_limits() {
    type Case = (fn(&mut Contents), &'static str);
    let cases: [Case; 16] = [
        (
            |c| set(c, "score/map_sigma_px", json!(1e18)),
            "score.map_sigma_px: expected a number from 0 to 100, found 1000000",
        ),
        (
            |c| set(c, "score/map_sigma_px", json!(100.1)),
            "score.map_sigma_px: expected a number from 0 to 100, found 100.1",
        ),
        (|c| set(c, "score/map_neighbours", json!(101)), "score.map_neighbours: expected 1 to 100, found 101"),
        (
            |c| features(c).descriptor.neighbourhood = 33,
            "descriptor.neighbourhood: expected an odd number from 1 to 31",
        ),
        (|c| features(c).descriptor.neighbourhood = 4, "descriptor.neighbourhood: expected an odd number from 1 to 31"),
        (|c| features(c).descriptor.context = vec!["h:1".into(); 17], "descriptor.context: expected at most 16 parts"),
        (|c| features(c).preprocessing.height_px = 8193, "preprocessing.height_px: expected 1 to 8192, found 8193"),
        (|c| features(c).preprocessing.width_px = 7, "descriptor.grid_cols: expected 1 to 7, found 8"),
        (|c| features(c).preprocessing.mean[0] = 123.675, "preprocessing.mean: expected a number from -10 to 10"),
        (|c| features(c).preprocessing.std[2] = 1e-30, "preprocessing.std: expected a number from 1e-6 to 10"),
        (|c| c.manifest.domain = Some("\u{1b}]0;x\u{7}".into()), "domain: expected a name of 1 to 1000 characters"),
        (
            |c| c.manifest.calibration.global.smallest_alpha = -0.1,
            "calibration.global.smallest_alpha: expected a share",
        ),
        (|c| c.manifest.calibration.global.std = Some(1e-30), "calibration.global.std"),
        (|c| c.manifest.gate.confusion = vec![vec![1]], "gate.confusion: expected 2 rows of 3 counts, or none"),
        (|c| change_rows(c, |rows| rows[5] = 1e16), "rows: expected numbers from -1e15 to 1e15, found 1e16 at index 5"),
        (|c| c.scores[1] = -1e21, "scores: expected numbers from -1e20 to 1e20"),
    ];
    for (edit, expected) in cases {
        let mut contents = crate::sample::small();
        edit(&mut contents);
        let message = contents.to_bytes().unwrap_err().to_string();
        assert!(message.contains(expected), "{message} does not say {expected}");
    }
}
