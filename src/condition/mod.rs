//! Conditions: the operating states (cold, warm) or products that images come in, the rules that name them, and the gates that
//! tell them.

mod admission;
mod alike;
mod choose;
mod error;
mod gate;
mod gate_use;
mod intensity;
mod knn_gate;
mod labels;
mod light;
mod policy;
mod pooling;
mod rule;

pub use admission::{Admission, KNOWN_FROM};
pub use alike::{ALIKE_STATISTICS, Alike, AlikeImage};
pub(crate) use choose::{Chosen, Examples, choose};
pub use error::ConditionError;
pub use gate::{Gate, GateKind, KNOWN_DEVIATIONS, find_limit};
pub use gate_use::GateUse;
pub use intensity::{intensity_statistics, percentile_90};
pub use knn_gate::{GATE_DIM, GateAxis, KNOWN_FACTOR, KnnGate, cross_validate, gate_accuracy};
pub use labels::condition_of;
pub use light::{LIGHT_STATISTICS, light_statistics};
pub use policy::Policy;
pub(crate) use pooling::{Pooled, Pooling};
pub use rule::{Condition, ConditionRule};
