//! Whether thresholds keep their promise while detectors live:
//! `cargo bench --bench living -- rates [--splits N] [--side PX]`, `-- light --data DIR [--data DIR]`, `-- rows [--rows N]`,
//! `-- whole --data DIR`, `-- many [--updates N] [--cap ROWS]`.
//!
//! `rates`: false alarms at 1, 5 and 10 % over random splits of simulated normal maps, for thresholds of a fit, of cross-fitting,
//! of other normals (`calibrate`) and of an update. `light`: photographs under a changed light, before and after an update with 8
//! and with 30 normals. `rows`: an update of a large bank, timed. `whole`: fits to some images that are taught the others, against
//! fits to all. `many`: updates of one image each, under a cap.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark reports")]

mod light;
mod long;
mod rates;
mod rows;

use clap::{Parser, Subcommand};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Given by cargo
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum What {
    /// False alarms over random splits of simulated normals
    Rates {
        #[arg(long, default_value_t = 20)]
        splits: u64,
        /// Side of the network's input
        #[arg(long, default_value_t = 96)]
        side: usize,
        /// Normal maps that are tested in each split
        #[arg(long, default_value_t = 1000)]
        test: usize,
        /// Detectors
        #[arg(long, value_delimiter = ',', default_value = "patchcore,gaussian")]
        detectors: Vec<String>,
        /// Where thresholds come from: fit, cross, calibrate, update; all without it
        #[arg(long, value_delimiter = ',')]
        modes: Vec<String>,
        /// Images behind the threshold: 200, 16, 8; all without it
        #[arg(long, value_delimiter = ',')]
        sizes: Vec<usize>,
        /// Of these images, so many at a time are shots of one map
        #[arg(long, default_value_t = 1)]
        bursts: usize,
    },
    /// A changed light, before and after an update
    Light {
        #[arg(long, required = true)]
        data: Vec<PathBuf>,
    },
    /// Time of an update of a large bank
    Rows {
        #[arg(long, default_value_t = 100_000)]
        rows: usize,
        #[arg(long, default_value_t = 30)]
        images: usize,
    },
    /// Taught all images one way or the other
    Whole {
        #[arg(long, required = true)]
        data: Vec<PathBuf>,
    },
    /// Updates of one image each
    Many {
        #[arg(long, default_value_t = 1000)]
        updates: usize,
        #[arg(long, default_value_t = 400)]
        cap: usize,
    },
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    match Args::parse().what {
        None => {
            // A plain `cargo bench` measures speed.
            eprintln!("skipped: living needs rates, light, rows, whole or many");
            Ok(())
        }
        Some(What::Rates { splits, side, test, detectors, modes, sizes, bursts }) => {
            rates::run(splits, (side, test), (&detectors, &modes), (&sizes, bursts))
        }
        Some(What::Light { data }) => light::run(&data),
        Some(What::Rows { rows, images }) => rows::run(rows, images),
        Some(What::Whole { data }) => long::whole(&data),
        Some(What::Many { updates, cap }) => long::many(updates, cap),
    }
}
