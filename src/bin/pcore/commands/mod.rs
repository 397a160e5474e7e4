//! One file per verb, and what several verbs share.

pub(crate) mod bench;
pub(crate) mod compare;
pub(crate) mod demo;
pub(crate) mod devices;
pub(crate) mod drift;
pub(crate) mod eval;
mod explained;
pub(crate) mod export;
pub(crate) mod fit;
mod fitting;
pub(crate) mod infer;
pub(crate) mod inspect;
pub(crate) mod list;
mod listed;
pub(crate) mod living;
pub(crate) mod screen;
#[cfg(feature = "serve")]
pub(crate) mod serve;
pub(crate) mod sign;
pub(crate) mod station;
pub(crate) mod study;
mod summary;
pub(crate) mod synth;
pub(crate) mod tools;
pub(crate) mod weights;

mod left_out;
mod open;
mod printer;
