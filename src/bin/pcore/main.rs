//! The `pcore` program: arguments, messages, exit codes. All work is done by the library.

#![forbid(unsafe_code)]
#![recursion_limit = "512"]
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::exit, reason = "this is the program: it speaks and exits")]

mod args;
mod commands;
mod console;
mod home;
mod message;
mod outcome;
mod signals;
mod terminal;

pub(crate) use outcome::{Outcome, is_broken_pipe};

use args::{Args, Verb};
use clap::Parser;
use console::{detail, tell_after};
use pcore::kernel::simd::{INSTRUCTION_SETS, LIMIT_VARIABLE};
use std::process::ExitCode;
use std::time::Instant;
use terminal::Tone;

fn main() -> ExitCode {
    let args = Args::parse();
    terminal::set_up(&args.talk);
    keep_caught_panics_quiet();
    if let Some(limit) = std::env::var_os(LIMIT_VARIABLE).filter(|l| !INSTRUCTION_SETS.iter().any(|set| l == set)) {
        let known = INSTRUCTION_SETS.join(", ");
        let error = format!("{LIMIT_VARIABLE} is {}: expected {known}, or leave it out", limit.display());
        tell_after(Tone::Bad, "error:", &error);
        return ExitCode::from(2);
    }
    signals::listen();
    let begun = Instant::now();
    detail(&format!(
        "pcore {} on {} {}, {} threads, home {}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        rayon::current_num_threads(),
        home::home().display()
    ));
    let result = run(&args.verb);
    detail(&format!("ended after {:.2} s", begun.elapsed().as_secs_f64()));
    match result {
        Ok(outcome) => outcome.into(),
        // A closed pipe (`pcore infer ... | head`) is a reader who has seen enough, not a failure.
        Err(error) if is_broken_pipe(&error) && signals::caught().is_none() => ExitCode::SUCCESS,
        Err(error) => {
            terminal::clear_bar();
            let signal = signals::caught();
            let text =
                signal.map_or_else(|| message::error_text(&error), |s| format!("stopped by {}", signals::name(s)));
            tell_after(Tone::Bad, "error:", &text);
            ExitCode::from(signal.map_or(2, signals::exit_code))
        }
    }
}

fn run(verb: &Verb) -> anyhow::Result<Outcome> {
    match verb {
        Verb::Fit(args) => commands::fit::run(args),
        Verb::Infer(args) => commands::infer::run(args),
        Verb::Eval(args) => commands::eval::run(args),
        Verb::Study(args) => commands::study::run(args),
        Verb::Screen(args) => commands::screen::run(args),
        Verb::Bench(args) => commands::bench::run(args),
        Verb::Calibrate(args) => commands::living::calibrate(args),
        Verb::Update(args) => commands::living::update(args),
        Verb::Feedback(args) => commands::living::feedback(args),
        Verb::Compare(args) => commands::compare::run(args),
        Verb::Merge(args) => commands::living::merge(args),
        Verb::Undo(args) => commands::living::undo(args),
        #[cfg(feature = "serve")]
        Verb::Serve(args) => commands::serve::run(args),
        Verb::Inspect(args) => commands::inspect::run(args),
        Verb::Sign(args) => commands::sign::run(args),
        Verb::Import(args) => commands::station::import(args),
        Verb::Drift(args) => commands::drift::run(args),
        Verb::Export(args) => commands::export::run(args),
        Verb::Demo(args) => commands::demo::run(args),
        Verb::Synth(args) => commands::synth::run(args),
        Verb::Weights(args) => commands::weights::run(args),
        Verb::Devices(args) => commands::devices::run(args),
        Verb::List(args) => commands::list::run(args),
        Verb::Completions(args) => commands::tools::completions(args),
        Verb::Manual(args) => commands::tools::manual(args),
    }
}

/// A panic in a decoder is told as the failure of its file; where in the decoder it was is a detail.
fn keep_caught_panics_quiet() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !pcore::image::is_decoding() || terminal::is_verbose() {
            usual(panic);
        }
    }));
}
