//! The `.pcore` file: round trips, damage, hostile files, and writing that is never half done; and the
//! files of the line station.

mod atomic;
mod damage;
mod hostile;
#[path = "../golden/onnxdemo/test.rs"]
mod onnxdemo;
mod round_trip;
mod sample;
