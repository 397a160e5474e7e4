//! The GPU path against the CPU: features, scores, verdicts, and what is said where there is no GPU.
//!
//! Mesa's lavapipe, a software adapter, is enough: `apt-get install mesa-vulkan-drivers`. Without any adapter the tests
//! that need one say that they are skipped. `PCORE_NEEDS_ADAPTER=1` turns that into a failure, for machines that have one.

#![cfg(feature = "gpu")]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pcore::model::dinov2::{DinoV2, DinoV2Config};
use pcore::model::resnet::{ResNet, ResNetConfig};
use pcore::model::weights::NamedTensors;
use pcore::model::{self, Backbone, DeviceChoice, ImageBatch, OpenDevice, adapters};
use serde_json::Value;
use tempfile::TempDir;

/// Largest accepted difference from the CPU, relative to the largest value.
const TOLERANCE: f32 = 1e-3;

/// The first adapter.
fn gpu() -> Option<OpenDevice> {
    if adapters().is_empty() {
        assert!(
            std::env::var_os("PCORE_NEEDS_ADAPTER").is_none(),
            "PCORE_NEEDS_ADAPTER is set, and there is no adapter"
        );
        println!("skipped: no GPU adapter, not even a software one (apt-get install mesa-vulkan-drivers)");
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

fn assert_same(name: &str, images: &ImageBatch, open: impl Fn(&OpenDevice) -> Box<dyn Backbone>, gpu: &OpenDevice) {
    let expected = open(&OpenDevice::cpu()).features(images).unwrap();
    let found = open(gpu).features(images).unwrap();
    assert_eq!(expected.len(), found.len());
    for (layer, (expected, found)) in expected.iter().zip(&found).enumerate() {
        assert_eq!((expected.grid(), expected.dim()), (found.grid(), found.dim()));
        let largest = expected.values().iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        let pairs = expected.values().iter().zip(found.values());
        let difference = pairs.fold(0.0_f32, |m, (e, f)| m.max((e - f).abs())) / largest;
        println!("{name}, layer {layer}: {difference:.1e}");
        assert!(difference <= TOLERANCE, "{name}, layer {layer}: {difference}");
    }
}

#[test]
fn features_of_every_family_agree_with_the_cpu() {
    let Some(gpu) = gpu() else { return };
    println!("{}", gpu.description());
    let resnet = ResNetConfig {
        name: "basic".into(),
        bottleneck: false,
        blocks: [2, 1, 1, 1],
        stem: 6,
        planes: [6, 8, 12, 16],
        width: 1,
    };
    let layers = ["layer1", "layer4"].map(str::to_owned);
    let open = |device: &OpenDevice| -> Box<dyn Backbone> {
        Box::new(ResNet::load(&resnet, &read("basic.safetensors"), &layers, device).unwrap())
    };
    assert_same("ResNet", &images(2, 45, 64), open, &gpu);
    let dinov2 = DinoV2Config { name: "dino".into(), dim: 24, depth: 3, n_heads: 3, n_registers: 0, patch: 14 };
    let open = |device: &OpenDevice| -> Box<dyn Backbone> {
        Box::new(DinoV2::load(&dinov2, &read("dino.safetensors"), &["norm:blocks.2".to_owned()], device).unwrap())
    };
    assert_same("DINOv2", &images(2, 56, 42), open, &gpu);
    let open = |device: &OpenDevice| model::load("pcore_tiny", &[], device).unwrap();
    assert_same("pcore_tiny", &images(2, 64, 80), open, &gpu);
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
    assert!(text.contains("wgpu:99") && text.contains("--device cpu"), "{text}");
    let known = adapters();
    let expected = known.first().map_or("no GPU adapter", |adapter| adapter.description());
    assert!(text.contains(expected), "{text}");
}

fn pcore(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pcore"));
    let output = command.current_dir(folder).env("PCORE_HOME", folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Path, raw score and verdict of every image.
fn infer(folder: &Path, device: &str) -> Vec<(PathBuf, f64, Value)> {
    let output = pcore(folder, &["infer", "domain_C/test", "--json", "--batch", "4", "--device", device]);
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|row| (row["path"].as_str().unwrap().into(), row["raw_score"].as_f64().unwrap(), row["verdict"].clone()))
        .collect()
}

#[test]
fn scores_and_verdicts_of_one_bundle_agree_with_the_cpu() {
    if gpu().is_none() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    pcore(folder, &["synth", "hdmap", "--out", ".", "--train", "24", "--good", "4", "--fault", "4", "--seed", "5"]);
    let size = ["--image-size", "64x96", "--coreset", "0.1", "--device", "cpu"];
    pcore(folder, &[["fit", "--domain", "C", "--normal", "."].as_slice(), &size].concat());
    let (cpu, gpu) = (infer(folder, "cpu"), infer(folder, "wgpu"));
    assert_eq!((cpu.len(), gpu.len()), (8, 8));
    for ((path, expected, verdict), (other, found, same)) in cpu.iter().zip(&gpu) {
        assert_eq!((path, verdict), (other, same));
        assert!((found - expected).abs() <= f64::from(TOLERANCE) * expected.abs(), "{path:?}: {expected}, {found}");
    }
}
