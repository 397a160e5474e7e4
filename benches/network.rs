//! Time of one network on random pixels:
//! `cargo bench --bench network -- NAME WEIGHTS SIZE BATCH LAYERS [--device DEVICE] [--serve]`.
//!
//! `WEIGHTS` is a weight file, or `-` for a network inside the binary; `LAYERS` are comma-separated. Prints median and
//! minimum of the wall time and the least processor time per thread, in ms per image. With `--serve` it runs once per
//! line on standard input and answers with wall and processor time, so that `benches/peers/network.py` can alternate.
//! Without arguments (as in a plain `cargo bench`) it times the built-in network.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark reports, and stops where something is wrong")]

use pcore::model::weights::NamedTensors;
use pcore::model::{self, Backbone, DeviceChoice, ImageBatch, OpenDevice, zoo};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::Instant;

/// Runs of the plain mode.
const RUNS: usize = 11;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let option = |name: &str| args.iter().position(|a| a == name).map(|at| args.get(at + 1).cloned());
    let device: DeviceChoice = option("--device").flatten().map_or(DeviceChoice::Cpu, |name| name.parse().unwrap());
    let device = OpenDevice::open(device).unwrap();
    let defaults = ["pcore_tiny", "-", "256", "1", "layer2,layer3"];
    let words: Vec<&str> =
        match args.iter().map(String::as_str).take_while(|a| !a.starts_with("--")).collect::<Vec<_>>() {
            none if none.is_empty() => defaults.to_vec(),
            words => words,
        };
    let [name, weights, size, batch, layers] = words[..] else { panic!("expected NAME WEIGHTS SIZE BATCH LAYERS") };
    let layers: Vec<String> = layers.split(',').map(str::to_owned).collect();
    let start = Instant::now();
    let network = match weights {
        "-" => model::load(name, &layers, &device).unwrap(),
        file => zoo::load(name, &NamedTensors::read(file.as_ref()).unwrap(), &layers, &device).unwrap(),
    };
    let opened = start.elapsed();
    let (size, batch): (usize, usize) = (size.parse().unwrap(), batch.parse().unwrap());
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let pixels = (0..batch * 3 * size * size).map(|_| rng.random_range(-2.0..2.5)).collect();
    let images = ImageBatch::new(pixels, batch, size, size).unwrap();
    run(&*network, &images);
    if args.iter().any(|a| a == "--serve") {
        println!("{}", device.description());
        for _line in std::io::stdin().lines() {
            let (wall, processor) = run(&*network, &images);
            println!("{wall} {processor}");
        }
        return;
    }
    let (mut wall, mut processor): (Vec<f64>, Vec<f64>) = (0..RUNS).map(|_| run(&*network, &images)).unzip();
    wall.sort_by(f64::total_cmp);
    processor.sort_by(f64::total_cmp);
    println!(
        "{name} {size} batch {batch} on {}: median {:.2} ms, least {:.2} ms, processor {:.2} ms per image; opened in {:.0} ms",
        device.description(),
        wall[RUNS / 2],
        wall[0],
        processor[0],
        opened.as_secs_f64() * 1e3
    );
}

/// Wall time, and processor time per thread, of one pass, in ms per image.
fn run(network: &dyn Backbone, images: &ImageBatch) -> (f64, f64) {
    let (start, before) = (Instant::now(), processor_ms());
    std::hint::black_box(network.features(images).unwrap());
    let n = images.n_images() as f64;
    let threads = rayon::current_num_threads() as f64;
    (start.elapsed().as_secs_f64() * 1e3 / n, (processor_ms() - before) / threads / n)
}

/// Processor time of all threads so far, from the scheduler's statistics; 0 where the system has none.
fn processor_ms() -> f64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return 0.0 };
    let ns = |task: std::fs::DirEntry| -> Option<f64> {
        std::fs::read_to_string(task.path().join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    tasks.flatten().filter_map(ns).sum::<f64>() / 1e6
}
