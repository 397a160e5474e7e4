//! Banks of the .NET line station on a network of this binary.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

#[path = "golden/onnxdemo/tiny.rs"]
mod tiny;
