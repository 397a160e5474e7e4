//! The simulator against what is known of real health data maps, and its promises to users.

// Clippy spares test functions by itself, their helpers only by this.
#![allow(clippy::unwrap_used)]

mod agreement;
mod contract;
mod stats;
mod tree;
