//! The GPU path against the CPU: features, scores, verdicts, and what is said where there is no GPU.
//!
//! Mesa's lavapipe, a software adapter, is enough: `apt-get install mesa-vulkan-drivers`. Without any adapter the tests
//! that need one say that they are skipped. `PCORE_NEEDS_ADAPTER=1` turns that into a failure, for machines that have one.

#![cfg(feature = "gpu")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed step fails the test, and a skipped one says so")]

#[macro_use]
#[path = "support/skips.rs"]
mod skips;

#[path = "support/basic_resnet.rs"]
mod basic_resnet;

use basic_resnet::basic;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pcore::bank::{BankRow, MemoryBank, Search};
use pcore::image::{Image, Limits};
use pcore::kernel::Metric;
use pcore::model::dinov2::{DinoV2, DinoV2Config};
use pcore::model::reconstruction::{AutoencoderPlan, AutoencoderShape, CanvasBatch, Learner};
use pcore::model::resnet::ResNet;
use pcore::model::training::Trainee;
use pcore::model::weights::NamedTensors;
use pcore::model::{self, Backbone, DeviceChoice, ImageBatch, OpenDevice, Precision, adapters};
use serde_json::Value;
use tempfile::TempDir;

/// Largest accepted difference from the CPU, relative to the largest value.
const TOLERANCE: f32 = 1e-3;
/// The same for half precision.
const HALF_TOLERANCE: f32 = 2e-2;

/// The first adapter.
fn gpu() -> Option<OpenDevice> {
    if adapters().is_empty() {
        assert!(
            std::env::var_os("PCORE_NEEDS_ADAPTER").is_none(),
            "PCORE_NEEDS_ADAPTER is set, and there is no adapter"
        );
        skipped!("no GPU adapter, not even a software one (apt-get install mesa-vulkan-drivers)");
        return None;
    }
    Some(OpenDevice::open(DeviceChoice::Wgpu(None)).unwrap())
}

fn read(name: &str) -> NamedTensors {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/backbones");
    NamedTensors::read(&folder.join(name)).unwrap()
}

fn images(n: usize, height: usize, width: usize) -> ImageBatch {
    let pixels = (0..n * 3 * height * width).map(|i| ((i * 37 + i / 91) % 101) as f32 / 25.0 - 2.0).collect();
    ImageBatch::new(pixels, n, height, width).unwrap()
}

/// A network of each family that is not inside the binary, and images for it.
struct Family {
    name: &'static str,
    images: ImageBatch,
    open: fn(&OpenDevice) -> Box<dyn Backbone>,
}

const FAMILIES: [fn() -> Family; 2] = [
    || Family {
        name: "ResNet",
        images: images(2, 45, 64),
        open: |device| {
            let layers = ["layer1", "layer4"].map(str::to_owned);
            Box::new(ResNet::load(&basic(), &read("basic.safetensors"), &layers, device).unwrap())
        },
    },
    || Family {
        name: "DINOv2",
        images: images(2, 56, 42),
        open: |device| {
            let config = DinoV2Config { name: "dino".into(), dim: 24, depth: 3, n_heads: 3, n_registers: 0, patch: 14 };
            let layers = ["norm:blocks.2".to_owned()];
            Box::new(DinoV2::load(&config, &read("dino.safetensors"), &layers, device).unwrap())
        },
    },
];

/// Largest difference of a GPU's features from the CPU's, relative to the largest value of a layer.
fn difference(Family { name, images, open }: Family, gpu: &OpenDevice) -> f32 {
    let network = open(gpu);
    assert_eq!(network.spec().precision, gpu.precision());
    let expected = open(&OpenDevice::cpu()).features(&images).unwrap();
    let found = network.features(&images).unwrap();
    assert_eq!(expected.len(), found.len());
    let mut worst = 0.0_f32;
    for (layer, (expected, found)) in expected.iter().zip(&found).enumerate() {
        assert_eq!((expected.grid(), expected.dim()), (found.grid(), found.dim()));
        let largest = expected.values().iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        let pairs = expected.values().iter().zip(found.values());
        // Not a number must not pass as no difference.
        assert!(found.values().iter().all(|value| value.is_finite()), "{name}, layer {layer}");
        let difference = pairs.fold(0.0_f32, |m, (e, f)| m.max((e - f).abs())) / largest;
        println!("{name} in {}, layer {layer}: {difference:.1e}", gpu.precision());
        worst = worst.max(difference);
    }
    worst
}

