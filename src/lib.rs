//! `pcore`: industrial visual anomaly detection.

#![recursion_limit = "512"]

pub mod dataset;
pub mod image;
pub mod score;
