//! The `.pcore` file: round trips, damage, hostile files, and writing that is never half done; and the
//! files of the line station.

#![allow(clippy::unwrap_used, reason = "the helpers of tests may panic like tests")]

mod atomic;
mod damage;
mod hostile;
mod limits;
#[path = "../golden/onnxdemo/test.rs"]
mod onnxdemo;
mod round_trip;
mod sample;
