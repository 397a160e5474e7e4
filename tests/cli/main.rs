//! The program as its users meet it.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod bad_input;
mod real_images;
mod same_score;
mod support;
mod user_commands;
