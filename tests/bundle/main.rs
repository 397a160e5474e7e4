//! The `.pcore` file: round trips, damage, hostile files, and writing that is never half done; and the
//! files of the line station.

#![allow(clippy::unwrap_used, reason = "the helpers of tests may panic like tests")]

#[macro_use]
#[path = "../support/skips.rs"]
mod skips;

mod atomic;
mod damage;
mod hostile;
mod limits;
#[path = "../golden/onnxdemo/test.rs"]
mod onnxdemo;
mod round_trip;
mod sample;
#[path = "../golden/onnxdemo/tiny.rs"]
mod station;
