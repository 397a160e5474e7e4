//! The program as its users meet it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that can't go on should stop, and says what it skips"
)]

#[macro_use]
#[path = "../support/skips.rs"]
mod skips;

mod autoencoder;
mod bad_input;
mod bench;
mod changed_files;
mod compare;
mod conditions;
mod drift;
#[path = "../support/exif.rs"]
mod exif;
mod explain;
mod exports;
mod format1;
mod help;
mod index;
mod inputs;
#[cfg(unix)]
mod interrupted;
mod json;
mod layouts;
mod list;
mod living;
mod memory;
mod messages;
mod mutations;
mod products;
mod quality;
mod readme;
mod real_images;
mod regions;
mod report;
mod same_score;
mod screen;
#[path = "../support/shared.rs"]
mod shared;
mod signing;
mod study;
mod support;
mod suspects;
mod terminal;
mod tiles;
#[cfg(unix)]
mod training;
mod user_commands;
mod values;
