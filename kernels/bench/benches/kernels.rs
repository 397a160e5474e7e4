//! Every kernel, with criterion: `cargo bench --manifest-path kernels/bench/Cargo.toml --bench kernels [-- FILTER]`.
//!
//! Where criterion prints elements per second, an element is a floating point operation of the plain algorithm.

mod data;
mod resnet;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use data::patches;
use pcore_kernels::plan::Network;
use pcore_kernels::simd::{self, Level};
use pcore_kernels::transformer::{Block, Linear, Norm, Workspace};
use pcore_kernels::{InvertedFile, Metric, PreparedRows, Projection, greedy_k_center, k_means};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resnet::{Layers, one_conv};
use std::hint::black_box;
use std::time::Duration;

criterion_group!(kernels, search, inverted_file, coreset, projection, convolution, transformer, inner_loops);
criterion_main!(kernels);

/// Long tasks: eleven runs of one each.
fn long<'a>(c: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = c.benchmark_group(name);
    group.sample_size(11).sampling_mode(SamplingMode::Flat);
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    group
}

fn values(seed: u64, n: usize, low: f32, high: f32) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..n).map(|_| rng.random_range(low..high)).collect()
}

fn search(c: &mut Criterion) {
    let (dim, n_queries) = (1536, 784);
    let mut group = long(c, "search 784 x 1536");
    for n in [10_000, 100_000] {
        group.throughput(Throughput::Elements((2 * n_queries * dim * n) as u64));
        for name in ["patch-like", "uniform"] {
            let make = |seed, n| match name {
                "uniform" => values(seed, n * dim, 0.0, 1.0),
                _ => patches(seed, n, dim, 0.1),
            };
            let (queries, rows) = (make(1, n_queries), make(2, n));
            let prepared = PreparedRows::new(&rows[..], dim, Metric::Euclidean).expect("rows are valid");
            for k in [1, 9] {
                group.bench_function(format!("{n} {name} rows, k {k}"), |b| {
                    b.iter(|| prepared.nearest(black_box(&queries), k))
                });
            }
            if n == 10_000 {
                let floats = PreparedRows::with_levels(&rows[..], dim, Metric::Euclidean, Level::best(), None);
                let floats = floats.expect("rows are valid");
                group.bench_function(format!("{n} {name} rows, k 1, without codes"), |b| {
                    b.iter(|| floats.nearest(black_box(&queries), 1));
                });
                group.bench_function(format!("{n} {name} rows, preparing"), |b| {
                    b.iter(|| PreparedRows::new(black_box(&rows[..]), dim, Metric::Euclidean));
                });
            }
        }
    }
}

fn inverted_file(c: &mut Criterion) {
    let (dim, n) = (384, 23_000);
    let mut group = long(c, "inverted file, 23,000 x 384");
    let (queries, rows) = (patches(1, 1024, dim, 0.1), patches(2, n, dim, 0.1));
    group.bench_function("150 lists by k-means", |b| b.iter(|| k_means(black_box(&rows), dim, Metric::Euclidean, 150)));
    let list_of = k_means(&rows, dim, Metric::Euclidean, 150).expect("rows are valid");
    let file = InvertedFile::new(&rows, dim, Metric::Euclidean, &list_of).expect("rows are valid");
    group.bench_function("search 1024, 10 lists, k 3", |b| b.iter(|| file.nearest(black_box(&queries), 3, 10)));
}

fn coreset(c: &mut Criterion) {
    let (n, dim) = (100_000, 128);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let gauss: Vec<f32> = (0..n * dim).map(|_| rng.sample(rand_distr::StandardNormal)).collect();
    let mut group = long(c, "coreset of 100,000 x 128");
    for (name, rows) in [("patch-like", patches(4, n, dim, 0.3)), ("Gaussian", gauss)] {
        group.bench_function(format!("{name}, 100, one pass per pick"), |b| {
            b.iter(|| one_pass(black_box(&rows), dim, 100))
        });
        for picks in [1000, 10_000] {
            group.bench_function(format!("{name}, {picks}"), |b| {
                b.iter(|| greedy_k_center(black_box(&rows), dim, picks, 0, &mut |_| {}));
            });
        }
    }
}

