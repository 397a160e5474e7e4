//! Published weights, where they are at hand: a ResNet-18 with ImageNet weights that is no part of this repository.
//!
//! `tests/golden/resnet18_layer3/generate.py` wrote down what ONNX Runtime makes of it.

use crate::shared::shared;
use std::path::{Path, PathBuf};

use pcore::model::weights::NamedTensors;
use pcore::model::{self, Backbone, FeatureMap, ImageBatch, OpenDevice, zoo};

/// Largest accepted difference, relative to the largest value of the map.
const TOLERANCE: f32 = 1e-4;
/// Of how many values of a feature map one is kept in the golden file.
const STEP: usize = 7;
const HEIGHT: usize = 64;
const WIDTH: usize = 96;
const FILE: &str = "resnet18_layer3.onnx";

fn network() -> Option<PathBuf> {
    shared(&format!("weights/{FILE}"))
}

/// The image of `generate.py`.
fn image() -> ImageBatch {
    let value = |c: usize, y: usize, x: usize| (((x * 7 + y * 13 + c * 29 + x * y) % 61) as f32 - 30.0) / 16.0;
    let rows = (0..3).flat_map(|c| (0..HEIGHT).map(move |y| (c, y)));
    let pixels = rows.flat_map(|(c, y)| (0..WIDTH).map(move |x| value(c, y, x))).collect();
    ImageBatch::new(pixels, 1, HEIGHT, WIDTH).unwrap()
}

fn loaded_at_run_time(path: &Path) -> Box<dyn Backbone> {
    let layers = ["layer2", "layer3"].map(str::to_owned);
    zoo::load("resnet18", &NamedTensors::read(path).unwrap(), &layers, &OpenDevice::cpu()).unwrap()
}

/// Value `index` of a map in the order `[channel, row, column]`.
fn channels_first(map: &FeatureMap, index: usize) -> f32 {
    let n_cells = map.grid().n_patches();
    map.values()[index % n_cells * map.dim() + index / n_cells]
}

#[test]
fn the_run_time_loader_agrees_with_onnx_runtime_on_published_weights() {
    let Some(path) = network() else { return };
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/resnet18_layer3/features.safetensors");
    let golden = NamedTensors::read(&golden).unwrap();
    let maps = loaded_at_run_time(&path).features(&image()).unwrap();
    for (map, layer) in maps.iter().zip(["layer2", "layer3"]) {
        let expected = golden.values(layer).unwrap();
        let largest = golden.values(&format!("{layer}.largest")).unwrap()[0];
        assert_eq!(expected.len(), map.values().len().div_ceil(STEP));
        let differences = expected.iter().enumerate().map(|(i, e)| (e - channels_first(map, i * STEP)).abs());
        let found = differences.fold(0.0, f32::max) / largest;
        println!("{layer}: {found:.1e}");
        assert!(found <= TOLERANCE, "{layer}: {found}");
    }
}

#[test]
fn built_in_and_loaded_at_run_time_the_same_weights_give_the_same_features() {
    let Some(path) = network() else { return };
    if !model::available().iter().any(|(name, _)| *name == "resnet18_layer3") {
        skipped!("this build has no resnet18_layer3; put {FILE} into weights/ to compare");
        return;
    }
    let layers = ["layer2", "layer3"].map(str::to_owned);
    let built_in = model::load("resnet18_layer3", &layers, &OpenDevice::cpu()).unwrap().features(&image()).unwrap();
    let loaded = loaded_at_run_time(&path).features(&image()).unwrap();
    for ((a, b), layer) in built_in.iter().zip(&loaded).zip(layers) {
        let largest = a.values().iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        let difference = a.values().iter().zip(b.values()).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
        println!("{layer}: {:.1e}", difference / largest);
        assert!(difference <= TOLERANCE * largest, "{layer}");
    }
}
