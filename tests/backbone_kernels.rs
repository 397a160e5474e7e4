//! pcore's own CPU kernels (device `cpu`) against the burn modules (device `flex`): same weights, same pixels.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use pcore::model::{self, Backbone, FeatureMap, ImageBatch, OpenDevice};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

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
