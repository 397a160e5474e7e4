//! Time of a training step of the autoencoder: `cargo bench --bench training [-- SIDE BATCH CHANNELS] [--serve]`.
//!
//! On pcore's kernels and on burn-flex, by turns; medians and least wall times in ms. With `--serve` it makes a step on the kernels once
//! per line on standard input and answers with its wall time, so that `benches/peers/autoencoder.py` can alternate.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark reports, and stops where something is wrong")]

use pcore::model::OpenDevice;
use pcore::model::reconstruction::{AutoencoderPlan, AutoencoderShape, CanvasBatch, Learner};
use pcore::model::training::Trainee;
use std::time::Instant;

/// Steps of each.
const RUNS: usize = 15;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let numbers: Vec<usize> = args.iter().filter_map(|arg| arg.parse().ok()).collect();
    let [side, batch, n_channels] = if let [side, batch, n] = numbers[..] { [side, batch, n] } else { [128, 8, 3] };
    let shape = AutoencoderShape::holding(n_channels, side, side).unwrap();
    let value = |at: usize| ((at * 7919) % 1009) as f32 / 1009.0;
    let canvases = CanvasBatch {
        given: (0..batch * shape.canvas_len()).map(value).collect(),
        counts: vec![true; batch * shape.side_px().pow(2)],
    };
    let learner = |device| Learner::new(&AutoencoderPlan::new(shape), &device).unwrap();
    let mut kernels = learner(OpenDevice::cpu());
    let step = |learner: &mut Learner| {
        let begun = Instant::now();
        learner.step(0, 1e-3, &canvases).unwrap();
        begun.elapsed().as_secs_f64() * 1e3
    };
    step(&mut kernels);
    if args.iter().any(|arg| arg == "--serve") {
        println!("{}", OpenDevice::cpu().description());
        for _line in std::io::stdin().lines() {
            println!("{}", step(&mut kernels));
        }
        return;
    }
    let mut flex = learner(OpenDevice::flex());
    step(&mut flex);
    let mut times: Vec<[f64; 2]> = (0..RUNS).map(|_| [step(&mut kernels), step(&mut flex)]).collect();
    for (at, name) in ["kernels", "burn-flex"].into_iter().enumerate() {
        times.sort_by(|a, b| a[at].total_cmp(&b[at]));
        let (median, least) = (times[RUNS / 2][at], times[0][at]);
        println!(
            "{name}: {batch} canvases of {side} x {side} x {n_channels}: median {median:.1} ms, least {least:.1} ms"
        );
    }
}
