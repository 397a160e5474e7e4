//! Many image files on their way to work on them: decoded ahead, within a budget of memory ([ADR 8](../docs/adr/0008-bounded-memory.md)).

mod decode;
mod machine;
mod pace;
mod room;
mod scratch;

pub(crate) use decode::{Decoded, Flow, Origin, in_batches};
pub use machine::{DEFAULT_MEMORY_BYTES, own_memory};
pub(crate) use machine::{free_disk, half_of_free_memory};
pub use pace::{DEFAULT_BATCH, NoMemory, Pace};
pub(crate) use pace::{Needs, SLACK};
pub(crate) use room::Share;
pub(crate) use scratch::ScratchFile;
