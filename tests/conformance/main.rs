//! Every detector that pcore knows, and one of this test's own, through the same claims: what `detect/contract.rs` asks of them.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod cases;
mod claims;
mod data;
mod drifting;
mod few;
mod growing;
mod in_memory;
mod jobs;
mod listener;
mod living;
mod own;
mod refusals;
mod roi;
mod suspects;
mod tiles;
mod toy;
#[path = "../golden/anomalydino/twin.rs"]
mod twin;
