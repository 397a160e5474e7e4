//! Full-size networks against PyTorch and ONNX Runtime: the table of `docs/parity.md`.
//!
//! Runs where `PCORE_PARITY` names a folder that `tests/golden/backbones/generate.py --full` has filled.

use std::path::PathBuf;
use std::time::Instant;

use pcore::model::weights::NamedTensors;
use pcore::model::{FeatureMap, ImageBatch, OpenDevice, zoo};
use serde_json::Value;

/// Largest accepted difference, relative to the largest value of the map.
const TOLERANCE: f32 = 1e-4;

fn difference(map: &FeatureMap, expected: &[f32]) -> f32 {
    let (dim, n_cells) = (map.dim(), map.grid().n_patches());
    assert_eq!(map.values().len(), expected.len());
    let (mut difference, mut largest) = (0.0_f32, 0.0_f32);
    for (i, e) in expected.iter().enumerate() {
        let (image, channel, cell) = (i / (dim * n_cells), i / n_cells % dim, i % n_cells);
        difference = difference.max((e - map.image(image)[cell * dim + channel]).abs());
        largest = largest.max(e.abs());
    }
    difference / largest
}

#[test]
fn full_size_networks_agree_with_their_references() {
    let Some(folder) = std::env::var_os("PCORE_PARITY").map(PathBuf::from) else {
        println!("skipped: PCORE_PARITY is not set");
        return;
    };
    let text = std::fs::read_to_string(folder.join("cases.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(!cases.is_empty());
    println!("| network | weights | size | layer | max difference / max value | ms |\n|---|---|---|---|---|---|");
    for case in &cases {
        let text = |key: &str| case[key].as_str().unwrap().to_owned();
        let (network, weights) = (text("network"), text("weights"));
        let layers: Vec<String> =
            case["layers"].as_array().unwrap().iter().map(|l| l.as_str().unwrap().to_owned()).collect();
        let tensors = NamedTensors::read(&folder.join(&weights)).unwrap_or_else(|error| panic!("{error}"));
        let net = zoo::load(&network, &tensors, &layers, &OpenDevice::cpu())
            .unwrap_or_else(|error| panic!("{weights}: {error}"));
        for reference in case["references"].as_array().unwrap() {
            let reference = NamedTensors::read(&folder.join(reference.as_str().unwrap())).unwrap();
            let shape = reference.shape("pixels").unwrap().to_vec();
            let images = ImageBatch::new(reference.values("pixels").unwrap(), shape[0], shape[2], shape[3]).unwrap();
            let start = Instant::now();
            let maps = net.features(&images).unwrap();
            let ms = start.elapsed().as_millis();
            for (map, layer) in maps.iter().zip(&layers) {
                let difference = difference(map, &reference.values(layer).unwrap());
                println!("| {network} | {weights} | {} x {} | {layer} | {difference:.1e} | {ms} |", shape[2], shape[3]);
                assert!(difference <= TOLERANCE, "{network} {layer}");
            }
        }
    }
}
