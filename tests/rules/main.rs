//! The rules of the tree, checked on its sources and manifests.

#![allow(clippy::unwrap_used, reason = "the helpers of tests may panic like tests")]

#[macro_use]
#[path = "../support/skips.rs"]
mod skips;

mod circles;
mod dependencies;
mod documents;
mod layers;
mod licences;
mod modules;
mod said;
mod settings;
mod sizes;
mod skipping;
mod sources;