/// The plain algorithm with distance, minimum and maximum in one pass.
fn one_pass(rows: &[f32], dim: usize, picks: usize) -> Vec<usize> {
    use rayon::prelude::*;
    const CHUNK: usize = 2048;
    let level = Level::best();
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
                simd::squared_distances(level, rows, center, distances);
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

fn projection(c: &mut Criterion) {
    let (n, dim) = (10_000, 1536);
    let rows = patches(5, n, dim, 0.1);
    let mut group = long(c, "projection of 10,000 x 1536");
    group.bench_function("finding 128 principal directions of 4,096 rows", |b| {
        b.iter(|| Projection::principal(black_box(&rows[..4096 * dim]), dim, 1.0, 128));
    });
    let projection = Projection::random(dim, 128, 1).expect("the dimensions are valid");
    group.throughput(Throughput::Elements((2 * n * dim * 128) as u64));
    group.bench_function("to 128", |b| b.iter(|| projection.apply(black_box(&rows))));
}

fn convolution(c: &mut Criterion) {
    let mut group = long(c, "convolution");
    let layers = [
        ("3 x 3, 128 to 128, 28 x 28 (Winograd)", one_conv(128, 128, 3, 1, 28)),
        ("3 x 3, 256 to 256, 28 x 28, stride 2", one_conv(256, 256, 3, 2, 28)),
        ("1 x 1, 512 to 128, 28 x 28", one_conv(512, 128, 1, 1, 28)),
        ("7 x 7, 3 to 64, 224 x 224, stride 2", one_conv(3, 64, 7, 2, 224)),
    ];
    let networks = [
        ("WideResNet-50-2 to layer3, 224", resnet::resnet([3, 4, 6], 128, 4, true, 224)),
        ("ResNet-18 to layer3, 256", resnet::resnet([2, 2, 2], 64, 1, false, 256)),
    ];
    for (name, Layers { graph, n_macs, size }) in layers.into_iter().chain(networks) {
        let network = Network::new(&graph).expect("the graph is valid");
        for batch in [1, 8] {
            let images = values(2, batch * graph.in_channels * size * size, -1.0, 1.0);
            group.throughput(Throughput::Elements((2 * n_macs * batch) as u64));
            group.bench_function(format!("{name}, batch {batch}"), |b| {
                b.iter(|| network.run(black_box(&images), size, size));
            });
        }
    }
}

/// ViT-S/14 (DINOv2-S) with random weights.
fn transformer(c: &mut Criterion) {
    let (dim, hidden, heads) = (384, 1536, 6);
    let linear = |from: usize, to: usize| {
        let bound = (1.0 / from as f32).sqrt();
        Linear::new(&values(1, from * to, -bound, bound), &vec![0.01; to], from).expect("the shapes fit")
    };
    let norm = || Norm { scale: vec![1.0; dim], shift: vec![0.0; dim], epsilon: 1e-6 };
    let block = Block {
        norm1: norm(),
        qkv: linear(dim, 3 * dim),
        projection: linear(dim, dim),
        norm2: norm(),
        up: linear(dim, hidden),
        down: linear(hidden, dim),
        heads,
    };
    let mut group = long(c, "ViT-S/14");
    for (size, tokens) in [(224, 257), (518, 1370)] {
        let rows = values(2, tokens * dim, -1.0, 1.0);
        group.throughput(Throughput::Elements((2 * tokens * dim * (4 * dim + 2 * hidden + 2 * tokens)) as u64));
        let mut workspace = Workspace::default();
        group.bench_function(format!("one block, {size}"), |b| {
            b.iter(|| {
                let mut rows = rows.clone();
                block.apply(&mut rows, tokens, &mut workspace).map(|()| rows)
            });
        });
        group.throughput(Throughput::Elements((2 * tokens * dim * hidden) as u64));
        let (up, zeros, mut out) = (linear(dim, hidden), vec![0.0; tokens * hidden], vec![0.0; tokens * hidden]);
        group.bench_function(format!("linear 384 to 1536, {size}"), |b| {
            b.iter(|| up.apply(black_box(&rows), &zeros, &mut out))
        });
    }
}

/// What runs once per value.
fn inner_loops(c: &mut Criterion) {
    let level = Level::best();
    let (a, b) = (values(1, 1536, -1.0, 1.0), values(2, 1536, -1.0, 1.0));
    let mut group = c.benchmark_group("1536 values");
    group.throughput(Throughput::Bytes(2 * 4 * 1536));
    group.bench_function("squared distance", |x| x.iter(|| simd::squared_distance(level, black_box(&a), &b)));
    group.bench_function("dot product", |x| x.iter(|| simd::dot(level, black_box(&a), &b)));
    let mut out = vec![0.0; 1536];
    group.bench_function("minus center", |x| x.iter(|| simd::centred(level, black_box(&a), &b, 1.0, &mut out)));
    group.bench_function("to codes", |x| x.iter(|| simd::quantize(level, black_box(&mut out), 0.01, 100.0)));
    group.bench_function("sum", |x| x.iter(|| simd::add_assign(level, black_box(&mut out), &a)));
    let mut values = a.clone();
    group.bench_function("GELU", |x| {
        x.iter(|| {
            values.copy_from_slice(&a);
            simd::gelu(level, black_box(&mut values));
        });
    });
    group.bench_function("exponentials", |x| {
        x.iter(|| {
            values.copy_from_slice(&a);
            simd::exp_sum(level, black_box(&mut values), 1.0, 1.0)
        });
    });
}
