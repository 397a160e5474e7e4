//! From feature maps to a memory bank and back: patch descriptors, coreset, nearest neighbours, conditions.

mod by_condition;
mod condition;
mod context;
mod coreset;
mod density;
mod descriptor;
mod error;
mod gate;
mod index;
mod intensity;
mod knn_gate;
mod memory_bank;
mod part;
mod policy;
mod unit;

pub use by_condition::ByCondition;
pub use condition::{Condition, ConditionRule};
pub use context::{Axis, Context, MAX_CONTEXT_PARTS, MAX_CONTEXT_RADIUS};
pub use coreset::{
    Coreset, CoresetSize, CoresetSpace, MOST_PRINCIPAL, PRINCIPAL_SHARE, RowSource, select, select_from,
};
pub use density::{DENSITY_NEIGHBOURS, LocalDensity};
pub(crate) use descriptor::{Describer, Lerp};
pub use descriptor::{DescriptorSpec, PatchDescriptors, describe};
pub use error::BankError;
pub use gate::{Admission, Gate, GateKind, KNOWN_DEVIATIONS, KNOWN_FROM, find_limit};
pub use index::IndexKind;
pub use intensity::{intensity_statistics, percentile_90};
pub use knn_gate::{GATE_DIM, GateAxis, KNOWN_FACTOR, KnnGate, cross_validate, gate_accuracy};
pub use memory_bank::{BankRow, MemoryBank, Neighbours};
pub use policy::{Policy, SOFT_PENALTY, Search};
pub use unit::normalise_rows;
