//! `pcore serve`, from outside.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that can't go on should stop, and says what it skips"
)]

#[macro_use]
#[path = "../support/skips.rs"]
mod skips;

mod access;
mod api;
mod browser;
mod controllers;
mod hostile;
mod killed;
mod lines;
mod proxy;
mod support;
