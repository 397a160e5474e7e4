//! Import, inspection and export of the station's files made by `generate_tiny.py` beside this file.

use std::fs;
use std::path::{Path, PathBuf};

use pcore::bank::{BankRow, CoresetSize, DescriptorSpec, MemoryBank, PatchDescriptors, normalise_rows};
use pcore::bundle::{BackboneEntry, Contents, FeaturesEntry, UNKNOWN};
use pcore::dataset::{self, Sample};
use pcore::detect::station::{
    self, GALLERY_FILE, ImportedStation, META_FILE, StationArtefact, StationError, StationOptions, StationWarning,
    THRESHOLD_FILE,
};
use pcore::detect::{FeaturePipeline, Metric, Options, PipelineSpec};
use pcore::flow::Pace;
use pcore::image::{self, Image, Limits, Preprocessing, Resize};
use pcore::infer::{Calibration, Inspection, Inspector};
use pcore::live::{CalibratePlan, Calibrated, LiveError, calibrate};
use pcore::model::OpenDevice;
use pcore::progress::Silent;
use pcore::score::{ImageScore, Verdict};
use pcore::train::{self, FitPlan, Holdout, PartPlan};
use serde_json::Value;

const FILES: [&str; 3] = [GALLERY_FILE, META_FILE, THRESHOLD_FILE];
const N_IMAGES: usize = 7;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/onnxdemo").join(name)
}

fn expected(file: &str) -> Value {
    serde_json::from_slice(&fs::read(golden(file)).unwrap()).unwrap()
}

fn import(folder: &Path) -> Result<ImportedStation, StationError> {
    station::import(folder, &StationOptions::default(), &OpenDevice::cpu())
}

fn lead(contents: &Contents) -> &FeaturesEntry {
    contents.manifest.detector.lead().unwrap()
}

fn change(contents: &mut Contents) -> &mut FeaturesEntry {
    contents.manifest.detector.features.as_mut().unwrap()
}

fn imported() -> Contents {
    import(&golden("tiny/station")).unwrap().contents
}

fn inspector(contents: &Contents) -> Inspector {
    Inspector::open(contents.clone(), &OpenDevice::cpu()).unwrap()
}

fn samples(start: &str) -> Vec<Sample> {
    let mut found = dataset::inputs(&[golden("tiny/images")], None).unwrap().samples;
    found.retain(|s| s.name.rsplit('/').next().unwrap().starts_with(start));
    found
}

fn read(sample: &Sample) -> Image {
    image::read(&sample.path, &Limits::default()).unwrap()
}

fn inspect(inspector: &Inspector, samples: &[Sample]) -> Vec<Inspection> {
    let images: Vec<Image> = samples.iter().map(read).collect();
    inspector.inspect(&images.iter().collect::<Vec<_>>(), &[], Calibration::Condition).unwrap()
}

/// Descriptors of layer3 as the station's preprocessing gives them.
fn describe(samples: &[Sample], neighbourhood: usize) -> PatchDescriptors {
    let spec = PipelineSpec {
        backbone: "pcore_tiny".into(),
        layers: vec!["layer3".into()],
        preprocessing: Preprocessing::imagenet(224, 224, Resize::ShortestCrop { shortest_px: 256 }),
        descriptor: DescriptorSpec { neighbourhood, context: vec![], foreground: None },
    };
    let images: Vec<Image> = samples.iter().map(read).collect();
    let pipeline = FeaturePipeline::open(&spec, &OpenDevice::cpu()).unwrap();
    pipeline.describe(&images.iter().collect::<Vec<_>>()).unwrap()
}

fn assert_same_files(one: &Path, other: &Path) {
    for file in FILES {
        assert_eq!(fs::read(one.join(file)).unwrap(), fs::read(other.join(file)).unwrap(), "{file}");
    }
}

#[test]
fn an_imported_bundle_scores_and_decides_as_the_station() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weave.pcore");
    imported().write(&path).unwrap();
    let inspector = inspector(&Contents::read(&path).unwrap());
    let (mut n_images, mut n_rejected, mut worst) = (0, 0, 0.0f64);
    for image in expected("tiny/expected.json").as_array().unwrap() {
        let name = image["image"].as_str().unwrap();
        let found = &inspect(&inspector, &samples(name))[0];
        let difference = (f64::from(found.raw_score) - image["score"].as_f64().unwrap()).abs();
        assert!(difference < 1e-4, "{name}: {difference}");
        assert_eq!(found.verdict == Verdict::Anomalous, image["rejected"].as_bool().unwrap(), "{name}");
        assert_eq!((found.calibrated_score, found.calibrated_threshold), (found.raw_score, found.threshold));
        worst = worst.max(difference);
        n_images += 1;
        n_rejected += usize::from(found.verdict == Verdict::Anomalous);
    }
    println!("largest difference of a score, image to score: {worst:e}");
    assert_eq!((n_images, n_rejected), (N_IMAGES, 4));
}

