//! Full-size networks against PyTorch and ONNX Runtime: the table of `docs/parity.md`.
//!
//! Runs where `PCORE_PARITY` names a folder that `tests/golden/backbones/generate.py --full` has filled; on pcore's own CPU
//! kernels, or on the device that `PCORE_PARITY_DEVICE` names.

use std::path::PathBuf;
use std::time::Instant;

use pcore::model::weights::NamedTensors;
use pcore::model::{self, DeviceChoice, FeatureMap, ImageBatch, OpenDevice, zoo};
use serde_json::Value;

/// Largest accepted difference, relative to the largest value of the map: on CPUs, and on GPUs.
const TOLERANCE: f32 = 1e-4;
const GPU_TOLERANCE: f32 = 1e-3;

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
        skipped!("PCORE_PARITY is not set");
        return;
    };
    let choice = std::env::var("PCORE_PARITY_DEVICE").map_or(DeviceChoice::Cpu, |name| name.parse().unwrap());
    let device = OpenDevice::open(choice).unwrap_or_else(|error| panic!("{error}"));
    let tolerance = match choice {
        DeviceChoice::Cpu | DeviceChoice::Flex | DeviceChoice::Ndarray => TOLERANCE,
        _ => GPU_TOLERANCE,
    };
    println!("{}", device.description());
    let text = std::fs::read_to_string(folder.join("cases.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(!cases.is_empty());
    println!("| network | weights | size | layer | max difference / max value | ms |\n|---|---|---|---|---|---|");
    for case in &cases {
        let text = |key: &str| case[key].as_str().unwrap().to_owned();
        let network = text("network");
        // A case without weights is a network that lies in weights/ when this is built.
        let weights = case["weights"].as_str().unwrap_or("built in");
        let layers: Vec<String> =
            case["layers"].as_array().unwrap().iter().map(|l| l.as_str().unwrap().to_owned()).collect();
        let net = match case["weights"].as_str() {
            None if model::available().iter().all(|(name, _)| *name != network) => {
                skipped!("{network} was not in weights/ when this was built");
                continue;
            }
            None => model::load(&network, &layers, &device),
            Some(weights) => {
                let tensors = NamedTensors::read(&folder.join(weights)).unwrap_or_else(|error| panic!("{error}"));
                zoo::load(&network, &tensors, &layers, &device)
            }
        };
        let net = net.unwrap_or_else(|error| panic!("{network}, {weights}: {error}"));
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
                assert!(difference <= tolerance, "{network} {layer}");
            }
        }
    }
}
