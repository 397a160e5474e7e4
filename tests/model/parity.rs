//! Features of the residual networks and of DINOv2 against PyTorch, from every kind of weight file.
//!
//! `tests/golden/backbones/generate.py` made the files.

use crate::basic_resnet::basic;
use std::path::PathBuf;

use pcore::model::dinov2::{DinoV2, DinoV2Config};
use pcore::model::resnet::{ResNet, ResNetConfig};
use pcore::model::weights::NamedTensors;
use pcore::model::{Backbone, ImageBatch, OpenDevice};

/// Largest accepted difference, relative to the largest value of the map.
const TOLERANCE: f32 = 1e-4;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/backbones").join(name)
}

fn read(name: &str) -> NamedTensors {
    NamedTensors::read(&golden(name)).unwrap_or_else(|error| panic!("{error}"))
}

fn strings(layers: &[&str]) -> Vec<String> {
    layers.iter().map(ToString::to_string).collect()
}

fn bottleneck() -> ResNetConfig {
    ResNetConfig {
        name: "bottleneck".into(),
        bottleneck: true,
        blocks: [2, 1, 1, 1],
        stem: 6,
        planes: [4, 6, 8, 10],
        width: 1,
    }
}

fn wide() -> ResNetConfig {
    ResNetConfig {
        name: "wide".into(),
        bottleneck: true,
        blocks: [1, 2, 1, 1],
        stem: 6,
        planes: [4, 6, 8, 10],
        width: 2,
    }
}

fn dino(n_registers: usize) -> DinoV2Config {
    DinoV2Config { name: "dino".into(), dim: 24, depth: 3, n_heads: 3, n_registers, patch: 14 }
}

/// pcore's own kernels, and burn.
fn devices() -> [OpenDevice; 2] {
    [OpenDevice::cpu(), OpenDevice::flex()]
}

fn load_resnet(config: &ResNetConfig, file: &str, layers: &[&str]) -> ResNet {
    load_resnet_on(&OpenDevice::cpu(), config, file, layers)
}

