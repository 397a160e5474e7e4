//! Lines: where images come from, and where results go.

#[cfg(feature = "s3")]
mod bucket;
mod check;
mod deliver;
mod frames;
#[cfg(test)]
mod listener;
mod live;
mod policy;
mod remote;
mod running;
mod settings;
mod settle;
mod sink;
mod source;
mod tables;
mod watch;

pub(super) use check::check;
pub(super) use policy::{Policy, make_room};
pub(super) use running::Lines;
pub(super) use settings::{redacted, sink_name, with_secrets};
pub(super) use settle::settle_all;
