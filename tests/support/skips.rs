//! A test that can't run here says so and is counted: `skipped!("why")` prints a line and adds it to the file that
//! `PCORE_SKIPS` names. `.ci/run` names one, and tells at its end how many tests said so, and what.

#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use std::io::Write;

macro_rules! skipped {
    ($($why:tt)*) => {
        crate::skips::say(module_path!(), &format!($($why)*))
    };
}

/// Prints and notes that the test of this thread is skipped.
pub(crate) fn say(module: &str, why: &str) {
    let thread = std::thread::current();
    // The test runner names threads after tests.
    let test = thread.name().unwrap_or("?");
    let program = module.split("::").next().unwrap_or(module);
    let line = format!("skipped: {program}::{test}: {why}\n");
    print!("{line}");
    let Some(path) = std::env::var_os("PCORE_SKIPS") else { return };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
    // In one write, since tests of several threads and programs share the file.
    let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
    written.unwrap_or_else(|error| panic!("PCORE_SKIPS names {}: {error}", path.display()));
}
