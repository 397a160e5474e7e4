//! Lines: where images come from, and where results go.

mod deliver;
mod frames;
mod live;
mod policy;
mod running;
mod settings;
mod settle;
mod sink;
mod source;
mod watch;

pub(super) use policy::{Policy, make_room};
pub(super) use running::Lines;
pub(super) use settings::{check, redacted, with_secrets};
pub(super) use settle::settle_all;