fn load_resnet_on(device: &OpenDevice, config: &ResNetConfig, file: &str, layers: &[&str]) -> ResNet {
    ResNet::load(config, &read(file), &strings(layers), device).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn load_dino(device: &OpenDevice, config: &DinoV2Config, file: &str, layers: &[&str]) -> DinoV2 {
    DinoV2::load(config, &read(file), &strings(layers), device).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Compares with every size in a golden file; returns the number of maps compared.
fn agrees(backbone: &dyn Backbone, features: &str) -> usize {
    let golden = read(features);
    let sizes: Vec<&str> = golden.names().filter_map(|name| name.strip_suffix("/pixels")).collect();
    let mut compared = 0;
    for size in &sizes {
        let shape = golden.shape(&format!("{size}/pixels")).unwrap().to_vec();
        let pixels = golden.values(&format!("{size}/pixels")).unwrap();
        let images = ImageBatch::new(pixels, shape[0], shape[2], shape[3]).unwrap();
        let maps = backbone.features(&images).unwrap();
        assert_eq!(maps.len(), backbone.spec().layers.len());
        for (map, layer) in maps.iter().zip(&backbone.spec().layers) {
            let name = format!("{size}/{layer}");
            let [n, dim, n_rows, n_cols]: [usize; 4] = golden.shape(&name).unwrap().try_into().unwrap();
            assert_eq!(
                (map.n_images(), map.dim(), map.grid().n_rows, map.grid().n_cols),
                (n, dim, n_rows, n_cols),
                "{name}"
            );
            let expected = golden.values(&name).unwrap();
            let (mut difference, mut largest) = (0.0_f32, 0.0_f32);
            for image in 0..n {
                for channel in 0..dim {
                    for cell in 0..n_rows * n_cols {
                        let e = expected[(image * dim + channel) * n_rows * n_cols + cell];
                        let f = map.image(image)[cell * dim + channel];
                        difference = difference.max((e - f).abs());
                        largest = largest.max(e.abs());
                    }
                }
            }
            assert!(difference <= TOLERANCE * largest, "{features} {name}: {difference} of {largest}");
            compared += 1;
        }
    }
    compared
}

const STAGES: [&str; 4] = ["layer1", "layer2", "layer3", "layer4"];

#[test]
fn residual_networks_agree_with_pytorch_at_odd_sizes() {
    for device in devices() {
        for config in [basic(), bottleneck(), wide()] {
            let net = load_resnet_on(&device, &config, &format!("{}.safetensors", config.name), &STAGES);
            assert_eq!(agrees(&net, &format!("{}_features.safetensors", config.name)), 8);
        }
    }
}

#[test]
fn dinov2_agrees_with_pytorch_at_its_own_and_other_sizes() {
    let layers = ["blocks.1", "blocks.2", "norm:blocks.0", "norm:blocks.2"];
    for device in devices() {
        for (name, n_registers) in [("dino", 0), ("dino_reg", 4)] {
            let net = load_dino(&device, &dino(n_registers), &format!("{name}.safetensors"), &layers);
            assert_eq!(agrees(&net, &format!("{name}_features.safetensors")), 8);
        }
    }
}

#[test]
fn every_container_gives_the_same_weights() {
    let reference = load_resnet(&basic(), "basic.safetensors", &STAGES);
    for file in ["basic.pth", "basic_nested.pth", "basic_legacy.pth", "basic_bn.onnx"] {
        let net = load_resnet(&basic(), file, &STAGES);
        assert_eq!(net.spec().weights_sha256, reference.spec().weights_sha256, "{file}");
        assert_eq!(agrees(&net, "basic_features.safetensors"), 8, "{file}");
    }
    let channels_last = load_resnet(&wide(), "wide_channels_last.pth", &STAGES);
    assert_eq!(
        channels_last.spec().weights_sha256,
        load_resnet(&wide(), "wide.safetensors", &STAGES).spec().weights_sha256
    );
}

#[test]
fn a_graph_with_folded_normalisation_gives_the_same_features() {
    let net = load_resnet(&basic(), "basic_folded.onnx", &STAGES);
    assert_eq!(agrees(&net, "basic_features.safetensors"), 8);
}

#[test]
fn names_of_timm_and_of_hugging_face_give_the_same_features() {
    let layers = ["blocks.1", "norm:blocks.2"];
    for file in ["dino_reg_timm.safetensors", "dino_reg_hub.safetensors"] {
        let net = load_dino(&OpenDevice::cpu(), &dino(4), file, &layers);
        assert_eq!(agrees(&net, "dino_reg_features.safetensors"), 4, "{file}");
    }
}

#[test]
fn half_precision_files_load_close_to_the_full_ones() {
    let half = load_resnet(&basic(), "basic_half.safetensors", &["layer2"]);
    let full = load_resnet(&basic(), "basic.safetensors", &["layer2"]);
    let images = ImageBatch::new(vec![0.5; 3 * 40 * 40], 1, 40, 40).unwrap();
    let (a, b) = (half.features(&images).unwrap().remove(0), full.features(&images).unwrap().remove(0));
    let largest = b.values().iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let difference = a.values().iter().zip(b.values()).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
    assert!(difference > 0.0 && difference < 0.01 * largest, "{difference} of {largest}");
}

#[test]
fn layers_come_in_the_requested_order_and_may_repeat() {
    let net = load_resnet(&basic(), "basic.safetensors", &["layer3", "layer1", "layer3"]);
    let images = ImageBatch::new(vec![0.5; 3 * 40 * 40], 1, 40, 40).unwrap();
    let dims: Vec<usize> = net.features(&images).unwrap().iter().map(|map| map.dim()).collect();
    assert_eq!(dims, [12, 6, 12]);
}

#[test]
fn a_size_that_is_no_multiple_of_the_patch_is_refused_with_the_nearest() {
    let net = load_dino(&OpenDevice::cpu(), &dino(0), "dino.safetensors", &["blocks.0"]);
    let images = ImageBatch::new(vec![0.0; 3 * 30 * 42], 1, 30, 42).unwrap();
    let message = net.features(&images).unwrap_err().to_string();
    assert!(message.contains("height of 28 or 42") && message.contains("width of 42"), "{message}");
}

#[test]
fn unknown_and_no_layers_are_refused_with_the_choices() {
    let tensors = read("basic.safetensors");
    for (layers, expected) in [(vec!["layer5".to_owned()], "layer1, layer2, layer3, layer4"), (vec![], "layer1")] {
        let message = ResNet::load(&basic(), &tensors, &layers, &OpenDevice::cpu()).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}
