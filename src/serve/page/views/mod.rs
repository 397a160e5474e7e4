//! What each page shows: plain values, so that a page knows neither the database nor HTTP.
//!
//! Times are RFC 3339, UTC. Words such as states, kinds and verdicts are those of the API; `words` says them in the reader's language.

mod made;
mod shell;
mod work;

pub(crate) use made::*;
pub(crate) use shell::*;
pub(crate) use work::*;
