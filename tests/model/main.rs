//! Networks against their references, and weight files.

#![allow(clippy::unwrap_used, reason = "the helpers of tests may panic like tests")]

#[macro_use]
#[path = "../support/skips.rs"]
mod skips;

#[path = "../support/basic_resnet.rs"]
mod basic_resnet;
mod full_size;
mod kernels;
mod parity;
mod pcore_tiny;
#[path = "../support/resnet18_file.rs"]
mod resnet18_file;
#[path = "../support/shared.rs"]
mod shared;
#[cfg(feature = "fetch")]
mod weights_fetch;
mod weights_files;
mod weights_real;
mod weights_store;
