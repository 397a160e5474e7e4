//! The simulator against what is known of real health data maps, and its promises to users.

mod agreement;
mod contract;
mod stats;
mod tree;