#[test]
fn features_of_every_family_agree_with_the_cpu() {
    let Some(gpu) = gpu() else { return };
    println!("{}", gpu.description());
    let tiny = Family {
        name: "pcore_tiny",
        images: images(2, 64, 80),
        open: |device| model::load("pcore_tiny", &[], device).unwrap(),
    };
    for family in FAMILIES.map(|family| family()).into_iter().chain([tiny]) {
        let difference = difference(family, &gpu);
        assert!(difference <= TOLERANCE, "{difference}");
    }
}

/// Mesa's software adapter binds buffers of at most 128 MiB, so that a larger batch is what too little memory is on a card.
#[test]
fn an_autoencoder_learns_there_as_on_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let shape = AutoencoderShape { n_channels: 1, n_levels: 2 };
    let given = (0..4 * shape.canvas_len()).map(|at| ((at * 7919) % 1009) as f32 / 1009.0).collect();
    let batch = CanvasBatch { given, counts: vec![true; 4 * shape.side_px().pow(2)] };
    let losses = |device: &OpenDevice| -> Vec<f32> {
        let mut learner = Learner::new(&AutoencoderPlan::new(shape), device).unwrap();
        (0..5).map(|step| learner.step(step, 1e-3, &batch).unwrap().loss).collect()
    };
    let (here, there) = (losses(&OpenDevice::cpu()), losses(&gpu));
    assert!(here[4] < here[0], "{here:?}");
    for (here, there) in here.iter().zip(&there) {
        assert!((here - there).abs() < 1e-3 * here, "{here} on the CPU, {there} on the adapter");
    }
}

#[test]
fn a_batch_that_the_adapter_cannot_hold_is_an_error_with_the_way_out() {
    let Some(gpu) = gpu() else { return };
    if !gpu.description().contains("llvmpipe") {
        skipped!("{} may hold any batch of this size", gpu.description());
        return;
    }
    let network = model::load("pcore_tiny", &[], &gpu).unwrap();
    let error = network.features(&images(1, 3456, 3456)).unwrap_err().to_string();
    println!("{error}");
    assert!(error.contains("the device failed") && error.contains("`DeviceChoice::Cpu` always works"), "{error}");
}

#[test]
fn auto_never_takes_a_software_adapter_and_says_why() {
    let auto = OpenDevice::open(DeviceChoice::Auto).unwrap();
    let auto = auto.description();
    match adapters().first() {
        None => assert!(auto.starts_with("cpu") && auto.contains("no GPU adapter was found"), "{auto}"),
        Some(software) if software.description().contains("software") => {
            assert!(auto.starts_with("cpu") && auto.contains(software.description()), "{auto}");
        }
        Some(card) => assert_eq!(auto, card.description()),
    }
}

#[test]
fn an_adapter_that_is_not_there_is_refused_with_those_that_are() {
    let text = OpenDevice::open(DeviceChoice::Wgpu(Some(99))).unwrap_err().to_string();
    assert!(text.contains("wgpu:99") && text.contains("`DeviceChoice::Cpu`"), "{text}");
    let known = adapters();
    let expected = known.first().map_or("no GPU adapter", |adapter| adapter.description());
    assert!(text.contains(expected), "{text}");
}