#[test]
fn the_same_features_give_the_same_score() {
    // Features of the script's own: the bank of the bundle, the search and the score of every inspection.
    let backbone = BackboneEntry {
        name: "any".into(),
        layers: vec!["layer3".into()],
        weights_sha256: "0".repeat(64),
        precision: "f32".into(),
        instruction_set: None,
    };
    let artefact = station::read(&golden("station"), None).unwrap();
    let contents = artefact.into_contents(backbone, (3, 2), None).unwrap();
    let origin = BankRow { condition: 0, source: UNKNOWN, position: UNKNOWN };
    let bank = MemoryBank::new(
        contents.tensors.numbers("rows").to_vec(),
        lead(&contents).descriptor.dim,
        vec![origin; contents.tensors.indices("row_condition").len()],
        pcore::kernel::Metric::Cosine,
    )
    .unwrap();
    let images = expected("expected.json");
    let images = images["images"].as_array().unwrap();
    for image in images {
        let patches: Vec<f32> = image["patches"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|p| p.as_array().unwrap())
            .map(|x| x.as_f64().unwrap() as f32)
            .collect();
        let nearest = bank.nearest(&patches, 1).unwrap();
        let score = ImageScore::Max.of(&patches, &nearest, &bank).unwrap();
        assert!((f64::from(score) - image["score"].as_f64().unwrap()).abs() < 1e-6);
        let rejected = Verdict::of(score, contents.manifest.calibration.global.threshold.unwrap());
        assert_eq!(rejected == Verdict::Anomalous, image["rejected"].as_bool().unwrap());
    }
    assert_eq!(images.len(), 6);

    // Features of a network: the station's formula in double precision, written out once more.
    let contents = imported();
    let samples = samples("");
    let descriptors = describe(&samples, 1);
    let inspections = inspect(&inspector(&contents), &samples);
    for (index, inspection) in inspections.iter().enumerate() {
        let score = descriptors.image(index).chunks(descriptors.dim).fold(f64::MIN, |score, patch| {
            let length = (patch.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() + 1e-12).sqrt();
            let dot = |row: &[f32]| row.iter().zip(patch).map(|(a, b)| f64::from(*a) * f64::from(*b) / length).sum();
            score.max(1.0 - contents.tensors.numbers("rows").chunks(descriptors.dim).map(dot).fold(f64::MIN, f64::max))
        });
        assert!((f64::from(inspection.raw_score) - score).abs() < 1e-6, "{index}");
    }
    assert_eq!(inspections.len(), N_IMAGES);
}

#[test]
fn an_export_gives_back_the_imported_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weave.pcore");
    imported().write(&path).unwrap();
    let artefact = StationArtefact::from_contents(Contents::read(&path).unwrap()).unwrap();
    station::write(folder.path(), &artefact).unwrap();
    assert_same_files(folder.path(), &golden("tiny/station"));
}

#[test]
fn the_import_says_what_is_known_and_what_is_not() {
    let contents = imported();
    let descriptor = &lead(&contents).descriptor;
    assert_eq!((descriptor.grid_rows, descriptor.grid_cols, descriptor.neighbourhood), (14, 14, 1));
    let manifest = contents.manifest;
    assert_eq!((manifest.profile.as_str(), manifest.domain.as_deref()), ("onnxdemo", Some("weave")));
    let settings = &manifest.detector.settings;
    assert_eq!(settings["metric"], "cosine");
    assert_eq!((&settings["coreset"]["n_picked"], &settings["coreset"]["n_candidates"]), (&96.into(), &Value::Null));
    assert_eq!((manifest.calibration.global.n, manifest.calibration.global.smallest_alpha), (0, 1.0));
    assert_eq!(manifest.imported.unwrap().files.len(), 2);
}

