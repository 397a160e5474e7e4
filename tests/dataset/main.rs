//! Folders and tables of samples, and the simulator that makes some.

#![allow(clippy::unwrap_used, reason = "the helpers of tests may panic like tests")]

#[macro_use]
#[path = "../support/skips.rs"]
mod skips;

mod cases;
mod conditions;
mod layouts;
mod listing;
mod products;
#[path = "../support/shared.rs"]
mod shared;
mod synth_hdmap;
mod trees;
