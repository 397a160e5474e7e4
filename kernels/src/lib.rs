//! The module that holds all of pcore's unsafe code, compiled by itself.

#[path = "../../src/kernel/mod.rs"]
pub mod kernel;