#[test]
fn the_import_warns_of_what_is_wrong_and_names_the_way_out() {
    let warnings = import(&golden("tiny/station")).unwrap().warnings;
    // This network makes no zeros, so averaged patches look like single ones.
    let expected =
        [StationWarning::Threshold { q: Some(0.998) }, StationWarning::PerhapsAveraged, StationWarning::HeatMap];
    assert_eq!(warnings, expected);
    assert!(warnings[0].to_string().contains("0.998") && warnings[0].to_string().contains("`live::calibrate`"));

    let folder = tempfile::tempdir().unwrap();
    let mut artefact = station::read(&golden("tiny/station"), None).unwrap();
    artefact.threshold.q = None;
    artefact.meta.input_size_px = 320;
    (artefact.meta.grid_rows, artefact.meta.grid_cols) = (20, 20);
    artefact.rows[..256].iter_mut().for_each(|x| *x *= 1.0005);
    station::write(folder.path(), &artefact).unwrap();
    let warnings = import(folder.path()).unwrap().warnings;
    assert_eq!(warnings[0], StationWarning::Threshold { q: None });
    assert!(warnings.contains(&StationWarning::InputSize { said_px: 320 }));
    assert!(warnings.contains(&StationWarning::Grid { said: (20, 20), found: (14, 14) }));
    assert!(
        warnings.iter().any(|w| matches!(w, StationWarning::Norm { norm_error } if (norm_error - 5e-4).abs() < 1e-5))
    );
}

fn recalibrate(contents: Contents, samples: &[Sample], alpha: f64, batch: usize) -> Result<Calibrated, LiveError> {
    let pace = Pace { batch, ..Pace::default() };
    let plan = CalibratePlan { alpha: Some(alpha), pace, at: None, ..CalibratePlan::default() };
    calibrate(contents, samples, &plan, &OpenDevice::cpu(), &Silent)
}

#[test]
fn recalibration_replaces_threshold_and_quantile_and_keeps_the_bank() {
    let mut contents = imported();
    // As if it had been calibrated on a GPU before.
    change(&mut contents).backbone.precision = "f16".into();
    let recalibrated = |alpha| recalibrate(contents.clone(), &samples("good"), alpha, 2);
    let found = recalibrated(0.2).unwrap();
    assert_eq!((found.n_in_bank, found.n_rejected_before, found.failures.len()), (0, Some(1), 0));
    let mut scores: Vec<f32> = inspect(&inspector(&contents), &samples("good")).iter().map(|i| i.raw_score).collect();
    scores.sort_by(f32::total_cmp);
    // ceil(0.8 * 5) = 4th of 4.
    let global = &found.contents.manifest.calibration.global;
    assert_eq!(lead(&found.contents).backbone.precision, "f32");
    assert_eq!((global.n, global.threshold), (4, Some(scores[3])));
    assert_eq!(found.contents.tensors.numbers("rows"), contents.tensors.numbers("rows"));
    let verdicts = |start| inspect(&inspector(&found.contents), &samples(start)).into_iter().map(|i| i.verdict);
    assert!(verdicts("good").all(|v| v == Verdict::Normal) && verdicts("fault").all(|v| v == Verdict::Anomalous));

    let folder = tempfile::tempdir().unwrap();
    station::write(folder.path(), &StationArtefact::from_contents(found.contents).unwrap()).unwrap();
    let written = station::read(folder.path(), None).unwrap().threshold;
    assert_eq!((written.cut(), written.q, written.n_rows), (scores[3], None, Some(96)));
    for file in [GALLERY_FILE, META_FILE] {
        assert_eq!(fs::read(folder.path().join(file)).unwrap(), fs::read(golden("tiny/station").join(file)).unwrap());
    }
    assert!(matches!(recalibrated(1.5), Err(LiveError::Score(_))));
    let none = recalibrate(contents.clone(), &[], 0.1, 8);
    assert!(matches!(none, Err(LiveError::NothingReadable { n_images: 0, .. })));
}

#[test]
fn recalibration_notices_the_images_of_the_bank() {
    let good = samples("good");
    let mut rows = describe(&good[..1], 1).rows;
    normalise_rows(&mut rows, 256);
    let mut artefact = station::read(&golden("tiny/station"), None).unwrap();
    artefact.threshold.n_rows = Some((rows.len() / 256) as u64);
    artefact.rows = rows;
    let backbone = lead(&imported()).backbone.clone();
    let contents = artefact.into_contents(backbone, (14, 14), None).unwrap();
    let found = recalibrate(contents, &good, 0.2, 8).unwrap();
    assert_eq!(found.n_in_bank, 1);
}