#[test]
fn a_bank_is_searched_there_with_the_answers_of_the_cpu_bit_for_bit() {
    let Some(gpu) = gpu() else { return };
    let value = |i: usize| ((i as u32 + 1).wrapping_mul(2_654_435_761) >> 8) as f32 / 1e7;
    for (n_rows, dim, n_conditions) in [(9, 5, 1), (3000, 96, 2), (20_000, 24, 3)] {
        let rows: Vec<f32> = (0..n_rows * dim).map(value).collect();
        let queries: Vec<f32> = (0..150 * dim).map(|i| value(i * 13 + 5)).collect();
        let origin = |i| BankRow { condition: (i % n_conditions) as u32, source: (i % 11) as u32, position: 0 };
        for metric in [Metric::Euclidean, Metric::Cosine] {
            let bank = || MemoryBank::new(rows.clone(), dim, (0..n_rows).map(origin).collect(), metric).unwrap();
            let (expected, mut bank) = (bank(), bank());
            assert!(bank.search_on(&gpu), "{n_rows} rows of {dim}");
            for search in [Search::All, Search::Only { condition: 0 }, Search::Penalised { condition: 0, factor: 1.2 }]
            {
                let nearest = |bank: &MemoryBank| bank.nearest_in(&queries, 3, search).unwrap();
                assert_eq!(nearest(&bank), nearest(&expected), "{n_rows} rows of {dim}, {search:?}");
                let of_others = |bank: &MemoryBank| bank.nearest_of_others(&queries, 3, 4, search).unwrap();
                assert_eq!(of_others(&bank), of_others(&expected), "{n_rows} rows of {dim}, {search:?}");
            }
        }
    }
}

