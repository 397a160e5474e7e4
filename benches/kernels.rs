//! Times of the CPU kernels: `cargo bench --bench kernels [-- nearest|coreset|growth|conv|transformer]`. Medians and
//! minima in ms.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark reports, and stops where something is wrong")]

use std::time::Instant;

use pcore::kernel::plan::{Conv, Graph, Network, Node, NodeId, Window};
use pcore::kernel::transformer::{Block, Linear, Norm, Workspace};
use pcore::kernel::{self, Metric, PreparedRows};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn main() {
    let only: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|o| o == name);
    println!("level {}, {} threads", kernel::simd::Level::best().name(), rayon::current_num_threads());
    if wanted("nearest") {
        nearest();
    }
    if wanted("coreset") {
        coreset();
    }
    if wanted("growth") {
        growth();
    }
    if wanted("conv") {
        conv();
    }
    if wanted("transformer") {
        transformer();
    }
}

/// Runs `f` once to warm up and `n` times; prints the median wall time and the least processor time per thread (which
/// other load on the machine disturbs less). Returns the latter in ms.
fn time(what: &str, n: usize, mut f: impl FnMut()) -> f64 {
    f();
    let (mut wall, mut cpu) = (vec![], vec![]);
    for _ in 0..n {
        let (start, before) = (Instant::now(), processor_ms());
        f();
        wall.push(start.elapsed().as_secs_f64() * 1e3);
        cpu.push((processor_ms() - before) / rayon::current_num_threads() as f64);
    }
    wall.sort_by(f64::total_cmp);
    cpu.sort_by(f64::total_cmp);
    println!("{what:<52} wall {:9.2} ms  processor {:9.2} ms", wall[n / 2], cpu[0]);
    cpu[0].max(1e-3)
}

/// Processor time of all threads so far, from the scheduler's statistics; 0 where the system has none.
fn processor_ms() -> f64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return 0.0 };
    let ns = |task: std::fs::DirEntry| -> Option<f64> {
        std::fs::read_to_string(task.path().join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    tasks.flatten().filter_map(ns).sum::<f64>() / 1e6
}

/// Patches of few images resemble each other: points near a curved surface of low dimension, plus noise.
fn patches(seed: u64, n: usize, dim: usize, noise: f32) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    const LATENT: usize = 12;
    let mix: Vec<f32> = (0..LATENT * dim).map(|_| rng.random::<f32>() - 0.5).collect();
    let centers: Vec<f32> = (0..32 * LATENT).map(|_| 4.0 * rng.random::<f32>() - 2.0).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..n)
        .flat_map(|_| {
            let c = rng.random_range(0..32) * LATENT;
            let z: Vec<f32> = (0..LATENT).map(|j| centers[c + j] + rng.random::<f32>() - 0.5).collect();
            let row: Vec<f32> = (0..dim)
                .map(|d| {
                    let s: f32 = (0..LATENT).map(|j| z[j] * mix[j * dim + d]).sum();
                    s.max(0.0) + noise * (rng.random::<f32>() - 0.5)
                })
                .collect();
            row
        })
        .collect()
}

/// Values between 0 and 1, without any structure: all rows are about equally far from each other.
fn uniform(seed: u64, n: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..n).map(|_| rng.random()).collect()
}

fn nearest() {
    let (dim, n_queries) = (1536, 784);
    for n in [10_000, 100_000] {
        for name in ["patch-like", "uniform"] {
            let make = |seed, n| match name {
                "uniform" => uniform(seed, n * dim),
                _ => patches(seed, n, dim, 0.1),
            };
            let queries = make(1, n_queries);
            let rows = PreparedRows::new(make(2, n), dim, Metric::Euclidean).unwrap();
            for k in [1, 9] {
                let ms = time(&format!("nearest 784 x {dim}, {n} {name} rows, k {k}"), 11, || {
                    std::hint::black_box(rows.nearest(&queries, k).unwrap());
                });
                println!("    as many products as {:.0} GFLOP/s", 2.0 * (n_queries * dim * n) as f64 / ms / 1e6);
            }
        }
    }
}