fn fitted(metric: Metric) -> Contents {
    let mut options = Options::default();
    (options.metric, options.coreset) = (metric, CoresetSize::Count(64));
    let mut part = PartPlan::new("patchcore", &options).unwrap();
    part.pipeline = PipelineSpec {
        backbone: "pcore_tiny".into(),
        layers: vec!["layer3".into()],
        preprocessing: Preprocessing::imagenet(224, 224, Resize::ShortestCrop { shortest_px: 256 }),
        descriptor: DescriptorSpec { neighbourhood: 1, context: vec![], foreground: None },
    };
    let plan = FitPlan {
        domain: Some("weave".into()),
        parts: vec![part],
        holdout: Holdout::Share(0.5),
        alpha: 0.4,
        ..FitPlan::default()
    };
    train::fit(&samples("good"), &plan, &OpenDevice::cpu(), &Silent).unwrap().contents
}

#[test]
fn a_cosine_fit_keeps_unit_rows_and_leaves_for_the_station() {
    let contents = fitted(Metric::Cosine);
    assert_eq!(contents.manifest.detector.settings["metric"], "cosine");
    for row in contents.tensors.numbers("rows").chunks(256) {
        assert!((row.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
    }
    let folder = tempfile::tempdir().unwrap();
    station::write(folder.path(), &StationArtefact::from_contents(contents.clone()).unwrap()).unwrap();
    let meta: Value = serde_json::from_slice(&fs::read(folder.path().join(META_FILE)).unwrap()).unwrap();
    assert_eq!((&meta["mean"][0], &meta["grid"][1], &meta["layers"][0]), (&0.485.into(), &14.into(), &"layer3".into()));
    let back = import(folder.path()).unwrap().contents;
    let own = inspect(&inspector(&contents), &samples(""));
    let through_files = inspect(&inspector(&back), &samples(""));
    for (own, through_files) in own.iter().zip(&through_files) {
        assert_eq!((own.raw_score, own.threshold), (through_files.raw_score, through_files.threshold));
        assert!(own.raw_score > 0.0 && own.raw_score < 2.0);
    }
    assert_eq!(own.len(), N_IMAGES);
}

#[test]
fn bundles_that_the_station_cannot_use_are_refused_with_the_reason() {
    let refusal = |edit: fn(&mut Contents), words: &str| {
        let mut contents = fitted(Metric::Cosine);
        edit(&mut contents);
        let error = StationArtefact::from_contents(contents).unwrap_err();
        assert!(matches!(error, StationError::NotForStation { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    refusal(|c| c.manifest.detector.settings["metric"] = "l2".into(), "the distance is Euclidean");
    refusal(|c| change(c).descriptor.neighbourhood = 3, "3 x 3 patches");
    refusal(|c| c.manifest.detector.settings["score"]["image_score"] = "top:0.01".into(), "top:0.01");
    refusal(|c| change(c).preprocessing.resize = "stretch-bilinear".into(), "stretch-bilinear");
    refusal(|c| change(c).backbone.layers.push("layer2".into()), "layer3, layer2");
    refusal(|c| c.manifest.calibration.global.threshold = None, "missing");
}

#[test]
fn folders_that_do_not_fit_the_network_are_refused() {
    let with = |backbone: Option<&str>, layers: &[&str]| {
        let options = StationOptions {
            backbone: backbone.map(str::to_owned),
            layers: layers.iter().map(|l| (*l).to_owned()).collect(),
            domain: None,
        };
        station::import(&golden("tiny/station"), &options, &OpenDevice::cpu())
    };
    assert!(with(Some("pcore_tiny"), &["layer3"]).is_ok());
    let error = with(None, &["layer2"]).unwrap_err();
    assert!(matches!(error, StationError::OtherNetwork { expected: 256, found: 128, .. }), "{error}");
    let error = with(None, &["layer2", "layer3"]).unwrap_err();
    assert!(matches!(error, StationError::Layers { .. }), "{error}");
    let error = with(Some("wrn50_l3"), &[]).unwrap_err().to_string();
    assert!(error.contains("wrn50_l3") && error.contains("pcore_tiny"), "{error}");
}

#[test]
fn truncated_and_missing_files_are_refused() {
    let mut n_refused = 0;
    for file in FILES {
        let folder = tempfile::tempdir().unwrap();
        for f in FILES {
            fs::copy(golden("tiny/station").join(f), folder.path().join(f)).unwrap();
        }
        let path = folder.path().join(file);
        let bytes = fs::read(&path).unwrap();
        // The last byte of meta.json is a line end, which is no loss.
        for length in [0, 1, bytes.len() / 2, bytes.len() - 2] {
            fs::write(&path, &bytes[..length]).unwrap();
            assert!(import(folder.path()).is_err(), "{file} {length}");
            n_refused += 1;
        }
        fs::remove_file(&path).unwrap();
        assert!(matches!(import(folder.path()), Err(StationError::Read { .. })), "{file}");
    }
    assert_eq!(n_refused, 12);
}
