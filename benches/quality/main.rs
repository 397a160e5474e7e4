//! Which options are better, and how sure that is:
//! `cargo bench --bench quality -- --data DIR [--data DIR] [--sets FILE] [--only NAME,NAME] [--draws N] [--images N] [--out DIR]`.
//!
//! Every set of options (`pcore fit` flags with a name, `sets.toml` beside this file) is fitted to and measured on every data
//! set: each `DIR`, or each folder in it, that holds `train` and `test`. Draw 0 is of all training images; each further one of
//! a random 80 % of them, with a seed of its own. With `--images N` every draw, draw 0 too, is of so many at most: a bank grows with the
//! images, and what is learned from few costs little to try. Runs are kept in `DIR/runs.jsonl` of `--out` (default
//! `target/quality`), so that a later call only adds what is missing; another program, other flags and another data set are
//! another run.
//!
//! Printed: the figures of each data set and their mean, with the difference to the first set of options and its paired
//! bootstrap interval; and for each data set the options that are best on all others, with what they do on it.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark reports")]

mod measure;
mod sets;
mod tables;

use clap::Parser;
use measure::{Run, Runs};
use sets::{OptionSet, Product};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// Compares sets of options over data sets.
#[derive(Parser)]
struct Args {
    /// A data set with train and test, or a folder of such
    #[arg(long, required = true)]
    data: Vec<PathBuf>,
    /// Sets of options
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/quality/sets.toml"))]
    sets: PathBuf,
    /// Names of sets that are run, the first of which is what others are compared with; all of them without it
    #[arg(long, value_delimiter = ';')]
    only: Vec<String>,
    /// Draws of training images
    #[arg(long, default_value_t = 3)]
    draws: u64,
    /// Training images of every draw at most
    #[arg(long)]
    images: Option<usize>,
    /// Where runs are kept
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/target/quality"))]
    out: PathBuf,
    /// The program that is measured
    #[arg(long, default_value = env!("CARGO_BIN_EXE_pcore"))]
    program: PathBuf,
    /// Flags for every fit, such as those of a network
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    common: String,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    // A plain `cargo bench` measures speed.
    if std::env::args().skip(1).all(|arg| arg == "--bench") {
        eprintln!("skipped: quality needs --data DIR");
        return ExitCode::SUCCESS;
    }
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let products = Product::all(&args.data)?;
    let options = OptionSet::read(&args.sets, &args.only)?;
    let mut runs = Runs::open(&args.out, &args.program, args.images)?;
    let mut found: Vec<Vec<Vec<Run>>> = vec![];
    for set in &options {
        let mut of_set = vec![];
        for product in &products {
            let one = |draw| runs.get(product, &format!("{} {}", args.common, set.fit), draw);
            of_set.push((0..args.draws).map(one).collect::<Result<Vec<_>, _>>()?);
            eprintln!("{}: {}", set.name, product.name);
        }
        found.push(of_set);
    }
    print!("{}", tables::text(&products, &options, &found));
    Ok(())
}