/// How time grows with the number of rows: the exponent is the slope of log time over log rows.
fn growth() {
    let exponent = |times: &[(usize, f64)]| {
        let points = times.iter().map(|(n, ms)| ((*n as f64).ln(), ms.ln()));
        let (n, sum) = (times.len() as f64, points.clone().fold((0.0, 0.0), |s, p| (s.0 + p.0, s.1 + p.1)));
        let (x, y) = (sum.0 / n, sum.1 / n);
        let slope = points.clone().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>();
        println!("    exponent {:.2}", slope / points.map(|p| (p.0 - x).powi(2)).sum::<f64>());
    };
    let dim = 384;
    let queries = patches(1, 1024, dim, 0.1);
    let searches = [1_000, 10_000, 100_000, 1_000_000].map(|n| {
        let rows = PreparedRows::new(patches(2, n, dim, 0.1), dim, Metric::Euclidean).unwrap();
        let ms = time(&format!("nearest 1024 x {dim}, {n} rows, k 3"), 3, || {
            std::hint::black_box(rows.nearest(&queries, 3).unwrap());
        });
        (n, ms)
    });
    exponent(&searches);
    let dim = 128;
    let selections = [1_000, 10_000, 100_000, 1_000_000].map(|n| {
        let rows = patches(4, n, dim, 0.3);
        let ms = time(&format!("coreset 1 % of {n} x {dim}"), 1, || {
            std::hint::black_box(kernel::greedy_k_center(&rows, dim, n / 100, 0, &mut |_| {}).unwrap());
        });
        (n, ms)
    });
    exponent(&selections);
}

fn coreset() {
    let (n, dim) = (100_000, 128);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let gauss: Vec<f32> = (0..n * dim).map(|_| rng.sample(rand_distr::StandardNormal)).collect();
    for (name, rows) in [("patch-like", patches(4, n, dim, 0.3)), ("Gaussian", gauss)] {
        let ms = time(&format!("coreset one pass per pick, {n} x {dim} {name}, 100"), 1, || {
            std::hint::black_box(one_pass(&rows, dim, 100));
        });
        for (picks, reps) in [(1000, 3), (10_000, 1)] {
            let lazy = time(&format!("coreset lazy, {n} x {dim} {name}, {picks}"), reps, || {
                std::hint::black_box(kernel::greedy_k_center(&rows, dim, picks, 0, &mut |_| {}).unwrap());
            });
            println!("    {:.4} of one pass per pick", lazy / (ms * picks as f64 / 100.0));
        }
    }
}

/// The plain algorithm with distance, minimum and maximum in one pass.
fn one_pass(rows: &[f32], dim: usize, picks: usize) -> Vec<usize> {
    use rayon::prelude::*;
    const CHUNK: usize = 2048;
    let level = kernel::simd::Level::best();
    let mut nearest = vec![f32::INFINITY; rows.len() / dim];
    let mut indices = vec![0];
    while indices.len() < picks {
        let center = &rows[indices[indices.len() - 1] * dim..][..dim];
        let far = nearest
            .par_chunks_mut(CHUNK)
            .zip(rows.par_chunks(CHUNK * dim))
            .enumerate()
            .map(|(c, (nearest, rows))| {
                let mut distances = [0.0; CHUNK];
                let distances = &mut distances[..nearest.len()];
                kernel::simd::squared_distances(level, rows, center, distances);
                let mut best = (f32::NEG_INFINITY, 0);
                for (i, (d, new)) in nearest.iter_mut().zip(distances).enumerate() {
                    *d = d.min(*new);
                    if *d > best.0 {
                        best = (*d, c * CHUNK + i);
                    }
                }
                best
            })
            .reduce(
                || (f32::NEG_INFINITY, usize::MAX),
                |a, b| if b.0 > a.0 || (b.0 == a.0 && b.1 < a.1) { b } else { a },
            );
        indices.push(far.1);
    }
    indices
}

/// Networks with random weights: speed does not depend on their values.
struct Maker {
    rng: ChaCha8Rng,
    nodes: Vec<Node>,
    weights: Vec<f32>,
    macs: usize,
    /// Channels, rows and columns of the last value.
    shape: [usize; 3],
}

impl Maker {
    fn conv(&mut self, input: NodeId, ci: usize, co: usize, window: Window, [h, w]: [usize; 2], relu: bool) -> NodeId {
        let [h, w] = window.output(h, w).unwrap();
        let fan = ci * window.size[0] * window.size[1];
        self.macs += fan * co * h * w;
        self.shape = [co, h, w];
        let weight = self.weights.len();
        let bound = (3.0 / fan as f32).sqrt();
        self.weights.extend((0..fan * co).map(|_| self.rng.random_range(-bound..bound)));
        let bias = Some(self.weights.len());
        self.weights.extend((0..co).map(|_| 0.1));
        self.nodes.push(Node::Conv(Conv { input, weight, bias, out_channels: co, groups: 1, window }));
        if relu {
            self.push(Node::Clip { input: self.nodes.len() - 1, low: 0.0, high: f32::INFINITY })
        } else {
            self.nodes.len() - 1
        }
    }