fn pcore(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pcore"));
    let output = command.current_dir(folder).env("PCORE_HOME", folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A bundle fitted on the CPU, in a folder with images that it has not seen.
fn fitted() -> TempDir {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    pcore(path, &["synth", "hdmap", "--out", ".", "--train", "24", "--good", "4", "--fault", "4", "--seed", "5"]);
    let size = ["--image-size", "64x96", "--coreset", "0.1", "--device", "cpu"];
    pcore(path, &[["fit", "--domain", "C", "--normal", "."].as_slice(), &size].concat());
    folder
}

/// What an inspection says of an image.
struct Found {
    path: PathBuf,
    raw_score: f64,
    /// Score and threshold in the unit of the score.
    score: f64,
    threshold: f64,
    verdict: Value,
    /// Distances at source resolution.
    map: Image,
}

/// Inspects the images of [`fitted`]; also what was said on stderr, and `run.json`.
fn infer(folder: &Path, name: &str, device: &[&str]) -> (Vec<Found>, String, Value) {
    let arguments = ["infer", "domain_C/test", "--json", "--batch", "4", "--maps", "tiff", "--out", name];
    let output = pcore(folder, &[&arguments, device].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let found = rows.map(|row| {
        let number = |field: &str| row[field].as_f64().unwrap_or_else(|| panic!("{field}: {row}"));
        let path = PathBuf::from(row["path"].as_str().unwrap());
        Found {
            map: map_of(&folder.join(name).join("maps"), &path),
            path,
            raw_score: number("raw_score"),
            score: number("score"),
            threshold: number("threshold"),
            verdict: row["verdict"].clone(),
        }
    });
    let found = found.collect();
    let run = std::fs::read_to_string(folder.join(name).join("run.json")).unwrap();
    (found, String::from_utf8(output.stderr).unwrap(), serde_json::from_str(&run).unwrap())
}

/// The one map below `folder` that belongs to an image.
fn map_of(folder: &Path, image: &Path) -> Image {
    let stem = image.with_extension("");
    let end: PathBuf = stem.components().rev().take(2).collect::<Vec<_>>().into_iter().rev().collect();
    let pattern = format!("{}/**/{}*.tiff", folder.display(), end.display());
    let files: Vec<PathBuf> = glob::glob(&pattern).unwrap().flatten().collect();
    assert_eq!(files.len(), 1, "{pattern}: {files:?}");
    pcore::image::read(&files[0], &Limits::default()).unwrap()
}

/// Largest difference of the scores, and of the maps, each relative to the largest value.
fn differences(expected: &[Found], found: &[Found]) -> (f64, f64) {
    assert_eq!((expected.len(), found.len()), (8, 8));
    let mut worst = (0.0_f64, 0.0_f64);
    for (expected, found) in expected.iter().zip(found) {
        assert_eq!(expected.path, found.path);
        let score = (found.raw_score - expected.raw_score).abs() / expected.raw_score;
        let pairs = || expected.map.pixels().iter().zip(found.map.pixels());
        assert_eq!(expected.map.pixels().len(), found.map.pixels().len());
        let largest = pairs().fold(0.0_f32, |m, (e, _)| m.max(e.abs()));
        let map = pairs().fold(0.0_f32, |m, (e, f)| m.max((e - f).abs())) / largest;
        worst = (worst.0.max(score), worst.1.max(f64::from(map)));
    }
    worst
}

#[test]
fn scores_thresholds_maps_and_verdicts_of_one_bundle_agree_with_the_cpu() {
    if gpu().is_none() {
        return;
    }
    let folder = fitted();
    let (expected, ..) = infer(folder.path(), "cpu", &["--device", "cpu"]);
    let (found, said, run) = infer(folder.path(), "wgpu", &["--device", "wgpu"]);
    assert!(said.contains("device wgpu:0") && !said.contains("warning"), "{said}");
    assert_eq!((run["precision"].as_str(), run["fitted_precision"].as_str()), (Some("f32"), Some("f32")));
    let (score, map) = differences(&expected, &found);
    println!("f32: scores {score:.1e}, maps {map:.1e}");
    assert_eq!(run["searched_on_device"], true, "{said}");
    assert!(score <= f64::from(TOLERANCE) && map <= f64::from(TOLERANCE), "{score}, {map}");
    for (expected, found) in expected.iter().zip(&found) {
        assert_eq!((expected.threshold, &expected.verdict), (found.threshold, &found.verdict));
        let difference = (found.score - expected.score).abs();
        assert!(difference <= f64::from(TOLERANCE) * expected.score.abs().max(1.0), "{}", expected.path.display());
    }
}

#[test]
fn half_precision_moves_scores_little_and_says_so_or_is_refused() {
    let Some(gpu) = gpu() else { return };
    let half = match gpu.with_precision(Precision::F16) {
        Ok(half) => half,
        Err(error) => {
            let text = error.to_string();
            println!("{text}");
            assert!(text.contains("does not compute with 16 bits") && text.contains("`Precision::F16`"), "{text}");
            return;
        }
    };
    assert!(half.description().ends_with("in half precision"), "{}", half.description());
    for family in FAMILIES {
        let difference = difference(family(), &half);
        assert!(difference > 0.0 && difference <= HALF_TOLERANCE, "{difference}");
    }
    let folder = fitted();
    let (expected, ..) = infer(folder.path(), "cpu", &["--device", "cpu"]);
    let (found, said, run) = infer(folder.path(), "half", &["--device", "wgpu", "--precision", "f16"]);
    assert!(said.contains("fitted in f32 and is used in f16"), "{said}");
    assert_eq!((run["precision"].as_str(), run["fitted_precision"].as_str()), (Some("f16"), Some("f32")));
    let (score, map) = differences(&expected, &found);
    println!("f16: scores {score:.1e}, maps {map:.1e}");
    assert!(score > 0.0, "half precision changed nothing");
    assert!(score.max(map) <= f64::from(HALF_TOLERANCE), "{score}, {map}");
}

#[test]
fn devices_lists_every_adapter() {
    let output = pcore(&std::env::temp_dir(), &["devices"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for adapter in adapters() {
        assert!(text.contains(adapter.description()), "{text}");
    }
    assert!(text.contains("auto"), "{text}");
}
