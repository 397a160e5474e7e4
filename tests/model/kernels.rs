//! pcore's own CPU kernels (device `cpu`) against the burn modules (device `flex`): same weights, same pixels.

use pcore::model::dinov2::{DinoV2, DinoV2Config};
use pcore::model::resnet::{ResNet, ResNetConfig};
use pcore::model::weights::NamedTensors;
use pcore::model::{self, Backbone, FeatureMap, ImageBatch, OpenDevice};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::tensor::{Dtype, TensorView};

/// Largest accepted difference, relative to the largest value of a map, Winograd's convolution included.
const TOLERANCE: f32 = 1e-5;

fn images(seed: u64, n_images: usize, height_px: usize, width_px: usize) -> ImageBatch {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let pixels = (0..n_images * 3 * height_px * width_px).map(|_| rng.random_range(-2.0..2.5)).collect();
    ImageBatch::new(pixels, n_images, height_px, width_px).unwrap()
}

fn difference(found: &FeatureMap, expected: &FeatureMap) -> f32 {
    assert_eq!((found.n_images(), found.grid(), found.dim()), (expected.n_images(), expected.grid(), expected.dim()));
    let largest = expected.values().iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let pairs = found.values().iter().zip(expected.values());
    pairs.fold(0.0_f32, |m, (f, e)| m.max((f - e).abs())) / largest
}

/// Compares all maps of two backbones for batches of one and three images.
fn assert_same(what: &str, kernels: &dyn Backbone, burn: &dyn Backbone, sizes: &[(usize, usize)]) {
    assert_eq!(kernels.spec(), burn.spec());
    for &(height_px, width_px) in sizes {
        for n_images in [1, 3] {
            let images = images((height_px * width_px + n_images) as u64, n_images, height_px, width_px);
            let (found, expected) = (kernels.features(&images).unwrap(), burn.features(&images).unwrap());
            assert_eq!(found.len(), expected.len());
            for ((found, expected), layer) in found.iter().zip(&expected).zip(&kernels.spec().layers) {
                let error = difference(found, expected);
                assert!(error <= TOLERANCE, "{what} {layer}, {n_images} x {height_px} x {width_px}: {error}");
            }
        }
    }
}

/// Features must be the same bits alone, in company, in any order and on any number of threads, and after another size.
fn assert_reproducible(network: &dyn Backbone, height_px: usize, width_px: usize) {
    let batch = images(5, 5, height_px, width_px);
    let together = network.features(&batch).unwrap();
    for threads in [1, 2, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for order in [vec![0, 1, 2, 3, 4], vec![3], vec![4, 0], vec![2, 2, 1]] {
            let pixels = order.iter().flat_map(|&i| batch.image(i)).copied().collect();
            let own = ImageBatch::new(pixels, order.len(), height_px, width_px).unwrap();
            let maps = pool.install(|| network.features(&own)).unwrap();
            for (map, all) in maps.iter().zip(&together) {
                for (position, &image) in order.iter().enumerate() {
                    assert!(map.image(position) == all.image(image), "{threads} threads, {order:?}");
                }
            }
        }
        network.features(&images(6, 1, height_px + 14, width_px + 28)).unwrap();
    }
}

#[test]
fn built_in_networks_give_the_features_of_their_burn_modules() {
    let networks = model::available();
    assert!(!networks.is_empty());
    for (name, layers) in networks {
        let kernels = model::load(name, &[], &OpenDevice::cpu()).unwrap();
        let burn = model::load(name, &[], &OpenDevice::flex()).unwrap();
        assert_eq!(kernels.spec().layers, layers);
        if kernels.spec().input_size.is_none() {
            assert_same(name, &*kernels, &*burn, &[(32, 32), (71, 50), (96, 128), (45, 213)]);
        }
    }
}

#[test]
fn built_in_networks_are_reproducible() {
    let network = model::load("pcore_tiny", &[], &OpenDevice::cpu()).unwrap();
    assert_reproducible(&*network, 75, 62);
}

