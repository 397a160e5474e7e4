//! `pcore`: industrial visual anomaly detection.

#![recursion_limit = "512"]

pub mod eval;
pub mod report;
pub mod score;
