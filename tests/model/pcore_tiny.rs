//! The built-in network against ONNX Runtime.

use pcore::model::{self, FeatureMap, ImageBatch, OpenDevice};
use safetensors::SafeTensors;

/// Largest difference allowed, relative to the largest value.
const TOLERANCE: f32 = 1e-5;

fn tensor(file: &SafeTensors<'_>, name: &str) -> (Vec<usize>, Vec<f32>) {
    let view = file.tensor(name).unwrap();
    let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    (view.shape().to_vec(), values)
}

/// `[n, c, h, w]` against channels-last.
fn difference(map: &FeatureMap, shape: &[usize], expected: &[f32]) -> f32 {
    let [n, c, h, w] = shape.try_into().unwrap();
    assert_eq!((map.n_images(), map.dim(), map.grid().n_rows, map.grid().n_cols), (n, c, h, w));
    let largest = expected.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let mut worst = 0.0f32;
    for (i, value) in expected.iter().enumerate() {
        let (image, channel, row, col) = (i / (c * h * w), i / (h * w) % c, i / w % h, i % w);
        worst = worst.max((map.values()[((image * h + row) * w + col) * c + channel] - value).abs());
    }
    worst / largest
}

fn batch_of(pixels: &[f32], shape: &[usize]) -> ImageBatch {
    ImageBatch::new(pixels.to_vec(), shape[0], shape[2], shape[3]).unwrap()
}

#[test]
fn features_equal_onnx_runtimes() {
    let bytes =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/pcore_tiny/features.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let (shape, pixels) = tensor(&file, "pixels");
    for device in [OpenDevice::cpu(), OpenDevice::flex()] {
        let network = model::load("pcore_tiny", &[], &device).unwrap();
        let maps = network.features(&batch_of(&pixels, &shape)).unwrap();
        assert_eq!(network.spec().layers, ["layer2", "layer3"]);
        for (map, layer) in maps.iter().zip(["layer2", "layer3"]) {
            let (shape, expected) = tensor(&file, layer);
            let found = difference(map, &shape, &expected);
            println!("{} {layer}: {found:.1e}", device.description());
            assert!(found < TOLERANCE, "{} {layer}: {found}", device.description());
        }
    }
}

#[test]
fn an_images_features_do_not_depend_on_its_batch() {
    let bytes =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/pcore_tiny/features.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let (shape, pixels) = tensor(&file, "pixels");
    let network = model::load("pcore_tiny", &[], &OpenDevice::cpu()).unwrap();
    let together = network.features(&batch_of(&pixels, &shape)).unwrap();
    for image in 0..shape[0] {
        let own = &pixels[image * pixels.len() / shape[0]..][..pixels.len() / shape[0]];
        let alone = network.features(&batch_of(own, &[1, 3, shape[2], shape[3]])).unwrap();
        for (a, t) in alone.iter().zip(&together) {
            assert_eq!(a.values(), t.image(image));
        }
    }
}

#[test]
fn layers_come_in_the_order_asked_for_even_twice() {
    let layers = ["layer3", "layer2", "layer3"].map(str::to_owned);
    let network = model::load("pcore_tiny", &layers, &OpenDevice::cpu()).unwrap();
    let maps = network.features(&batch_of(&vec![0.5; 3 * 64 * 64], &[1, 3, 64, 64])).unwrap();
    assert_eq!(maps.iter().map(FeatureMap::dim).collect::<Vec<_>>(), [256, 128, 256]);
    assert_eq!(maps[0], maps[2]);
}

#[test]
fn unknown_names_and_sizes_are_refused_with_the_choices() {
    let cpu = OpenDevice::cpu();
    let message = model::load("resnet9000", &[], &cpu).err().unwrap().to_string();
    assert!(message.contains("resnet9000") && message.contains("pcore_tiny"), "{message}");
    let message = model::load("pcore_tiny", &["layer9".to_owned()], &cpu).err().unwrap().to_string();
    assert!(message.contains("layer9") && message.contains("layer2, layer3"), "{message}");
    let network = model::load("pcore_tiny", &[], &cpu).unwrap();
    let message = network.features(&batch_of(&[0.0; 3], &[1, 3, 1, 1])).err().unwrap().to_string();
    assert!(message.contains("at least 32 x 32") && message.contains("1 x 1"), "{message}");
}