#[test]
fn a_network_may_be_shared_among_threads() {
    let network = model::load("pcore_tiny", &[], &OpenDevice::cpu()).unwrap();
    let batch = images(9, 2, 64, 64);
    let expected = network.features(&batch).unwrap();
    std::thread::scope(|scope| {
        let run = || (0..3).all(|_| network.features(&batch).unwrap() == expected);
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        assert!(runs.into_iter().all(|run| run.join().unwrap()));
    });
}

/// Tensors of a network under construction.
struct Maker {
    rng: ChaCha8Rng,
    tensors: Vec<(String, Vec<usize>, Vec<u8>)>,
}

impl Maker {
    fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), tensors: vec![] }
    }

    fn tensor(&mut self, name: String, shape: &[usize], low: f32, high: f32) {
        let n: usize = shape.iter().product();
        let bytes = (0..n).flat_map(|_| self.rng.random_range(low..high).to_le_bytes()).collect();
        self.tensors.push((name, shape.to_vec(), bytes));
    }

    fn conv(&mut self, conv: &str, norm: &str, [from, to, size]: [usize; 3]) {
        let bound = (3.0 / (from * size * size) as f32).sqrt();
        self.tensor(format!("{conv}.weight"), &[to, from, size, size], -bound, bound);
        self.tensor(format!("{norm}.weight"), &[to], 0.5, 1.5);
        self.tensor(format!("{norm}.bias"), &[to], -0.5, 0.5);
        self.tensor(format!("{norm}.running_mean"), &[to], -0.5, 0.5);
        self.tensor(format!("{norm}.running_var"), &[to], 0.5, 1.5);
    }

    fn linear(&mut self, name: &str, from: usize, to: usize) {
        let bound = (3.0 / from as f32).sqrt();
        self.tensor(format!("{name}.weight"), &[to, from], -bound, bound);
        self.tensor(format!("{name}.bias"), &[to], -0.2, 0.2);
    }

    fn norm(&mut self, name: &str, dim: usize) {
        self.tensor(format!("{name}.weight"), &[dim], 0.5, 1.5);
        self.tensor(format!("{name}.bias"), &[dim], -0.3, 0.3);
    }

    fn read(self) -> NamedTensors {
        let file = tempfile::Builder::new().suffix(".safetensors").tempfile().unwrap();
        let views = self
            .tensors
            .iter()
            .map(|(name, shape, bytes)| (name.clone(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
        std::fs::write(file.path(), safetensors::serialize(views, None).unwrap()).unwrap();
        NamedTensors::read(file.path()).unwrap()
    }
}

fn resnet_weights(config: &ResNetConfig) -> NamedTensors {
    let mut maker = Maker::new(config.planes[0] as u64);
    maker.conv("conv1", "bn1", [3, config.stem, 7]);
    let mut from = config.stem;
    for stage in 0..4 {
        let (planes, to) = (config.planes[stage], config.dim(stage));
        let inner = planes * config.width;
        for block in 0..config.blocks[stage] {
            let at = format!("layer{}.{block}", stage + 1);
            let steps = if config.bottleneck {
                vec![[from, inner, 1], [inner, inner, 3], [inner, to, 1]]
            } else {
                vec![[from, planes, 3], [planes, to, 3]]
            };
            for (step, i) in steps.into_iter().zip(1..) {
                maker.conv(&format!("{at}.conv{i}"), &format!("{at}.bn{i}"), step);
            }
            if block == 0 && (stage > 0 || from != to) {
                maker.conv(&format!("{at}.downsample.0"), &format!("{at}.downsample.1"), [from, to, 1]);
            }
            from = to;
        }
    }
    maker.read()
}

/// Channels that are multiples of 16 (Winograd's convolution) and others; basic, bottleneck and wide blocks.
fn resnets() -> Vec<ResNetConfig> {
    let config = |bottleneck, blocks, stem, planes, width| ResNetConfig {
        name: "small".into(),
        bottleneck,
        blocks,
        stem,
        planes,
        width,
    };
    vec![
        config(false, [2, 1, 2, 1], 16, [16, 32, 48, 64], 1),
        config(false, [1, 1, 1, 1], 7, [7, 9, 20, 33], 1),
        config(true, [2, 2, 1, 1], 16, [16, 16, 32, 48], 1),
        config(true, [1, 2, 1, 1], 24, [8, 16, 24, 16], 2),
    ]
}

fn dinov2_weights(config: &DinoV2Config, side: usize) -> NamedTensors {
    let DinoV2Config { dim, patch, .. } = *config;
    let mut maker = Maker::new(dim as u64);
    let bound = (3.0 / (3 * patch * patch) as f32).sqrt();
    maker.tensor("patch_embed.proj.weight".into(), &[dim, 3, patch, patch], -bound, bound);
    maker.tensor("patch_embed.proj.bias".into(), &[dim], -0.2, 0.2);
    maker.tensor("cls_token".into(), &[1, 1, dim], -1.0, 1.0);
    maker.tensor("pos_embed".into(), &[1, 1 + side * side, dim], -1.0, 1.0);
    if config.n_registers > 0 {
        maker.tensor("register_tokens".into(), &[1, config.n_registers, dim], -1.0, 1.0);
    }
    for block in 0..config.depth {
        let at = |part: &str| format!("blocks.{block}.{part}");
        maker.norm(&at("norm1"), dim);
        maker.linear(&at("attn.qkv"), dim, 3 * dim);
        maker.linear(&at("attn.proj"), dim, dim);
        maker.norm(&at("norm2"), dim);
        maker.linear(&at("mlp.fc1"), dim, 4 * dim);
        maker.linear(&at("mlp.fc2"), 4 * dim, dim);
        maker.tensor(at("ls1.gamma"), &[dim], 0.2, 1.0);
        maker.tensor(at("ls2.gamma"), &[dim], 0.2, 1.0);
    }
    maker.norm("norm", dim);
    maker.read()
}

fn dinov2s() -> Vec<DinoV2Config> {
    let config = |dim, depth, n_heads, n_registers| DinoV2Config {
        name: "small".into(),
        dim,
        depth,
        n_heads,
        n_registers,
        patch: 14,
    };
    vec![config(48, 3, 3, 0), config(128, 2, 2, 4), config(60, 2, 5, 4)]
}

fn strings(layers: &[&str]) -> Vec<String> {
    layers.iter().map(ToString::to_string).collect()
}

#[test]
fn residual_networks_give_the_features_of_their_burn_modules() {
    for config in resnets() {
        let tensors = resnet_weights(&config);
        for layers in [vec!["layer1", "layer2", "layer3", "layer4"], vec!["layer3", "layer2", "layer3"], vec!["layer1"]]
        {
            let layers = strings(&layers);
            let load = |device| ResNet::load(&config, &tensors, &layers, &device).unwrap();
            let sizes = [(32, 32), (61, 83), (96, 64), (130, 37)];
            assert_same(&format!("{config:?}"), &load(OpenDevice::cpu()), &load(OpenDevice::flex()), &sizes);
        }
    }
}

#[test]
fn transformers_give_the_features_of_their_burn_modules() {
    for config in dinov2s() {
        let tensors = dinov2_weights(&config, 5);
        let last = config.depth - 1;
        let all = [
            format!("norm:blocks.{last}"),
            "blocks.0".to_owned(),
            format!("blocks.{last}"),
            "norm:blocks.0".to_owned(),
        ];
        for layers in [all.to_vec(), strings(&["blocks.0", "blocks.0"])] {
            let load = |device| DinoV2::load(&config, &tensors, &layers, &device).unwrap();
            let sizes = [(70, 70), (14, 14), (42, 98), (168, 56)];
            assert_same(&format!("{config:?}"), &load(OpenDevice::cpu()), &load(OpenDevice::flex()), &sizes);
        }
    }
}

#[test]
fn loaded_networks_are_reproducible() {
    let config = &resnets()[0];
    let layers = strings(&["layer2", "layer3"]);
    let net = ResNet::load(config, &resnet_weights(config), &layers, &OpenDevice::cpu()).unwrap();
    assert_reproducible(&net, 67, 90);
    let config = &dinov2s()[1];
    let layers = strings(&["blocks.0", "norm:blocks.1"]);
    let net = DinoV2::load(config, &dinov2_weights(config, 4), &layers, &OpenDevice::cpu()).unwrap();
    assert_reproducible(&net, 70, 112);
}
