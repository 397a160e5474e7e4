//! Lines: where images come from, and where results go.

mod policy;
mod running;

pub(super) use policy::{Policy, make_room};
pub(super) use running::{Lines, check, redacted};
