//! Times of the CPU kernels: `cargo bench --bench kernels [-- nearest|coreset|conv]`. Medians and minima in ms.

use std::time::Instant;

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

fn nearest() {
    let dim = 1536;
    let queries = patches(1, 784, dim, 0.1);
    for n in [10_000, 50_000] {
        let rows = PreparedRows::new(patches(2, n, dim, 0.1), dim, Metric::Euclidean).unwrap();
        for k in [1, 9] {
            let ms = time(&format!("nearest 784 x {dim}, {n} rows, k {k}"), 5, || {
                std::hint::black_box(rows.nearest(&queries, k).unwrap());
            });
            println!("    {:.0} GFLOP/s", 2.0 * (784 * dim * n) as f64 / ms / 1e6);
        }
    }
}
