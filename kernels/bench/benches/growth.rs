//! How the times of search and coreset grow with the rows of a bank:
//! `cargo bench --manifest-path kernels/bench/Cargo.toml --bench growth`. Medians of wall time in ms, and the exponent: the slope of
//! log time over log rows.

mod data;

use data::patches;
use pcore_kernels::{Metric, PreparedRows, greedy_k_center};
use std::hint::black_box;
use std::time::Instant;

const ROWS: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];

fn main() {
    println!("{} threads", rayon::current_num_threads());
    let dim = 384;
    let queries = patches(1, 1024, dim, 0.1);
    exponent(&ROWS.map(|n| {
        let rows = PreparedRows::new(patches(2, n, dim, 0.1), dim, Metric::Euclidean).expect("rows are valid");
        (n, time(&format!("search 1024 x {dim} among {n} rows, k 3"), 11, || rows.nearest(black_box(&queries), 3)))
    }));
    let dim = 128;
    exponent(&ROWS.map(|n| {
        let rows = patches(4, n, dim, 0.3);
        let picks = (n / 100).max(1);
        let pick = || greedy_k_center(black_box(&rows), dim, picks, 0, &mut |_| {});
        (n, time(&format!("coreset, {picks} of {n} x {dim}"), if n < 1_000_000 { 11 } else { 1 }, pick))
    }));
}

/// Median of `n` runs in ms.
fn time<T>(what: &str, n: usize, f: impl Fn() -> T) -> f64 {
    let run = |_| {
        let start = Instant::now();
        black_box(f());
        start.elapsed().as_secs_f64() * 1e3
    };
    let mut ms: Vec<f64> = (0..n).map(run).collect();
    ms.sort_by(f64::total_cmp);
    println!("{what:<48} {:12.3} ms", ms[n / 2]);
    ms[n / 2]
}

fn exponent(times: &[(usize, f64)]) {
    let points = times.iter().map(|(n, ms)| ((*n as f64).ln(), ms.ln()));
    let (n, sum) = (times.len() as f64, points.clone().fold((0.0, 0.0), |s, p| (s.0 + p.0, s.1 + p.1)));
    let (x, y) = (sum.0 / n, sum.1 / n);
    let slope = points.clone().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>();
    println!("exponent {:.2}", slope / points.map(|p| (p.0 - x).powi(2)).sum::<f64>());
}
