//! The layers of a convolutional autoencoder at 128 pixels, forward and backward, beside the plain product of matrices:
//! `cargo bench --manifest-path kernels/bench/Cargo.toml --bench strided [-- BATCH]`. Medians of wall time.

use pcore_kernels::Projection;
use pcore_kernels::strided::{
    Strided, double, double_input_gradient, double_weight_gradient, halve, halve_input_gradient, halve_weight_gradient,
    leaky, leaky_gradient,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::hint::black_box;
use std::time::Instant;

/// Side of the small end, channels of the large end and of the small one.
const LAYERS: [(usize, usize, usize); 5] = [(64, 3, 32), (32, 32, 64), (16, 64, 128), (8, 128, 256), (4, 256, 256)];
const RUNS: usize = 15;

fn main() {
    println!("{} threads", rayon::current_num_threads());
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    for n in if asked.is_empty() { vec![8, 16] } else { asked } {
        step(n);
    }
}

/// All layers of one step of training with `n` images.
fn step(n: usize) {
    let before = peak();
    let [mut total, mut n_flops, mut loose] = [0.0; 3];
    for (at, (side, from, to)) in LAYERS.into_iter().enumerate() {
        let shape = Strided { n, height: side, width: side, from, to };
        let flops = 2.0 * (n * side * side * 16 * from * to) as f64;
        let (large, small) = (values(1, n * 4 * side * side * from), values(2, n * side * side * to));
        let (weight, bias) = (values(3, 16 * from * to), values(4, from.max(to)));
        let of_halving = [
            median(|| halve(shape, black_box(&large), &weight, &bias[..to])),
            median(|| halve_input_gradient(shape, black_box(&small), &weight)),
            median(|| halve_weight_gradient(shape, black_box(&large), &small)),
        ];
        let of_doubling = [
            median(|| double(shape, black_box(&small), &weight, &bias[..from])),
            median(|| double_input_gradient(shape, black_box(&large), &weight)),
            median(|| double_weight_gradient(shape, black_box(&small), &large)),
        ];
        tell(&format!("batch {n}: {0} x {0} x {from} to {side} x {side} x {to}", 2 * side), of_halving, flops);
        tell(&format!("batch {n}: {side} x {side} x {to} to {0} x {0} x {from}", 2 * side), of_doubling, flops);
        let mut hidden = small.clone();
        loose += 2.0 * median(|| leaky(black_box(&mut hidden), 0.2));
        loose += 2.0 * median(|| leaky_gradient(black_box(&mut hidden), &small, 0.2));
        // Nobody asks for the gradient of the images.
        let [forward, input, weights] = of_halving;
        total += forward + weights + if at == 0 { 0.0 } else { input } + of_doubling.iter().sum::<f64>();
        n_flops += flops * if at == 0 { 5.0 } else { 6.0 };
    }
    let peak = before.max(peak());
    let bound = n_flops / peak;
    println!("batch {n}: products reach {:.1} GFLOP/s", peak / 1e9);
    println!("batch {n}: rectifiers and their gradients {:.2} ms", 1e3 * loose);
    println!(
        "batch {n}: one step {:.1} ms without them, {:.1} ms at the speed of products: {:.2} times",
        1e3 * total,
        1e3 * bound,
        total / bound
    );
}

fn tell(layer: &str, seconds: [f64; 3], flops: f64) {
    let [forward, input, weights] = seconds.map(|s| format!("{:7.2} ms {:6.1} GFLOP/s", 1e3 * s, flops / s / 1e9));
    println!("{layer:<42} forward {forward}, input {input}, weights {weights}");
}

/// Floating point operations per second of a large product.
fn peak() -> f64 {
    let (n, dim, to) = (4096, 512, 256);
    let rows = values(5, n * dim);
    let projection = Projection::random(dim, to, 1).expect("the dimensions are valid");
    2.0 * (n * dim * to) as f64 / median(|| projection.apply(black_box(&rows)))
}

/// Of the wall time, in seconds.
fn median<T>(f: impl FnMut() -> T) -> f64 {
    let mut f = f;
    let run = |_| {
        let start = Instant::now();
        black_box(f());
        start.elapsed().as_secs_f64()
    };
    let mut seconds: Vec<f64> = (0..RUNS).map(run).collect();
    seconds.sort_by(f64::total_cmp);
    seconds[RUNS / 2]
}

fn values(seed: u64, n: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..n).map(|_| rng.random_range(-1.0..1.0)).collect()
}
