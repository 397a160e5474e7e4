//! The program as its users meet it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that can't go on should stop, and says what it skips"
)]

mod bad_input;
mod bench;
mod conditions;
mod explain;
mod index;
mod inputs;
mod layouts;
mod memory;
mod real_images;
mod same_score;
mod study;
mod support;
mod user_commands;
mod values;
