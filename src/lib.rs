//! `pcore`: industrial visual anomaly detection.

#![recursion_limit = "512"]

pub mod kernel;
pub mod score;
