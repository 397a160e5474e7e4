//! `pcore serve`, from outside.

#[macro_use]
#[path = "../support/skips.rs"]
mod skips;

mod access;
mod api;
mod browser;
mod hostile;
mod killed;
mod lines;
mod support;