    fn push(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.nodes.len() - 1
    }
}

/// A ResNet to its third stage.
fn resnet(blocks: [usize; 3], inner: usize, expansion: usize, bottleneck: bool, size: usize) -> (Graph, usize) {
    let rng = ChaCha8Rng::seed_from_u64(1);
    let mut m = Maker { rng, nodes: vec![Node::Input], weights: vec![], macs: 0, shape: [3, size, size] };
    let mut x = m.conv(0, 3, 64, Window::square(7, 2, 3), [size, size], true);
    x = m.push(Node::MaxPool { input: x, window: Window::square(3, 2, 1) });
    let (mut c, mut hw) = (64, [size / 4, size / 4]);
    let mut outputs = vec![];
    for (stage, n) in blocks.into_iter().enumerate() {
        let width = inner << stage;
        let out = (64 << stage) * expansion;
        for block in 0..n {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let down = Window::square(1, stride, 0);
            let y = if bottleneck {
                let a = m.conv(x, c, width, Window::square(1, 1, 0), hw, true);
                let b = m.conv(a, width, width, Window::square(3, stride, 1), hw, true);
                let hw = [m.shape[1], m.shape[2]];
                m.conv(b, width, out, Window::square(1, 1, 0), hw, false)
            } else {
                let a = m.conv(x, c, width, Window::square(3, stride, 1), hw, true);
                let hw = [m.shape[1], m.shape[2]];
                m.conv(a, width, out, Window::square(3, 1, 1), hw, false)
            };
            if stride == 2 || c != out {
                x = m.conv(x, c, out, down, hw, false);
            }
            hw = [m.shape[1], m.shape[2]];
            x = m.push(Node::Add { a: y, b: x });
            x = m.push(Node::Clip { input: x, low: 0.0, high: f32::INFINITY });
            c = out;
        }
        if stage > 0 {
            outputs.push(x);
        }
    }
    (Graph { in_channels: 3, nodes: m.nodes, outputs, weights: m.weights.into() }, m.macs)
}

fn conv() {
    let cases = [
        ("WRN50 to layer3", resnet([3, 4, 6], 128, 4, true, 224), 224),
        ("ResNet-18 to layer3", resnet([2, 2, 2], 64, 1, false, 256), 256),
    ];
    for (name, (graph, macs), size) in cases {
        let network = Network::new(&graph).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for batch in [1, 8] {
            let images: Vec<f32> = (0..batch * 3 * size * size).map(|_| rng.random_range(-1.0..1.0)).collect();
            let ms = time(&format!("{name}, {size}, batch {batch}"), 24 / batch, || {
                std::hint::black_box(network.run(&images, size, size).unwrap());
            }) / batch as f64;
            println!("    {ms:.1} ms per image, {:.0} GFLOP/s of the direct arithmetic", 2.0 * macs as f64 / ms / 1e6);
        }
    }
}

/// The twelve blocks of ViT-S/14 (DINOv2-S) with random weights.
fn transformer() {
    let (dim, hidden, heads) = (384, 1536, 6);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut linear = |from: usize, to: usize| {
        let bound = (1.0 / from as f32).sqrt();
        let weight: Vec<f32> = (0..from * to).map(|_| rng.random_range(-bound..bound)).collect();
        Linear::new(&weight, &vec![0.01; to], from).unwrap()
    };
    let norm = || Norm { scale: vec![1.0; dim], shift: vec![0.0; dim], epsilon: 1e-6 };
    let blocks: Vec<Block> = (0..12)
        .map(|_| Block {
            norm1: norm(),
            qkv: linear(dim, 3 * dim),
            projection: linear(dim, dim),
            norm2: norm(),
            up: linear(dim, hidden),
            down: linear(hidden, dim),
            heads,
        })
        .collect();
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for (size, tokens, reps) in [(224, 257, 15), (518, 1370, 3)] {
        let values: Vec<f32> = (0..tokens * dim).map(|_| rng.random_range(-1.0..1.0)).collect();
        let mut workspace = Workspace::default();
        let ms = time(&format!("ViT-S/14, 12 blocks, {size}, batch 1"), reps, || {
            let mut values = values.clone();
            blocks.iter().for_each(|block| block.apply(&mut values, tokens, &mut workspace).unwrap());
            std::hint::black_box(values);
        });
        let macs = 12 * tokens * dim * (4 * dim + 2 * hidden + 2 * tokens);
        println!("    {:.0} GFLOP/s", 2.0 * macs as f64 / ms / 1e6);
    }
}
