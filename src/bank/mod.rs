//! From feature maps to a memory bank and back: patch descriptors, coreset, nearest neighbours.

mod by_condition;
mod context;
mod coreset;
mod density;
mod descriptor;
mod error;
mod index;
mod memory_bank;
mod mutual;
mod object;
mod outlier;
mod part;
mod search;
mod unit;
mod whitening;

pub use by_condition::ByCondition;
pub use context::{Axis, Context, MAX_CONTEXT_PARTS, MAX_CONTEXT_RADIUS};
pub use coreset::{
    Coreset, CoresetSize, CoresetSpace, MOST_PRINCIPAL, PRINCIPAL_SHARE, RowSource, select, select_from,
};
pub use density::{DENSITY_NEIGHBOURS, LocalDensity};
pub(crate) use descriptor::{Describer, Lerp};
pub use descriptor::{DescriptorSpec, PatchDescriptors, describe};
pub use error::BankError;
pub use index::IndexKind;
pub use memory_bank::{BankRow, MemoryBank, Neighbours};
pub use mutual::{COMPARED_AT_MOST, Mutual};
pub(crate) use mutual::{coarser, mutual_bytes};
pub use object::foreground;
pub use outlier::{KeptRows, OUTLIER_NEIGHBOURS, outlier_factors, patch_outliers};
pub use search::{SOFT_PENALTY, Search};
pub use unit::normalise_rows;
pub(crate) use whitening::centred;
pub use whitening::{Whitened, Whitening};
