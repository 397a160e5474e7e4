//! `pcore serve`, from outside.

mod access;
mod api;
mod hostile;
mod killed;
mod lines;
mod support;
