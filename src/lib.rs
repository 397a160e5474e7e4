//! `pcore`: industrial visual anomaly detection.

#![recursion_limit = "512"]

pub mod score;
pub mod synth;
