//! From feature maps to a memory bank and back: patch descriptors, coreset, nearest neighbours, conditions.

mod condition;
mod coreset;
mod descriptor;
mod error;
mod gate;
mod memory_bank;
mod unit;

pub use condition::{Condition, ConditionRule};
pub use coreset::{Coreset, CoresetSize, select};
pub(crate) use descriptor::Lerp;
pub use descriptor::{DescriptorSpec, PatchDescriptors, describe};
pub use error::BankError;
pub use gate::{Admission, Gate, find_limit, percentile_90};
pub use memory_bank::{BankRow, MemoryBank, Neighbours};
pub use unit::normalise_rows;
